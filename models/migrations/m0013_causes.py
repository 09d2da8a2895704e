"""Version 13: no fact before its cause. Times that precede their cause are corrected.

The carriers' own times stay in `carrier_event`, and posted journal entries stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine

_PLACED = "(SELECT o.placed_at FROM sales_order o WHERE o.id = fulfillment.order_id)"
_SHIPPED = (
    "(SELECT MIN(f.shipped_at) FROM fulfillment f WHERE f.order_id = customer_return.order_id)"
)
_REQUESTED = "(SELECT r.requested_at FROM customer_return r WHERE r.id = return_item.return_id)"


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, the same for each engine."""
    yield (
        f"UPDATE fulfillment SET shipped_at = {_PLACED},"
        f" lost_at = CASE WHEN lost_at < {_PLACED} THEN {_PLACED} ELSE lost_at END"
        f" WHERE shipped_at < {_PLACED}"
    )
    yield "UPDATE fulfillment SET delivered_at = shipped_at WHERE delivered_at < shipped_at"
    yield (f"UPDATE customer_return SET requested_at = {_SHIPPED} WHERE requested_at < {_SHIPPED}")
    yield "UPDATE customer_return SET scanned_at = requested_at WHERE scanned_at < requested_at"
    yield (f"UPDATE return_item SET received_at = {_REQUESTED} WHERE received_at < {_REQUESTED}")
