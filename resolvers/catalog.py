"""Master data: look-ups, lists and upserts."""

from typing import Annotated

from strawberry import UNSET, argument

import models.queries.reads.catalog as catalog_reads
import workflows.catalog.channels
import workflows.catalog.items
import workflows.catalog.locations
import workflows.catalog.master_data
from domain.catalog.commands import UpsertReasonCode, UpsertSupplier
from domain.values.search_texts import search_term
from models.queries.reads.catalog import ItemFilters
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, given, named
from schema.fields.enums import ItemSort, LocationKind, ReasonKind
from schema.fields.paging import CountedConnection, selection_of, window
from schema.mutations.catalog import (
    ChannelInput,
    ChannelPayload,
    ItemInput,
    ItemsUpsertPayload,
    LocationInput,
    LocationPayload,
    ReasonCodePayload,
    SupplierPayload,
    upsert_items,
)
from schema.mutations.perform import perform_mutation
from schema.permissions import visible_supplier
from schema.types.catalog import Channel, Item, Location, ReasonCode
from server.projection.list_sizes import PAGE_MAX, sized


async def item(info: Info, sku: str) -> Item | None:
    """The item with this SKU; null if there is none."""
    row = await catalog_reads.item(await info.context.session(), sku)
    return None if row is None else Item.from_row(row, info.context)


async def items(
    info: Info,
    search: str | None = UNSET,
    supplier: Annotated[
        str | None, argument(description="Only of the supplier with this code.")
    ] = UNSET,
    category: Annotated[str | None, argument(description="Only of this category.")] = UNSET,
    active: Annotated[
        bool | None, argument(description="True: only active ones. False: only others.")
    ] = UNSET,
    sort: Annotated[ItemSort | None, argument(description="Order of the list.")] = ItemSort.NEWEST,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[Item]:
    """Items, newest first unless `sort` states another order. Null arguments do not filter.

    `search` selects items that contain it in SKU, name or barcode. Case, accents, width and
    repeated blanks make no difference, in any alphabet: "OREBRO" finds "Örebro". It may
    have at most 255 characters.
    """
    filters = ItemFilters(
        term=search_term(given(search), "search"),
        supplier=visible_supplier(info.context.caller, given(supplier)),
        category=given(category),
        is_active=given(active),
    )
    session = await info.context.session()
    page = await catalog_reads.items(
        session,
        window(first, after, last, before, selection_of(info)),
        filters,
        sort or ItemSort.NEWEST,
    )
    return CountedConnection(page, Item.from_row, info.context)


async def location(info: Info, code: str) -> Location | None:
    """The location with this code; null if the caller's key has none in its scope."""
    row = await catalog_reads.location(*await info.context.opened(), code)
    return None if row is None else Location.from_row(row, info.context)


@sized(PAGE_MAX)
async def locations(
    info: Info,
    kinds: Annotated[
        list[LocationKind] | None, argument(description="Only of these kinds.")
    ] = UNSET,
    under: Annotated[
        str | None,
        argument(description="Only those in the location with this code, at any depth."),
    ] = UNSET,
) -> list[Location]:
    """Locations in the scope of the caller's key, newest first. Null arguments do not filter."""
    rows = await catalog_reads.locations(
        *await info.context.opened(), kinds=given(kinds), under=given(under)
    )
    return [Location.from_row(row, info.context) for row in rows]


async def channel(info: Info, code: str) -> Channel | None:
    """The channel with this code; null if the caller's key has none in its scope."""
    row = await catalog_reads.channel(*await info.context.opened(), code)
    return None if row is None else Channel.from_row(row, info.context)


@sized(PAGE_MAX)
async def channels(info: Info) -> list[Channel]:
    """All channels in the scope of the caller's key, newest first."""
    rows = await catalog_reads.channels(*await info.context.opened())
    return [Channel.from_row(row, info.context) for row in rows]


@sized(PAGE_MAX)
async def reason_codes(info: Info, kind: ReasonKind | None = UNSET) -> list[ReasonCode]:
    """Reason codes, including inactive ones. A null `kind` does not filter."""
    rows = await catalog_reads.reasons(await info.context.session(), given(kind))
    return [ReasonCode.from_row(row, info.context) for row in rows]


@sized(by="items")
async def items_upsert(info: Info, items: list[ItemInput]) -> ItemsUpsertPayload | None:
    """Create or update up to 5,000 items by SKU. Each row is validated and written independently.

    Rows that are refused are null in `items`, and their errors name their positions; all other rows
    are written. Refused: INVALID, NOT_FOUND for a supplier, LIMIT_EXCEEDED.
    """
    return await perform_mutation(
        info, workflows.catalog.items.upsert, lambda: upsert_items(items), ItemsUpsertPayload
    )


async def location_upsert(info: Info, input: LocationInput) -> LocationPayload | None:
    """Create or update a location by code.

    Refused: INVALID, NOT_FOUND for the parent, LIMIT_EXCEEDED for more than 16 levels.
    """
    return await perform_mutation(
        info, workflows.catalog.locations.upsert, input.to_command, LocationPayload
    )


async def channel_upsert(info: Info, input: ChannelInput) -> ChannelPayload | None:
    """Create or update a channel by code. `locationCodes` replaces its list of locations.

    Refused: INVALID, NOT_FOUND for a location, LIMIT_EXCEEDED.
    """
    return await perform_mutation(
        info, workflows.catalog.channels.upsert, input.to_command, ChannelPayload
    )


async def reason_code_upsert(
    info: Info,
    code: str,
    kind: ReasonKind,
    label: Annotated[str, argument(description="Text for people; at most 255 characters.")],
    active: Annotated[
        bool | None, argument(description="Default for a new reason code: true.")
    ] = UNSET,
) -> ReasonCodePayload | None:
    """Create or update a reason code by kind and code.

    Refused: INVALID.
    """
    return await perform_mutation(
        info,
        workflows.catalog.master_data.upsert_reason_code,
        lambda: UpsertReasonCode(code, kind, label, named(active)),
        ReasonCodePayload,
    )


async def supplier_upsert(
    info: Info,
    code: str,
    name: Annotated[str, argument(description="At most 255 characters.")],
) -> SupplierPayload | None:
    """Create or update a supplier by code.

    Refused: INVALID.
    """
    return await perform_mutation(
        info,
        workflows.catalog.master_data.upsert_supplier,
        lambda: UpsertSupplier(code, name),
        SupplierPayload,
    )
