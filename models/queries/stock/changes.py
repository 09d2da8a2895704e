"""Changes since a position: the query that validates the availability cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session

CHANGES_MAX = 2_000

# One statement, so one snapshot: in it every event is either numbered or pending. Usually it reads
# the ends of two indexes and finds nothing. The arrays say so to PostgreSQL: without them it
# expected a third of all events, and read all of them for that (1,894 pages of 30,000 events
# instead of 5).
_SINCE = """
SELECT * FROM (
  SELECT p.position, e.id AS event_id, e.subject_type, e.subject_key, e.data
  FROM event e JOIN event_position p ON p.event_id = e.id
  WHERE e.id = ANY(ARRAY(
    SELECT event_id FROM event_position WHERE position > $1 ORDER BY position LIMIT $3))
  ORDER BY p.position
) AS numbered
UNION ALL
SELECT * FROM (
  SELECT CAST(NULL AS bigint) AS position, e.id, e.subject_type, e.subject_key, e.data
  FROM event e
  WHERE e.id = ANY(ARRAY(
    SELECT event_id FROM event_pending WHERE NOT (event_id = ANY($2::bigint[]))
    ORDER BY event_id LIMIT $3))
  ORDER BY e.id
) AS pending
"""


class ChangeRow(TypedDict):
    """An event, numbered or pending."""

    position: int | None
    event_id: int
    subject_type: str
    subject_key: str
    data: str


async def since(session: Session, position: int, pending: Sequence[int]) -> Sequence[ChangeRow]:
    """Events after `position`, and events that wait for a position; at most CHANGES_MAX of each.

    `pending`: waiting events that are known already; they are left out.
    """
    return await session.rows(ChangeRow, _SINCE, position, list(pending), CHANGES_MAX)


_SKUS_OF_ORDERS = """
SELECT sku FROM item
WHERE id = ANY(ARRAY(SELECT item_id FROM order_line WHERE order_id = ANY($1::uuid[])))
"""


class _OrderSkuRow(TypedDict):
    sku: str


async def skus_of_orders(session: Session, orders: Sequence[UUID]) -> list[str]:
    """The SKUs of these orders."""
    return [row["sku"] for row in await session.rows(_OrderSkuRow, _SKUS_OF_ORDERS, list(orders))]
