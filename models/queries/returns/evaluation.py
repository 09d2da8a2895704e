"""Facts for evaluating a return request: items, and the customer's history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from domain.values.codes import comparison_key
from models.database.rows import Flag, Total
from models.database.sessions import Session


async def order_named(session: Session, channel: str, reference: str) -> UUID | None:
    """The order of a channel (by code) with this external reference."""
    return await session.value(
        UUID,
        "SELECT o.id FROM sales_order o JOIN channel c ON c.id = o.channel_id"
        " WHERE c.code_key = $1 AND o.external_reference_key = $2",
        comparison_key(channel),
        comparison_key(reference),
    )


class ReturnableItemRow(TypedDict):
    """An item as the policies of returns see it."""

    id: int
    category: str | None
    returnable: Flag


async def returnable_items(
    session: Session, item_ids: Sequence[int]
) -> dict[int, ReturnableItemRow]:
    """(category, returnable) of items, by id."""
    rows = await session.rows(
        ReturnableItemRow,
        "SELECT id, category, returnable FROM item WHERE id = ANY($1::bigint[])",
        list(item_ids),
    )
    return {row["id"]: row for row in rows}


class CustomerRow(TypedDict):
    """A customer of a channel."""

    customer_reference: str
    channel_id: int


async def customer_of(session: Session, order_id: UUID) -> CustomerRow | None:
    """(customer_reference, channel_id) of an order; None if it has no customer reference."""
    return await session.row(
        CustomerRow,
        "SELECT customer_reference, channel_id FROM sales_order"
        " WHERE id = $1 AND customer_reference IS NOT NULL",
        order_id,
    )


_HISTORY = """
SELECT
  (SELECT COALESCE(SUM(l.shipped + l.delivered), 0) FROM sales_order o
   JOIN order_line l ON l.order_id = o.id
   WHERE o.customer_reference = $1 AND o.channel_id = $2) AS shipped_units,
  (SELECT COALESCE(SUM(t.quantity), 0) FROM sales_order o
   JOIN customer_return r ON r.order_id = o.id JOIN return_item t ON t.return_id = r.id
   WHERE o.customer_reference = $1 AND o.channel_id = $2 AND r.requested_at <= $3
     AND r.status NOT IN ('DECLINED', 'CANCELLED', 'EXPIRED') AND t.state <> 'MISSING'
     AND t.order_line_id IS NOT NULL) AS returned_units,
  (SELECT COUNT(*) FROM sales_order o JOIN customer_return r ON r.order_id = o.id
   WHERE o.customer_reference = $1 AND o.channel_id = $2 AND r.status <> 'CANCELLED'
     AND r.requested_at <= $3 AND r.requested_at > $4) AS recent_returns,
  (SELECT COUNT(DISTINCT r.id) FROM sales_order o
   JOIN customer_return r ON r.order_id = o.id JOIN return_item t ON t.return_id = r.id
   WHERE o.customer_reference = $1 AND o.channel_id = $2 AND r.status <> 'CANCELLED'
     AND r.requested_at <= $3 AND t.order_line_id IS NOT NULL
     AND t.item_id = ANY($5::bigint[])) AS same_sku_returns
"""


class CustomerHistoryRow(TypedDict):
    """Units that a customer was sent and gave back, and numbers of returns."""

    shipped_units: Total
    returned_units: Total
    recent_returns: int
    same_sku_returns: int


async def customer_history(
    session: Session,
    customer: CustomerRow,
    at: datetime,
    recent_since: datetime,
    item_ids: Sequence[int],
) -> CustomerHistoryRow:
    """Units and returns of a channel's customer up to `at`: shipped and returned."""
    row = await session.row(
        CustomerHistoryRow,
        _HISTORY,
        customer["customer_reference"],
        customer["channel_id"],
        at,
        recent_since,
        list(item_ids),
    )
    assert row is not None
    return row
