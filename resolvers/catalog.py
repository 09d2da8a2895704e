"""Master data: look-ups, lists and upserts."""

from typing import Annotated

from strawberry import UNSET, argument

import models.queries.reads.catalog as catalog_reads
import workflows.catalog.channels
import workflows.catalog.items
import workflows.catalog.locations
import workflows.catalog.master_data
from domain.catalog.commands import UpsertReasonCode, UpsertSupplier
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, given, named
from schema.fields.enums import ReasonKind
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
from schema.types.catalog import Channel, Item, Location, ReasonCode


async def item(info: Info, sku: str) -> Item | None:
    """The item of a SKU; null where there is none."""
    row = await catalog_reads.item(await info.context.session(), sku)
    return None if row is None else Item.from_row(row, info.context)


async def items(
    info: Info,
    search: str | None = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[Item]:
    """Items, newest first; with `search` those whose SKU, name or barcode contain it, in upper or
    lower case.
    """
    session = await info.context.session()
    page = await catalog_reads.items(
        session, window(first, after, last, before, selection_of(info)), search=given(search)
    )
    return CountedConnection(page, Item.from_row, info.context)


async def location(info: Info, code: str) -> Location | None:
    """The location of a code; null where there is none that the key reaches."""
    row = await catalog_reads.location(*await info.context.opened(), code)
    return None if row is None else Location.from_row(row, info.context)


async def locations(info: Info) -> list[Location]:
    """All locations that the key reaches, newest first."""
    rows = await catalog_reads.locations(*await info.context.opened())
    return [Location.from_row(row, info.context) for row in rows]


async def channel(info: Info, code: str) -> Channel | None:
    """The channel of a code; null where there is none that the key reaches."""
    row = await catalog_reads.channel(*await info.context.opened(), code)
    return None if row is None else Channel.from_row(row, info.context)


async def channels(info: Info) -> list[Channel]:
    """All channels that the key reaches, newest first."""
    rows = await catalog_reads.channels(*await info.context.opened())
    return [Channel.from_row(row, info.context) for row in rows]


async def reason_codes(info: Info, kind: ReasonKind | None = UNSET) -> list[ReasonCode]:
    """Reason codes, inactive ones too; of one kind, or with null of all."""
    rows = await catalog_reads.reasons(await info.context.session(), given(kind))
    return [ReasonCode.from_row(row, info.context) for row in rows]


async def items_upsert(info: Info, items: list[ItemInput]) -> ItemsUpsertPayload | None:
    """Make or change up to 5,000 items by their SKUs; each row stands on its own.

    Refused rows are null in `items`, with errors at their places; the others are written. INVALID,
    NOT_FOUND for a supplier, LIMIT_EXCEEDED.
    """
    return await perform_mutation(
        info, workflows.catalog.items.upsert, lambda: upsert_items(items), ItemsUpsertPayload
    )


async def location_upsert(info: Info, input: LocationInput) -> LocationPayload | None:
    """Make or change a location by its code.

    Refused: INVALID, NOT_FOUND for the parent, LIMIT_EXCEEDED beyond 16 levels.
    """
    return await perform_mutation(
        info, workflows.catalog.locations.upsert, input.to_command, LocationPayload
    )


async def channel_upsert(info: Info, input: ChannelInput) -> ChannelPayload | None:
    """Make or change a channel by its code; `locationCodes` takes the place of what it sold from.

    Refused: INVALID, NOT_FOUND for a location, LIMIT_EXCEEDED.
    """
    return await perform_mutation(
        info, workflows.catalog.channels.upsert, input.to_command, ChannelPayload
    )


async def reason_code_upsert(
    info: Info,
    code: str,
    kind: ReasonKind,
    label: Annotated[str, argument(description="What people read.")],
    active: Annotated[bool | None, argument(description="Of a new one, absent: true.")] = UNSET,
) -> ReasonCodePayload | None:
    """Make or change a reason code of a kind. Refused: INVALID."""
    return await perform_mutation(
        info,
        workflows.catalog.master_data.upsert_reason_code,
        lambda: UpsertReasonCode(code, kind, label, named(active)),
        ReasonCodePayload,
    )


async def supplier_upsert(info: Info, code: str, name: str) -> SupplierPayload | None:
    """Make or change a supplier by its code. Refused: INVALID."""
    return await perform_mutation(
        info,
        workflows.catalog.master_data.upsert_supplier,
        lambda: UpsertSupplier(code, name),
        SupplierPayload,
    )
