"""Past cases of returns and dispositions, for evaluation by a policy that is previewed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

from models.database.rows import Flag, Total
from models.database.sessions import Session

_ASKED = """
SELECT t.return_id, t.order_line_id, c.code AS reason, i.sku, i.category, i.returnable,
  SUM(t.quantity) AS quantity, l.quantity AS line_quantity, l.unit_price_minor, l.discount_minor,
  l.tax_minor, o.currency, h.code AS channel
FROM return_item t JOIN customer_return r ON r.id = t.return_id
JOIN sales_order o ON o.id = r.order_id JOIN channel h ON h.id = o.channel_id
JOIN order_line l ON t.order_line_id = l.id JOIN item i ON i.id = l.item_id
JOIN reason_code c ON c.id = t.reason_id
WHERE t.return_id = ANY($1::uuid[])
GROUP BY t.return_id, t.order_line_id, c.code, i.sku, i.category, i.returnable, l.quantity,
  l.unit_price_minor, l.discount_minor, l.tax_minor, o.currency, h.code, l.line_no
ORDER BY t.return_id, l.line_no, c.code
"""


class AskedUnitsRow(TypedDict):
    """Units of an order line that a return asked for with one reason, and the line's amounts."""

    return_id: UUID
    order_line_id: UUID
    reason: str
    sku: str
    category: str | None
    returnable: Flag
    quantity: Total
    line_quantity: int
    unit_price_minor: int
    discount_minor: int
    tax_minor: int
    currency: str
    channel: str


async def asked_units(session: Session, return_ids: Sequence[UUID]) -> Sequence[AskedUnitsRow]:
    """Units requested by each of these returns, by order line and reason."""
    return await session.rows(AskedUnitsRow, _ASKED, list(return_ids))


_FIRST_STEPS = """
SELECT t.id, t.return_id, t.condition, c.code AS reason, i.category, p.code AS location, s.decision
FROM disposition_step s JOIN return_item t ON t.id = s.return_item_id
JOIN item i ON i.id = t.item_id
JOIN location p ON p.id = t.location_id LEFT JOIN reason_code c ON c.id = t.reason_id
WHERE s.return_id = ANY($1::uuid[]) AND s.policy_version IS NOT NULL AND s.decided_by = 'policy'
ORDER BY s.return_id, t.position, s.return_version, s.id
"""


class DecidedUnitsRow(TypedDict):
    """A group of units with the first disposition that a policy decided for it."""

    id: UUID
    return_id: UUID
    condition: str | None
    reason: str | None
    category: str | None
    location: str
    decision: str


async def decided_units(session: Session, return_ids: Sequence[UUID]) -> Sequence[DecidedUnitsRow]:
    """Groups of units of these returns with a disposition decided by policy."""
    return await session.rows(DecidedUnitsRow, _FIRST_STEPS, list(return_ids))
