"""COUNT_VARIANCE, the counts that doubts about a level open, and the time at which a count begins.

A COUNT_VARIANCE of a level is cleared when no unit of it is missing, and no line waits for a
recount or an approval.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.counts.counts as count_queries
import models.queries.counts.short_picks as short_picks
import workflows.exceptions.opening as exceptions
from domain.counts.states import CountCause, CountLineStatus
from domain.events.counts import CountRecorded
from domain.events.exceptions import ExceptionOpened, ExceptionReopened, ExceptionRepeated
from domain.events.fulfillments import FulfillmentCancelled, FulfillmentPicked
from domain.events.stock import TransferCancelled
from domain.events.tasks import TaskClaimed, TaskRenewed
from domain.exceptions import ExceptionKind
from domain.tasks import QueueKind
from models.counts import StockCountLineRow
from workflows.counts.opening import LevelToCount, NewCount, add_task, open_count
from workflows.transactions.levels import Level
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

SHORT_PICK = "A picker did not find units while the difference waited for approval."


async def begin(tx: Transaction, event: PendingEvent[TaskClaimed | TaskRenewed]) -> None:
    """Store at which change of its shelf the count of a level begins: at the claim or renewal."""
    if event.payload.queue is QueueKind.COUNT:
        await tx.flush()
        _, _, level_id = event.payload.subject.partition(":")
        await count_queries.start_line(tx.session, int(level_id))


async def follow_short_pick(
    tx: Transaction, event: PendingEvent[FulfillmentPicked | FulfillmentCancelled]
) -> None:
    """Open a count of the levels of which a picker did not find units.

    A live line of such a level is used instead; one that waits for approval is counted again.
    """
    shortages, location_id = event.payload.shortages, event.location_id
    if not shortages or location_id is None:
        return
    await tx.flush()
    levels = await short_picks.levels_of(
        tx.session, location_id, [UUID(line_id) for line_id in shortages]
    )
    await count_short(tx, location_id, [LevelToCount(*each) for each in levels], event.actor)


async def follow_doubt(
    tx: Transaction, event: PendingEvent[ExceptionOpened | ExceptionReopened | ExceptionRepeated]
) -> None:
    """Open a count of a level about which COUNT_VARIANCE is open, unless it has a live line."""
    subject_type, _, key = event.payload.subject.partition(":")
    if event.payload.kind is not ExceptionKind.COUNT_VARIANCE or subject_type != "StockLevel":
        return
    await tx.flush()
    if await count_queries.live_lines(tx.session, [int(key)]):
        return
    for level in tx.stock.levels.values():
        if level.id == int(key):
            counted = LevelToCount(level.id, level.item_id)
            await count_short(tx, level.location_id, [counted], event.actor)


async def follow_cancelled_transfer(
    tx: Transaction, event: PendingEvent[TransferCancelled]
) -> None:
    """Open a count of the levels that a cancelled transfer kept from losing units.

    Their last count did not find these units, and left them to the transfer.
    """
    payload = event.payload
    levels = {
        level.id: level
        for level in tx.stock.levels.values()
        if level.location == payload.origin and level.sku in payload.units
    }
    if not levels:
        return
    await tx.flush()
    for level_id in await count_queries.levels_with_units_left(tx.session, sorted(levels)):
        level = levels[level_id]
        counted = LevelToCount(level.id, level.item_id)
        await count_short(tx, level.location_id, [counted], event.actor)


async def count_short(
    tx: Transaction, location_id: int, levels: Sequence[LevelToCount], actor: str
) -> None:
    """Have levels with missing units counted. Their stock must be locked."""
    live = await count_queries.live_lines(tx.session, [level.level_id for level in levels])
    location = (await lookups.locations_by_id(tx.session, [location_id]))[location_id]
    new = NewCount(CountCause.VARIANCE)
    for row in live.values():
        if row["status"] == CountLineStatus.NEEDS_APPROVAL:
            sku = tx.stock.levels[row["item_id"], location_id].sku
            await ask_again(tx, row, sku, SHORT_PICK, actor)
            add_task(tx, row["level_id"], location_id, new, actor)
    uncounted = [level for level in levels if level.level_id not in live]
    if uncounted:
        await open_count(tx, location, uncounted, new, actor)


async def ask_again(
    tx: Transaction, row: StockCountLineRow, sku: str, reason: str, actor: str
) -> StockCountLineRow:
    """Let a locked line be counted anew: earlier attempts count no longer.

    Records `count.recorded`.
    """
    written: StockCountLineRow = {
        **row,
        "status": str(CountLineStatus.RECOUNT),
        "asked_again_because": reason,
        "version": row["version"] + 1,
    }
    await count_queries.begin_anew(tx.session, row["id"])
    await count_queries.write_line(tx.session, written)
    location = (await lookups.locations_by_id(tx.session, [row["location_id"]]))[row["location_id"]]
    record(tx, written, sku, location.code, actor)
    return written


def record(tx: Transaction, row: StockCountLineRow, sku: str, location: str, actor: str) -> None:
    """Record `count.recorded` of a line as it was written."""
    event = CountRecorded(
        count=row["count_id"],
        sku=sku,
        location=location,
        status=CountLineStatus(row["status"]),
        asked_again_because=row["asked_again_because"],
    )
    tx.outbox.record(
        event, row["id"], actor=actor, version=row["version"], location_id=row["location_id"]
    )


async def clear_settled(tx: Transaction, levels: Sequence[Level]) -> None:
    """Clear COUNT_VARIANCE of levels of which the last missing unit was settled."""
    for level in levels:
        await clear(tx, level)


async def clear(tx: Transaction, level: Level) -> None:
    """Clear COUNT_VARIANCE of a locked level, if its condition has ended."""
    if level.missing == 0:
        await tx.flush()
        if not await count_queries.is_waiting(tx.session, level.id):
            await exceptions.clear(tx, ExceptionKind.COUNT_VARIANCE, ("StockLevel", level.id))
