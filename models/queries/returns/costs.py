"""Costs at which units of order lines left, and at which they came back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

from models.database.rows import Total
from models.database.sessions import Session


class SentUnitsRow(TypedDict):
    """Units of an order line in the parcels with one status and one tracking number."""

    order_line_id: UUID
    status: str
    carrier: str | None
    tracking_number: str | None
    quantity: Total
    cost_minor: Total


class ReceivedUnitsRow(TypedDict):
    """Units of an order line that came back with one tracking number."""

    order_line_id: UUID
    carrier: str | None
    tracking_number: str | None
    quantity: Total
    cost_minor: Total


_SENT = """
SELECT l.order_line_id, f.status, f.carrier, f.tracking_number, SUM(l.quantity) AS quantity,
  SUM(l.cost_minor) AS cost_minor
FROM fulfillment_line l JOIN fulfillment f ON f.id = l.fulfillment_id
WHERE l.order_line_id = ANY($1::uuid[]) AND l.cost_minor IS NOT NULL
GROUP BY l.order_line_id, f.status, f.carrier, f.tracking_number
"""

_RECEIVED = """
SELECT t.order_line_id, r.carrier, r.tracking_number, SUM(t.quantity) AS quantity,
  SUM(t.cost_minor) AS cost_minor
FROM return_item t JOIN customer_return r ON r.id = t.return_id
WHERE t.order_line_id = ANY($1::uuid[]) AND t.cost_minor IS NOT NULL
GROUP BY t.order_line_id, r.carrier, r.tracking_number
"""


async def sent_units(session: Session, line_ids: Sequence[UUID]) -> Sequence[SentUnitsRow]:
    """Units of these order lines that have shipped, with their cost."""
    return await session.rows(SentUnitsRow, _SENT, list(line_ids))


async def received_units(session: Session, line_ids: Sequence[UUID]) -> Sequence[ReceivedUnitsRow]:
    """Units of these order lines that came back, with their cost."""
    return await session.rows(ReceivedUnitsRow, _RECEIVED, list(line_ids))
