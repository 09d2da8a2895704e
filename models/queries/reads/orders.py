"""Reads of orders, lines, payments, and addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
from domain.orders.orders import issued_order_number
from domain.values.codes import comparison_key
from models.database.rows import Total
from models.database.sessions import Session
from models.orders import OrderAddressRow, OrderLineUnits
from models.queries.listing.paging import Listing, SortKey, by_key
from models.queries.listing.related import RelatedRows
from models.queries.listing.scopes import Scope
from models.queries.listing.selections import ShownColumns

_ID = SortKey("o.id", "id", "uuid")
# Only columns that the API shows: each one more is decoded for every row of a page.
ORDER = (
    "o.id, o.number, o.channel_id, o.external_reference, o.status, o.customer_reference,"
    " o.service_level, o.currency, o.total_minor, o.placed_at, o.ship_by_at, o.deliver_by_at,"
    " o.routing, o.note, o.tags, o.updated_at"
)


class OrderRow(TypedDict):
    """An order as the API shows it; `routing` is JSON."""

    id: UUID
    number: str
    channel_id: int
    external_reference: str
    status: str
    customer_reference: str | None
    service_level: str
    currency: str
    total_minor: int
    placed_at: datetime
    ship_by_at: datetime | None
    deliver_by_at: datetime | None
    routing: str | None
    note: str | None
    tags: str | None
    updated_at: datetime


def _visible(scope: Scope) -> Listing[OrderRow]:
    listing = Listing(OrderRow, ORDER, visibility.ORDER.table, _ID)
    return visibility.ORDER.within(listing, scope)


async def orders_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, OrderRow]:
    """Orders by id, if the caller may see them."""
    listing = _visible(scope).where("o.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def order_by_reference(
    session: Session, scope: Scope, channel: str, reference: str
) -> OrderRow | None:
    """The order of a channel with this external reference."""
    listing = _visible(scope).coded("o.channel_id", "channel", channel)
    listing.equal("o.external_reference_key", comparison_key(reference))
    rows = await listing.all(session, 1)
    return rows[0] if rows else None


async def order_by_number(session: Session, scope: Scope, number: str) -> OrderRow | None:
    """The order with a number, as it was typed."""
    listing = _visible(scope).equal("o.number", issued_order_number(number))
    rows = await listing.all(session, 1)
    return rows[0] if rows else None


_LINES = (
    "SELECT l.*, i.sku, o.currency, o.channel_id FROM order_line l JOIN item i ON i.id = l.item_id"
    " JOIN sales_order o ON o.id = l.order_id"
)


class OrderLineRow(OrderLineUnits):
    """An order line with its item's SKU and its order's currency and channel."""

    id: UUID
    order_id: UUID
    line_no: int
    item_id: int
    location_id: int | None
    quantity: int
    unit_price_minor: int
    discount_minor: int
    tax_minor: int
    sku: str
    currency: str
    channel_id: int


LINES_OF_ORDER = RelatedRows(
    OrderLineRow,
    "order_line l",
    "order_id",
    "l.line_no",
    looked_up={"sku": "(SELECT i.sku FROM item i WHERE i.id = l.item_id)"},
    owner_table="sales_order o",
    owner_columns=frozenset({"currency", "channel_id"}),
)


async def lines_by_order(
    session: Session, ids: Sequence[UUID], columns: ShownColumns = None
) -> Mapping[UUID, list[OrderLineRow]]:
    """The lines of each of these orders, in their order."""
    return await LINES_OF_ORDER.read(session, ids, columns)


async def lines_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, OrderLineRow]:
    """Order lines by id, if the caller may see their order."""
    rows = await session.rows(OrderLineRow, f"{_LINES} WHERE l.id = ANY($1::uuid[])", list(ids))
    seen = await orders_by_id(session, scope, list({row["order_id"] for row in rows}))
    return by_key([row for row in rows if row["order_id"] in seen], "id")


class _PaidRow(TypedDict):
    order_id: UUID
    paid_minor: Total


async def paid_by_order(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """Captured minor units of each of these orders; orders without a payment are missing."""
    rows = await session.rows(
        _PaidRow,
        "SELECT order_id, sum(amount_minor) AS paid_minor FROM order_payment"
        " WHERE order_id = ANY($1::uuid[]) GROUP BY order_id",
        list(ids),
    )
    return {row["order_id"]: int(row["paid_minor"]) for row in rows}


async def addresses_by_order(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, OrderAddressRow]:
    """The delivery address of each of these orders; erased addresses are missing."""
    rows = await session.rows(
        OrderAddressRow, "SELECT * FROM order_address WHERE order_id = ANY($1::uuid[])", list(ids)
    )
    return by_key(rows, "order_id")
