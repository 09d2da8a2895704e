"""Version 29: the sweep of exceptions finds overdue orders, parcels and returns by partial indexes.

Each index has only what can still become overdue: orders that are not wholly shipped, parcels on
their way, units that wait for inspection, refunds that are decided and not settled.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine

_UNSHIPPED = "status IN ('OPEN','ALLOCATED','PARTIALLY_SHIPPED','BACKORDERED')"
_STATEMENTS = (
    "CREATE INDEX sales_order_unshipped ON sales_order (ship_by_at, id)"
    f" WHERE {_UNSHIPPED} AND ship_by_at IS NOT NULL",
    "CREATE INDEX sales_order_unpromised ON sales_order (placed_at, id)"
    f" WHERE {_UNSHIPPED} AND ship_by_at IS NULL",
    "CREATE INDEX sales_order_undelivered ON sales_order (deliver_by_at, id)"
    " WHERE status IN ('PARTIALLY_SHIPPED','SHIPPED') AND deliver_by_at IS NOT NULL",
    "CREATE INDEX fulfillment_on_its_way ON fulfillment (shipped_at, id) WHERE status = 'SHIPPED'",
    "CREATE INDEX carrier_event_parcel ON carrier_event"
    " (tracking_number_key, carrier_key, occurred_at)",
    "CREATE INDEX return_item_uninspected ON return_item (received_at, return_id)"
    " WHERE state IN ('RECEIVED','WRONG_ITEM')",
    "CREATE INDEX refund_unsettled ON refund (decided_at, id) WHERE status IN"
    " ('NEEDS_APPROVAL','APPROVED','PROCESSING','UNKNOWN','FAILED')",
)


def statements(_: Engine) -> Iterator[str]:
    """All statements of this version in order; the same on both engines."""
    yield from _STATEMENTS
