"""Orders: find and lock, and change lines and status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from domain.values.codes import keys_of
from models.database.rows import changed_at
from models.database.sessions import Session
from models.database.sql import Columns, Question, WriteStatement, question
from models.orders import OrderLineUnits

_ORDER = (
    "SELECT id, number, channel_id, external_reference, status, service_level, currency,"
    " shipping_minor, shipping_tax_minor, total_minor, deposit_minor, receivable_minor,"
    " placed_at, ship_by_at, deliver_by_at, version FROM sales_order"
)


class LockedOrderRow(TypedDict):
    """A locked order."""

    id: UUID
    number: str
    channel_id: int
    external_reference: str
    status: str
    service_level: str
    currency: str
    shipping_minor: int
    shipping_tax_minor: int
    total_minor: int
    deposit_minor: int
    receivable_minor: int
    placed_at: datetime
    ship_by_at: datetime | None
    deliver_by_at: datetime | None
    version: int


class _OrderReferenceRow(TypedDict):
    id: UUID
    channel_id: int
    external_reference_key: str


async def orders_by_reference(
    session: Session, channel_ids: Sequence[int], references: Sequence[str]
) -> dict[tuple[int, str], UUID]:
    """Orders of these channels with one of these references, by (channel, key of the reference)."""
    rows = await session.rows(
        _OrderReferenceRow,
        "SELECT id, channel_id, external_reference_key FROM sales_order"
        " WHERE channel_id = ANY($1::bigint[]) AND external_reference_key = ANY($2::text[])",
        list(channel_ids),
        keys_of(references),
    )
    return {(row["channel_id"], row["external_reference_key"]): row["id"] for row in rows}


async def lock_order(session: Session, order_id: UUID) -> LockedOrderRow | None:
    """Lock an order and read it."""
    return await session.row(LockedOrderRow, f"{_ORDER} WHERE id = $1 FOR NO KEY UPDATE", order_id)


async def lock_orders(session: Session, ids: Sequence[UUID]) -> Sequence[LockedOrderRow]:
    """Lock orders in the order of their ids, and read them."""
    sql = f"{_ORDER} WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
    return await session.rows(LockedOrderRow, sql, list(ids))


async def lock_free_orders(session: Session, ids: Sequence[UUID]) -> Sequence[LockedOrderRow]:
    """Lock and read the orders among these that no other transaction has locked."""
    sql = f"{_ORDER} WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
    return await session.rows(LockedOrderRow, sql, list(ids))


_LINES = """
SELECT l.id, l.order_id, l.line_no, l.item_id,
  (SELECT i.sku FROM item i WHERE i.id = l.item_id) AS sku, l.quantity, l.unit_price_minor,
  l.discount_minor, l.tax_minor, l.backordered, l.allocated, l.picked, l.packed, l.shipped,
  l.delivered, l.lost, l.cancelled, l.location_id
FROM order_line l WHERE l.order_id = ANY($1::uuid[]) ORDER BY l.order_id, l.line_no
"""


class LockedLineRow(OrderLineUnits):
    """An order line with its item's SKU."""

    id: UUID
    order_id: UUID
    line_no: int
    item_id: int
    sku: str
    quantity: int
    unit_price_minor: int
    discount_minor: int
    tax_minor: int
    location_id: int | None


async def lines_of(session: Session, order_ids: Sequence[UUID]) -> Sequence[LockedLineRow]:
    """The lines of these orders, in line order; to be read after locking the order."""
    return await session.rows(LockedLineRow, _LINES, list(order_ids))


LINE_STATES = (
    "backordered",
    "allocated",
    "picked",
    "packed",
    "shipped",
    "delivered",
    "lost",
    "cancelled",
)


_WRITTEN_LINE: Columns = (("id", "uuid"), *((state, "bigint") for state in LINE_STATES))
_UNITS = ", ".join(f"{state} = c.{state}" for state in LINE_STATES)
_WRITTEN_ORDER: Columns = (
    ("id", "uuid"),
    ("status", "text"),
    ("version", "bigint"),
    ("changed_at", "timestamptz"),
)
_STATUS = f"status = c.status, version = c.version, {changed_at('c.changed_at')}"


async def write_orders(
    session: Session,
    lines: Sequence[tuple[UUID, dict[str, int]]],
    orders: Sequence[tuple[UUID, str, int]],
    now: datetime,
) -> None:
    """Write the units by state of order lines, and (id, status, version) of their orders."""
    units = [(line_id, *(units[state] for state in LINE_STATES)) for line_id, units in lines]
    statuses = [(*order, now) for order in orders]
    await session.write(
        {},
        (
            WriteStatement("order_line", _WRITTEN_LINE, _UNITS, units),
            WriteStatement("sales_order", _WRITTEN_ORDER, _STATUS, statuses),
        ),
    )


async def write_account(
    session: Session, order_id: UUID, deposit_minor: int, receivable_minor: int, now: datetime
) -> None:
    """Write the remaining deposit and debt of an order's customer."""
    await session.execute(
        "UPDATE sales_order SET deposit_minor = $2, receivable_minor = $3,"
        f" {changed_at('$4')} WHERE id = $1",
        order_id,
        deposit_minor,
        receivable_minor,
        now,
    )


async def write_promise(
    session: Session,
    order_id: UUID,
    ship_by: datetime | None,
    deliver_by: datetime | None,
    now: datetime,
) -> None:
    """Write the promised dates of an order."""
    await session.execute(
        "UPDATE sales_order SET ship_by_at = $2, deliver_by_at = $3,"
        f" {changed_at('$4')} WHERE id = $1",
        order_id,
        ship_by,
        deliver_by,
        now,
    )


_BACKORDERED = """
SELECT l.id AS line_id, l.order_id, l.item_id, l.backordered, o.channel_id, c.priority,
  o.placed_at
FROM order_line l JOIN sales_order o ON o.id = l.order_id JOIN channel c ON c.id = o.channel_id
WHERE l.item_id = ANY($1::bigint[]) AND l.backordered > 0
  AND (o.channel_id || ':' || l.item_id) = ANY($2::text[])
  AND (l.location_id IS NULL OR (l.location_id || ':' || l.item_id) = ANY($3::text[]))
ORDER BY c.priority, o.placed_at, l.order_id, l.line_no LIMIT $4
"""


class BackorderedLineRow(TypedDict):
    """An order line with backordered units, and what decides its turn."""

    line_id: UUID
    order_id: UUID
    item_id: int
    backordered: int
    channel_id: int
    priority: int
    placed_at: datetime


async def backordered_lines(
    session: Session,
    waiting: Sequence[tuple[int, int]],
    there: Sequence[tuple[int, int]],
    limit: int,
) -> Sequence[BackorderedLineRow]:
    """Open backordered lines of these (channel, item) pairs, in order of service; not locked.

    A line that names a location is read only if its (location, item) is in `there`.
    """
    item_ids = sorted({item_id for _, item_id in waiting})
    pairs = [f"{channel_id}:{item_id}" for channel_id, item_id in waiting]
    places = [f"{location_id}:{item_id}" for location_id, item_id in there]
    return await session.rows(BackorderedLineRow, _BACKORDERED, item_ids, pairs, places, limit)


class _WaitsRow(TypedDict):
    waits: int


def has_backordered_items(item_ids: Sequence[int]) -> Question[bool]:
    """True if an open backordered line exists for one of these items."""
    return question(
        _WaitsRow,
        "SELECT 1 AS waits FROM order_line WHERE item_id = ANY($1::bigint[]) AND backordered > 0"
        " ORDER BY item_id LIMIT 1",
        (list(item_ids),),
        bool,
    )


_SERVABLE = """
SELECT DISTINCT l.item_id
FROM order_line l JOIN sales_order o ON o.id = l.order_id JOIN channel c ON c.id = o.channel_id
WHERE l.backordered > 0 AND l.item_id > $1 AND c.active AND EXISTS (
  SELECT 1 FROM channel_location cl JOIN location p ON p.id = cl.location_id
  JOIN stock_level s ON s.location_id = p.id
  WHERE cl.channel_id = o.channel_id AND p.active AND s.item_id = l.item_id
    AND s.available > s.safety_stock)
ORDER BY l.item_id LIMIT $2
"""


class _ItemIdRow(TypedDict):
    item_id: int


async def servable_items(session: Session, after: int, limit: int) -> list[int]:
    """Backordered items after `after` that have stock at a location of the waiting order's channel.

    Buffers and protections are not considered, so some of these items cannot be served.
    """
    return [row["item_id"] for row in await session.rows(_ItemIdRow, _SERVABLE, after, limit)]


async def country_of(session: Session, order_id: UUID) -> str | None:
    """The country of an order's address; None if it has none or it was erased."""
    return await session.value(
        str, "SELECT country_code FROM order_address WHERE order_id = $1", order_id
    )


async def has_backorders(session: Session, order_id: UUID) -> bool:
    """True if any unit of an order is backordered."""
    found = await session.value(
        int,
        "SELECT 1 AS waits FROM order_line WHERE order_id = $1 AND backordered > 0 LIMIT 1",
        order_id,
    )
    return found is not None
