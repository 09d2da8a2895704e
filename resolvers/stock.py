"""Stock: levels, movements, receipts and corrections by hand, and a subscription to levels."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from strawberry import UNSET, argument

import models.queries.reads.stock as stock_reads
import workflows.stock.adjustments
import workflows.stock.goods_receipts
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, Resume, given
from schema.fields.enums import MovementKind
from schema.fields.paging import Connection, CountedConnection, selection_of, window
from schema.mutations.perform import perform_mutation
from schema.mutations.stock import (
    SafetyStockInput,
    StockAdjustInput,
    StockMoveInput,
    StockPayload,
    StockReceiptInput,
)
from schema.streams import converted
from schema.types.events import StockEvent
from schema.types.stock import StockLevel, StockMovement
from subscriptions.streams.stock_and_events import StockChange


async def stock_levels(
    info: Info,
    skus: list[str] | None = UNSET,
    locations: Annotated[list[str] | None, argument(description="Codes.")] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[StockLevel]:
    """Units by item and location, newest first. Null arguments choose all."""
    page = await stock_reads.levels(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        skus=given(skus),
        locations=given(locations),
    )
    return CountedConnection(page, StockLevel.from_row, info.context)


async def stock_movements(
    info: Info,
    sku: str | None = UNSET,
    location: Annotated[str | None, argument(description="Only of this location (code).")] = UNSET,
    reference: Annotated[
        str | None,
        argument(description="A delivery's reference, or `Order:…` as movements show it."),
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection[StockMovement]:
    """What changed the levels, newest first. Null arguments choose all."""
    page = await stock_reads.movements(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        sku=given(sku),
        location=given(location),
        reference=given(reference),
    )
    return Connection(page, StockMovement.from_row, info.context)


async def stock_receive(info: Info, input: StockReceiptInput) -> StockPayload | None:
    """Book a delivery: its units become available, at their cost. Backorders are served at once.

    Refused: INVALID, NOT_FOUND, LIMIT_EXCEEDED.
    """
    return await perform_mutation(
        info, workflows.stock.goods_receipts.receive, input.to_command, StockPayload
    )


async def stock_adjust(info: Info, input: StockAdjustInput) -> StockPayload | None:
    """Correct one state of a stock level by hand.

    Refused: STALE_QUANTITY, APPROVAL_REQUIRED for a write-down above the ADJUSTMENT policy's value
    (per actor, item and day), INSUFFICIENT_STOCK, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.stock.adjustments.adjust, input.to_command, StockPayload
    )


async def stock_move(info: Info, input: StockMoveInput) -> StockPayload | None:
    """Move units between two states at their location.

    Refused: INSUFFICIENT_STOCK, also for units that a return still accounts for; INVALID,
    NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.stock.adjustments.move, input.to_command, StockPayload
    )


async def safety_stock_set(info: Info, input: SafetyStockInput) -> StockPayload | None:
    """Set how many available units of a SKU at a location are never promised.

    Refused: INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.stock.goods_receipts.set_safety_stock, input.to_command, StockPayload
    )


async def stock_changed(
    info: Info,
    skus: list[str] | None = UNSET,
    locations: Annotated[list[str] | None, argument(description="Codes.")] = UNSET,
    after: Resume = UNSET,
) -> AsyncGenerator[StockEvent, None]:
    """Stock levels that changed, as they are now.

    Null arguments choose all. A slow reader gets the latest of each level.
    """
    context = info.context
    stream = context.services.streams.stock_changed(
        context.caller,
        skus=given(skus),
        locations=given(locations),
        after=given(after),
        audience=context.audience,
    )

    def convert(change: StockChange) -> StockEvent:
        level = StockLevel.from_row(change.shelf.level, context)
        return StockEvent(
            cursor=change.cursor,
            level=level,
            cause=MovementKind(change.cause),
            shelf=change.shelf,
            replaces=level.id,
        )

    async with aclosing(converted(stream, convert)) as events:
        async for event in events:
            yield event
