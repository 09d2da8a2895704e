"""Orders, their lines, payments and addresses as they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from models.database.rows import RowT
from models.database.sessions import Row, Session
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key, grouped
from models.queries.listing.scopes import Scope

_ID = SortKey("o.id", "id", "uuid")
# What the API shows of an order: each column more is decoded twenty times a page.
_ORDER = (
    "o.id, o.number, o.channel_id, o.external_reference, o.status, o.customer_reference,"
    " o.service_level, o.currency, o.total_minor, o.placed_at, o.ship_by_at, o.deliver_by_at,"
    " o.routing"
)


def seen(listing: Listing[RowT], scope: Scope) -> Listing[RowT]:
    """Only orders `o` of the caller's channels that leave from one of its locations, come back to
    one, or were placed by the caller itself.

    An order that nothing is allocated for is at no location: its channel alone decides.
    """
    listing.within("o.channel_id", scope.channel_ids)
    if scope.location_ids is not None:
        places = list(scope.location_ids)
        listing.where(
            "(o.actor = {} OR EXISTS (SELECT 1 FROM fulfillment f WHERE f.order_id = o.id"
            " AND f.location_id = ANY({}::bigint[]))"
            " OR EXISTS (SELECT 1 FROM customer_return b LEFT JOIN return_item t"
            " ON t.return_id = b.id WHERE b.order_id = o.id"
            " AND (b.destination_id = ANY({}::bigint[]) OR t.location_id = ANY({}::bigint[])))"
            " OR NOT EXISTS (SELECT 1 FROM fulfillment f WHERE f.order_id = o.id))",
            scope.actor,
            places,
            places,
            places,
        )
    return listing


def _visible(scope: Scope) -> Listing[dict[str, Any]]:
    return seen(Listing(dict, _ORDER, "sales_order o", _ID), scope)


async def orders(
    session: Session, scope: Scope, window: Window, *, status: str | None, channel: str | None
) -> Page[dict[str, Any]]:
    """Orders in a status, of a channel, newest first."""
    listing = _visible(scope).equal("o.status", status)
    if channel is not None:
        listing.where("o.channel_id = (SELECT id FROM channel WHERE code = {})", channel)
    return await listing.page(session, window)


async def orders_by_id(session: Session, scope: Scope, ids: Sequence[UUID]) -> Mapping[UUID, Row]:
    """Orders by id, where the caller may see them."""
    listing = _visible(scope).where("o.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def order_by_reference(
    session: Session, scope: Scope, channel: str, reference: str
) -> Row | None:
    """The order of a channel under the shop's own reference."""
    listing = _visible(scope).where(
        "o.channel_id = (SELECT id FROM channel WHERE code = {}) AND o.external_reference = {}",
        channel,
        reference,
    )
    rows = await listing.all(session, 1)
    return rows[0] if rows else None


_LINES = (
    "SELECT l.*, i.sku, o.currency, o.channel_id FROM order_line l JOIN item i ON i.id = l.item_id"
    " JOIN sales_order o ON o.id = l.order_id"
)


async def lines_by_order(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, list[Row]]:
    """The lines of each of these orders, in their order."""
    rows = await session.fetch(
        f"{_LINES} WHERE l.order_id = ANY($1::uuid[]) ORDER BY l.order_id, l.line_no", list(ids)
    )
    return grouped(rows, "order_id")


async def lines_by_id(session: Session, scope: Scope, ids: Sequence[UUID]) -> Mapping[UUID, Row]:
    """Order lines by id, where the caller may see their order."""
    rows = await session.fetch(f"{_LINES} WHERE l.id = ANY($1::uuid[])", list(ids))
    seen = await orders_by_id(session, scope, list({row["order_id"] for row in rows}))
    return by_key([row for row in rows if row["order_id"] in seen], "id")


async def paid_by_order(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """Minor units captured for each of these orders; orders without a payment are missing."""
    rows = await session.fetch(
        "SELECT order_id, sum(amount_minor) AS paid_minor FROM order_payment"
        " WHERE order_id = ANY($1::uuid[]) GROUP BY order_id",
        list(ids),
    )
    return {row["order_id"]: int(row["paid_minor"]) for row in rows}


async def addresses_by_order(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, Row]:
    """Where each of these orders is sent; erased addresses are missing."""
    rows = await session.fetch(
        "SELECT * FROM order_address WHERE order_id = ANY($1::uuid[])", list(ids)
    )
    return by_key(rows, "order_id")
