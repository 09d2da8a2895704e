"""Reads of master data: lists, lookups, and rows by id for the edges of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import models.queries.catalog.catalog as catalog_queries
import models.queries.listing.visibility as visibility
from domain.values.codes import comparison_key, stored_form
from domain.values.sorts import ItemSort
from models.catalog import (
    Channel,
    ChannelRow,
    ItemRow,
    Location,
    LocationRow,
    ReasonCode,
    ReasonCodeRow,
    Supplier,
    SupplierRow,
)
from models.database.keys import shown_columns
from models.database.sessions import Session
from models.queries.catalog.item_search import FoundItems
from models.queries.listing.paging import Direction, Listing, Page, SortKey, Window, by_key, grouped
from models.queries.listing.scopes import Scope

LOCATIONS_MAX = 10_000
REASONS_MAX = 10_000
_ID = SortKey("t.id", "id", "bigint")
ITEM_COLUMNS = ("id", "sku", "updated_at", *catalog_queries.ITEM_COLUMNS)
LOCATION_COLUMNS = (
    "id",
    "code",
    "name",
    "kind",
    "country_code",
    "daily_order_capacity",
    "active",
    "time_zone",
    "pack_required",
    "scan_required",
    "walk_order",
    "parent_id",
)
CHANNEL_COLUMNS = ("id", "code", "name", "kind", "currency", "priority", "safety_buffer", "active")
LOCATION = shown_columns(Location, "t")
_CHANNEL = shown_columns(Channel, "t")
ITEM = ", ".join(f"t.{name}" for name in ITEM_COLUMNS)


_ITEM_SORTS: Mapping[ItemSort, tuple[tuple[SortKey, ...], Direction]] = {
    ItemSort.NEWEST: ((_ID,), "DESC"),
    ItemSort.SKU: ((SortKey("t.sku", "sku", "text"), _ID), "ASC"),
    ItemSort.NAME: ((SortKey("t.name", "name", "text"), _ID), "ASC"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFilters:
    """The filters of a list of items; None: no condition. `term`: a folded search."""

    term: str | None = None
    supplier: str | None = None
    category: str | None = None
    is_active: bool | None = None


ALL_ITEMS = ItemFilters()


async def items(
    session: Session, window: Window, filters: ItemFilters, sort: ItemSort = ItemSort.NEWEST
) -> Page[ItemRow]:
    """Items that pass all filters. A search finds parts of SKU, name and barcode."""
    order, direction = _ITEM_SORTS[sort]
    if filters.term is not None:
        listing: Listing[ItemRow] = FoundItems(session.engine, ITEM, filters.term)
    else:
        listing = Listing(ItemRow, ITEM, "item t", _ID)
    listing.sorted_by(*order, direction=direction)
    listing.coded("t.supplier_id", "supplier", filters.supplier)
    if filters.category is not None:
        listing.equal("t.category", stored_form(filters.category))
    if filters.is_active is not None:
        listing.where("t.active" if filters.is_active else "NOT t.active")
    return await listing.page(session, window)


async def item(session: Session, sku: str) -> ItemRow | None:
    """The item of a SKU."""
    return await session.row(
        ItemRow, f"SELECT {ITEM} FROM item t WHERE t.sku_key = $1", comparison_key(sku)
    )


async def items_by_id(session: Session, ids: Sequence[int]) -> Mapping[int, ItemRow]:
    """Items by id."""
    return by_key(
        await session.rows(
            ItemRow, f"SELECT {ITEM} FROM item t WHERE t.id = ANY($1::bigint[])", list(ids)
        ),
        "id",
    )


async def suppliers_by_id(session: Session, ids: Sequence[int]) -> Mapping[int, SupplierRow]:
    """Suppliers by id."""
    found = await Supplier.filter(id__in=ids).using_db(session.client)
    return {each.id: SupplierRow(id=each.id, code=each.code, name=each.name) for each in found}


# All locations in one, at any depth.
_UNDER = """t.id IN (
  WITH RECURSIVE below (id) AS (
    SELECT l.id FROM location l JOIN location p ON p.id = l.parent_id WHERE p.code_key = {}
    UNION SELECT l.id FROM location l JOIN below b ON l.parent_id = b.id)
  SELECT id FROM below)"""


async def locations(
    session: Session, scope: Scope, *, kinds: Sequence[str] | None, under: str | None
) -> Sequence[LocationRow]:
    """Locations that the caller may see, newest first, by kinds and by what they lie in."""
    listing = Listing(LocationRow, LOCATION, visibility.LOCATION.table, _ID)
    visibility.LOCATION.within(listing, scope)
    if kinds is not None:
        listing.where("t.kind = ANY({}::text[])", list(kinds))
    if under is not None:
        listing.where(_UNDER, comparison_key(under))
    return await listing.whole(session, LOCATIONS_MAX, "locations")


async def location(session: Session, scope: Scope, code: str) -> LocationRow | None:
    """The location with a code, if the caller may see it."""
    listing = Listing(LocationRow, LOCATION, visibility.LOCATION.table, _ID)
    visibility.LOCATION.within(listing, scope).equal("t.code_key", comparison_key(code))
    return next(iter(await listing.all(session, 1)), None)


async def locations_by_id(session: Session, ids: Sequence[int]) -> Mapping[int, LocationRow]:
    """Locations by id."""
    return by_key(
        await session.rows(
            LocationRow,
            f"SELECT {LOCATION} FROM location t WHERE t.id = ANY($1::bigint[])",
            list(ids),
        ),
        "id",
    )


async def visible_locations_by_id(
    session: Session, scope: Scope, ids: Sequence[int]
) -> Mapping[int, LocationRow]:
    """Locations by id, if the caller may see them."""
    listing = Listing(LocationRow, LOCATION, visibility.LOCATION.table, _ID)
    visibility.LOCATION.within(listing, scope).where("t.id = ANY({}::bigint[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


class ChannelLocationRow(LocationRow):
    """A location that a channel sells from."""

    channel_id: int


async def locations_by_channel(
    session: Session, ids: Sequence[int]
) -> Mapping[int, list[ChannelLocationRow]]:
    """The locations that each of these channels sells from, by code."""
    rows = await session.rows(
        ChannelLocationRow,
        f"SELECT {LOCATION}, c.channel_id FROM channel_location c"
        " JOIN location t ON t.id = c.location_id"
        " WHERE c.channel_id = ANY($1::bigint[]) ORDER BY t.code",
        list(ids),
    )
    return grouped(rows, "channel_id")


async def channels(session: Session, scope: Scope) -> Sequence[ChannelRow]:
    """Channels that the caller may see, newest first."""
    listing = Listing(ChannelRow, _CHANNEL, visibility.CHANNEL.table, _ID)
    return await visibility.CHANNEL.within(listing, scope).whole(session, LOCATIONS_MAX, "channels")


async def channel(session: Session, scope: Scope, code: str) -> ChannelRow | None:
    """The channel with a code, if the caller may see it."""
    row = await session.row(
        ChannelRow, f"SELECT {_CHANNEL} FROM channel t WHERE t.code_key = $1", comparison_key(code)
    )
    return row if row is not None and scope.sees_channel(row["id"]) else None


async def channels_by_id(session: Session, ids: Sequence[int]) -> Mapping[int, ChannelRow]:
    """Channels by id."""
    return by_key(
        await session.rows(
            ChannelRow,
            f"SELECT {_CHANNEL} FROM channel t WHERE t.id = ANY($1::bigint[])",
            list(ids),
        ),
        "id",
    )


async def visible_channels_by_id(
    session: Session, scope: Scope, ids: Sequence[int]
) -> Mapping[int, ChannelRow]:
    """Channels by id, if the caller may see them."""
    return await channels_by_id(session, [key for key in ids if scope.sees_channel(key)])


async def reasons(session: Session, kind: str | None) -> Sequence[ReasonCodeRow]:
    """Reason codes of one kind or all, newest first; inactive ones too, as rows refer to them."""
    found = ReasonCode.all(using_db=session.client)
    if kind is not None:
        found = found.filter(kind=kind)
    return [_reason(each) for each in await found.order_by("-id").limit(REASONS_MAX)]


async def reasons_by_id(session: Session, ids: Sequence[int]) -> Mapping[int, ReasonCodeRow]:
    """Reason codes by id."""
    found = await ReasonCode.filter(id__in=ids).using_db(session.client)
    return {each.id: _reason(each) for each in found}


def _reason(each: ReasonCode) -> ReasonCodeRow:
    return ReasonCodeRow(
        id=each.id, code=each.code, kind=each.kind, label=each.label, active=each.active
    )
