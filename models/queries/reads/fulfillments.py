"""Reads of fulfillments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
from domain.values.codes import comparison_key
from models.database.keys import shown_columns
from models.database.sessions import Session
from models.fulfillments import Fulfillment, FulfillmentRow
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key
from models.queries.listing.related import RelatedRows
from models.queries.listing.scopes import Scope
from models.queries.listing.selections import ShownColumns

_FULFILLMENT = shown_columns(Fulfillment, "f")
_ID = SortKey("f.id", "id", "uuid")


def _visible(scope: Scope) -> Listing[FulfillmentRow]:
    listing = Listing(FulfillmentRow, _FULFILLMENT, visibility.FULFILLMENT.table, _ID)
    return visibility.FULFILLMENT.within(listing, scope)


# The fulfillments of an item, each once: by its first line with the item.
_OF_ITEM = "fulfillment_line d JOIN fulfillment f ON f.id = d.fulfillment_id"
_IS_ITEM = (
    "d.item_id = (SELECT id FROM item WHERE sku_key = {})"
    " AND NOT EXISTS (SELECT 1 FROM fulfillment_line e WHERE e.item_id = d.item_id"
    " AND e.fulfillment_id = d.fulfillment_id AND e.id < d.id)"
)


async def fulfillments(
    session: Session,
    scope: Scope,
    window: Window,
    *,
    location: str | None,
    status: str | None,
    sku: str | None,
) -> Page[FulfillmentRow]:
    """Fulfillments by location, status and SKU, newest first."""
    if sku is None:
        listing = _visible(scope)
    else:
        key = SortKey("d.fulfillment_id", "id", "uuid")
        listing = Listing(FulfillmentRow, _FULFILLMENT, _OF_ITEM, key)
        visibility.FULFILLMENT.within(listing, scope).where(_IS_ITEM, comparison_key(sku))
    listing.equal("f.status", status)
    listing.coded("f.location_id", "location", location)
    return await listing.page(session, window)


async def fulfillments_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, FulfillmentRow]:
    """Fulfillments by id, if the caller may see them."""
    listing = _visible(scope).where("f.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def fulfillments_by_order(
    session: Session, scope: Scope, ids: Sequence[UUID], columns: ShownColumns = None
) -> Mapping[UUID, list[FulfillmentRow]]:
    """Fulfillments of each of these orders at locations that the caller may see."""
    return await _visible(scope).owned(session, "order_id", ids, columns=columns)


class ShownLineRow(TypedDict):
    """A fulfillment line with its item's SKU."""

    fulfillment_id: UUID
    order_line_id: UUID
    item_id: int
    quantity: int
    sku: str


# The ids of an order's lines ascend with their numbers, because one action makes them in order.
LINES_OF_FULFILLMENT = RelatedRows(
    ShownLineRow,
    "fulfillment_line f",
    "fulfillment_id",
    "f.order_line_id",
    looked_up={"sku": "(SELECT i.sku FROM item i WHERE i.id = f.item_id)"},
    condition=" AND f.quantity > 0",
)


async def lines_by_fulfillment(
    session: Session, ids: Sequence[UUID], columns: ShownColumns = None
) -> Mapping[UUID, list[ShownLineRow]]:
    """The lines of each of these fulfillments with units left, in the order of the order's
    lines.
    """
    return await LINES_OF_FULFILLMENT.read(session, ids, columns)
