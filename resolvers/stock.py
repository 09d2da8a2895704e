"""Stock: levels, movements, and what a person may do to units by hand."""

from strawberry import UNSET

import models.queries.reads.stock as reads
import workflows.adjustments
import workflows.stock
from schema.context import Info
from schema.errors import change
from schema.types.arguments import given
from schema.types.changes.stock import (
    SafetyStockInput,
    StockAdjustInput,
    StockMoveInput,
    StockPayload,
    StockReceiptInput,
)
from schema.types.paging import Connection, CountedConnection, selection_of, window
from schema.types.stock import StockLevel, StockMovement


async def stock_levels(
    info: Info,
    skus: list[str] | None = UNSET,
    locations: list[str] | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> CountedConnection[StockLevel]:
    """Units by item and location."""
    page = await reads.levels(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        skus=given(skus),
        locations=given(locations),
    )
    return CountedConnection(page, StockLevel.from_row, info.context)


async def stock_movements(
    info: Info,
    sku: str | None = UNSET,
    location: str | None = UNSET,
    reference: str | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> Connection[StockMovement]:
    """What changed the levels."""
    page = await reads.movements(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        sku=given(sku),
        location=given(location),
        reference=given(reference),
    )
    return Connection(page, StockMovement.from_row, info.context)


async def stock_receive(info: Info, input: StockReceiptInput) -> StockPayload | None:
    """Book a delivery."""
    return await change(
        info,
        workflows.stock.receive,
        input.to_command,
        StockPayload,
        levels="[StockLevel]",
        movements="[StockMovement]",
    )


async def stock_adjust(info: Info, input: StockAdjustInput) -> StockPayload | None:
    """Correct one state of a level."""
    return await change(
        info,
        workflows.adjustments.adjust,
        input.to_command,
        StockPayload,
        levels="[StockLevel]",
        movements="[StockMovement]",
    )


async def stock_move(info: Info, input: StockMoveInput) -> StockPayload | None:
    """Move units between two states."""
    return await change(
        info,
        workflows.adjustments.move,
        input.to_command,
        StockPayload,
        levels="[StockLevel]",
        movements="[StockMovement]",
    )


async def safety_stock_set(info: Info, input: SafetyStockInput) -> StockPayload | None:
    """Set what is never promised."""
    return await change(
        info,
        workflows.stock.set_safety_stock,
        input.to_command,
        StockPayload,
        levels="[StockLevel]",
        movements="[StockMovement]",
    )
