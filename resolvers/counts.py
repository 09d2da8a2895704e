"""Stock counts: look-up, list, creation, record and decisions."""

from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.counts.reads as count_reads
import schema.mutations.counts as commands
import workflows.counts.creation
import workflows.counts.decisions
import workflows.counts.recording
from domain.errors import BadRequest
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, given
from schema.fields.enums import CountStatus
from schema.fields.node import load, uuid_in
from schema.fields.paging import Connection, selection_of, window
from schema.mutations.counts import (
    StockCountCreateInput,
    StockCountLinesPayload,
    StockCountPayload,
    StockCountRecordInput,
)
from schema.mutations.perform import perform_mutation
from schema.types.stock import StockCount


async def stock_count(
    info: Info,
    id: ID | None = UNSET,
    number: Annotated[str | None, argument(description="Number of the count.")] = UNSET,
) -> StockCount | None:
    """One count, by `id` or by `number`; null if there is none.

    Both or neither are BAD_REQUEST.
    """
    by_id, by_number = given(id), given(number)
    if (by_id is None) == (by_number is None):
        raise BadRequest("Send either id or number.")
    if by_id is not None:
        found: StockCount | None = await load(
            info.context, "StockCount", uuid_in("StockCount", by_id)
        )
        return found
    row = await count_reads.count_by_number(*await info.context.opened(), by_number or "")
    return None if row is None else StockCount.from_row(row, info.context)


async def stock_counts(
    info: Info,
    status: CountStatus | None = UNSET,
    location: Annotated[
        str | None, argument(description="Only of the location with this code.")
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection[StockCount]:
    """Counts, newest first. Null arguments do not filter."""
    page = await count_reads.counts(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        status=given(status),
        location=given(location),
    )
    return Connection(page, StockCount.from_row, info.context)


async def stock_count_create(info: Info, input: StockCountCreateInput) -> StockCountPayload | None:
    """Have levels counted: those that meet all conditions, without those that are being counted.

    Each level gets a COUNT task. Refused: LIMIT_EXCEEDED, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.counts.creation.create, input.to_command, StockCountPayload
    )


async def stock_count_record(
    info: Info, input: StockCountRecordInput
) -> StockCountLinesPayload | None:
    """Record what was counted, each SKU on its own. `lines` has a line per SKU.

    The difference to the books is booked, unless the level must be counted again (RECOUNT) or
    another person must approve it (NEEDS_APPROVAL). A SKU that no count has asked for is counted
    too. Refused: SELF_APPROVAL if another person must count again, TASK_NOT_CLAIMED,
    ILLEGAL_TRANSITION while a difference waits or is being booked, NOT_FOUND for 0 units of an item
    that was never here, LIMIT_EXCEEDED, INVALID.
    """
    return await perform_mutation(
        info, workflows.counts.recording.record, input.to_command, StockCountLinesPayload
    )


async def stock_count_approve(
    info: Info,
    line_ids: Annotated[list[ID], argument(description="At most 200 lines.")],
    note: Annotated[str, argument(description="Reason of the decision; at most 2,000 characters.")],
) -> StockCountLinesPayload | None:
    """Book the differences of at most 200 lines that need an approval, each on its own.

    Refused: SELF_APPROVAL if the caller has counted the level, ILLEGAL_TRANSITION, NOT_FOUND,
    LIMIT_EXCEEDED, INVALID.
    """
    return await perform_mutation(
        info,
        workflows.counts.decisions.approve,
        lambda: commands.approve(line_ids, note),
        StockCountLinesPayload,
    )


async def stock_count_recount(
    info: Info,
    line_ids: Annotated[list[ID], argument(description="At most 200 lines.")],
    note: Annotated[str, argument(description="Reason of the decision; at most 2,000 characters.")],
) -> StockCountLinesPayload | None:
    """Have at most 200 lines counted anew that need an approval, each on its own.

    Refused: ILLEGAL_TRANSITION, NOT_FOUND, LIMIT_EXCEEDED, INVALID.
    """
    return await perform_mutation(
        info,
        workflows.counts.decisions.recount,
        lambda: commands.recount(line_ids, note),
        StockCountLinesPayload,
    )


async def stock_count_cancel(
    info: Info,
    id: ID,
    note: Annotated[str, argument(description="Reason; at most 2,000 characters.")],
) -> StockCountPayload | None:
    """Give up the lines of a count that are not posted.

    Refused: ILLEGAL_TRANSITION unless the count is open, NOT_FOUND, INVALID.
    """
    return await perform_mutation(
        info,
        workflows.counts.decisions.cancel,
        lambda: commands.cancel(id, note),
        StockCountPayload,
    )
