"""Stock: levels, movements, goods receipts, manual corrections, and a subscription to levels."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from strawberry import UNSET, argument

import models.queries.reads.catalog as catalog_reads
import models.queries.reads.stock as stock_reads
import models.queries.stock.scans as scans
import workflows.stock.adjustments
import workflows.stock.goods_receipts
import workflows.stock.putaways
from domain.errors import BadRequest
from domain.values.search_texts import search_term
from models.queries.reads.catalog import ItemFilters
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, Resume, Snapshot, given
from schema.fields.enums import MovementKind, StockState
from schema.fields.lookups import SEARCH_MAX
from schema.fields.node import Node, key_of, load_all
from schema.fields.paging import Connection, CountedConnection, selection_of, window
from schema.mutations.perform import perform_mutation
from schema.mutations.stock import (
    PutAwayInput,
    SafetyStockInput,
    StockAdjustInput,
    StockMoveInput,
    StockPayload,
    StockReceiptInput,
)
from schema.permissions import visible_supplier
from schema.streams import converted, snapshot_position
from schema.types.events import StockEvent
from schema.types.stock import StockLevel, StockMovement
from server.projection.list_sizes import sized
from subscriptions.streams.stock_and_events import StockChange


async def stock_levels(
    info: Info,
    skus: list[str] | None = UNSET,
    locations: Annotated[
        list[str] | None, argument(description="Only of the locations with these codes.")
    ] = UNSET,
    search: Annotated[
        str | None,
        argument(description="Part of SKU, name or barcode of the item, as in `items`."),
    ] = UNSET,
    category: Annotated[
        str | None, argument(description="Only of items of this category.")
    ] = UNSET,
    supplier: Annotated[
        str | None, argument(description="Only of items of the supplier with this code.")
    ] = UNSET,
    below_safety: Annotated[
        bool | None,
        argument(description="True: only with less available than `safetyStock`. False: others."),
    ] = UNSET,
    having: Annotated[
        list[StockState] | None,
        argument(description="Only with units in one of these states."),
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[StockLevel]:
    """Stock levels, newest first. Null arguments do not filter."""
    page = await stock_reads.levels(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        skus=given(skus),
        locations=given(locations),
        of_items=ItemFilters(
            term=search_term(given(search), "search"),
            category=given(category),
            supplier=visible_supplier(info.context.caller, given(supplier)),
        ),
        is_below_safety=given(below_safety),
        having=given(having),
    )
    return CountedConnection(page, StockLevel.from_row, info.context)


async def scan(
    info: Info,
    code: Annotated[str, argument(description="As a scanner reads it; at most 255 characters.")],
    location_code: str,
) -> list[Node]:
    """All objects that this code names exactly at this location, at most 20.

    Items by SKU or code, the location with its zones and bins, fulfillments of the location by
    number, tote or tracking number, returns by RMA or tracking number, orders by number, and
    transfers from or to the location by number or tracking number. Kinds that the role may not read
    are left out.
    """
    if len(code) > SEARCH_MAX:
        raise BadRequest(
            f"code: at most {SEARCH_MAX} characters are allowed; {len(code):,} were sent."
        )
    session, scope = await info.context.opened()
    place = await catalog_reads.location(session, scope, location_code)
    if place is None:
        return []
    found: list[Node] = []
    for kind, keys in (await scans.named(session, scope, code, place["id"])).items():
        if info.context.caller.may_read_node(kind):
            found += await load_all(info.context, kind, [key_of(kind, key) for key in keys])
    return found[: scans.FOUND_MAX]


async def stock_movements(
    info: Info,
    sku: str | None = UNSET,
    location: Annotated[
        str | None, argument(description="Only of the location with this code.")
    ] = UNSET,
    reference: Annotated[
        str | None,
        argument(
            description="Only with this reference: that of a delivery, or type and key as in "
            "`StockMovement.reference`."
        ),
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection[StockMovement]:
    """Stock movements, newest first. Null arguments do not filter."""
    page = await stock_reads.movements(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        sku=given(sku),
        location=given(location),
        reference=given(reference),
    )
    return Connection(page, StockMovement.from_row, info.context)


@sized(by="input.lines")
async def stock_receive(info: Info, input: StockReceiptInput) -> StockPayload | None:
    """Record a goods receipt. Its units become available, at their cost.

    Open backorders are allocated at once. Refused: INVALID, NOT_FOUND, LIMIT_EXCEEDED.
    """
    return await perform_mutation(
        info, workflows.stock.goods_receipts.receive, input.to_command, StockPayload
    )


@sized(by="input.lines")
async def stock_put_away(info: Info, input: PutAwayInput) -> StockPayload | None:
    """Put units into bins: those that are in no bin, or those of another bin.

    Nothing changes its state, so there are no movements. Refused: INSUFFICIENT_STOCK if fewer units
    are there, TASK_NOT_CLAIMED if another worker puts the item away, INVALID, NOT_FOUND,
    LIMIT_EXCEEDED above 200 lines.
    """
    return await perform_mutation(
        info, workflows.stock.putaways.put_away, input.to_command, StockPayload
    )


async def stock_adjust(info: Info, input: StockAdjustInput) -> StockPayload | None:
    """Correct the units of one state of a stock level.

    Refused: STALE_QUANTITY, INSUFFICIENT_STOCK, INVALID, NOT_FOUND, APPROVAL_REQUIRED for a
    write-down above the value in the ADJUSTMENT policy (per actor, item and day).
    """
    return await perform_mutation(
        info, workflows.stock.adjustments.adjust, input.to_command, StockPayload
    )


async def stock_move(info: Info, input: StockMoveInput) -> StockPayload | None:
    """Move units from one state to another at a location.

    Refused: INSUFFICIENT_STOCK, also for units that belong to an open return; INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.stock.adjustments.move, input.to_command, StockPayload
    )


async def safety_stock_set(info: Info, input: SafetyStockInput) -> StockPayload | None:
    """Set the safety stock of a SKU at a location: available units that are never promised.

    Refused: INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.stock.goods_receipts.set_safety_stock, input.to_command, StockPayload
    )


async def stock_changed(
    info: Info,
    skus: list[str] | None = UNSET,
    locations: Annotated[
        list[str] | None, argument(description="Only of the locations with these codes.")
    ] = UNSET,
    after: Resume = UNSET,
    snapshot: Snapshot = False,
) -> AsyncGenerator[StockEvent, None]:
    """The present state of stock levels, sent after each change, or first as it is now.

    Null arguments do not filter. A subscriber that reads slowly gets only the latest state of each
    level.
    """
    context, start = info.context, given(after)
    of, at = given(skus), given(locations)

    def convert(change: StockChange) -> StockEvent:
        level = StockLevel.from_row(change.details.level, context)
        return StockEvent(
            cursor=change.cursor,
            level=level,
            cause=MovementKind(change.cause),
            details=change.details,
            replaces=level.id,
        )

    if given(snapshot):
        position = await snapshot_position(context, start)
        start = str(position)
        states = context.services.snapshots.levels(context.caller, of, at, position)
        async with aclosing(converted(states, convert)) as present:
            async for event in present:
                yield event
    stream = context.services.streams.stock_changed(
        context.caller, skus=of, locations=at, after=start, audience=context.audience
    )
    async with aclosing(converted(stream, convert)) as events:
        async for event in events:
            yield event
