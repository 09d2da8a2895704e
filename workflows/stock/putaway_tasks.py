"""PUTAWAY tasks: live for each level with unbinned units at a location that has an active bin.

Three facts change that. Units come onto a shelf or leave it: `follow_shelves` acts before the
commit, under the lock of the level. Units are put away: workflows/stock/putaways.py ends the task.
A location gets its first active bin or loses its last one: a round of the job goes over its levels.
A transaction reads whether there are bins after it has locked its level. So a level that the round
has passed sees the bins as they are now.
"""

from __future__ import annotations

from collections.abc import Sequence

import domain.tasks as task_rules
import models.queries.stock.bins as bin_queries
import models.queries.tasks as task_queries
import workflows.tasks.claims as tasks
from domain.access.callers import SYSTEM
from domain.events.catalog import LocationUpserted
from domain.tasks import QueueKind
from models.queries.stock.bins import RoundRow, ShelfRow
from models.tasks import TaskRow
from workflows.tasks.claims import NewTask
from workflows.transactions.levels import Reshelved
from workflows.transactions.lock_order import LockClass
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

ROUND_MAX = 200


async def follow_shelves(tx: Transaction, changes: Sequence[Reshelved]) -> None:
    """Open the tasks of levels that have got unbinned units; cancel those of levels without any."""
    locations = {level.location_id for level, _ in changes}
    with_bins = await bin_queries.with_bins(tx.session, locations)
    followed = [change for change in changes if change.level.location_id in with_bins]
    if not followed:
        return
    live = await _live(tx, [level.id for level, _ in followed])
    for level, actor in followed:
        task = live.get(level.id)
        if level.unbinned > 0 and task is None:
            _open(tx, level.id, level.location_id, actor)
        elif level.unbinned == 0 and task is not None:
            await tasks.cancel(tx, [task], actor)


async def go_round(tx: Transaction) -> int:
    """Open or cancel the tasks of the next levels of a location whose bins came or went.

    At most ROUND_MAX levels. Returns their number, at least 1 while a round is left.
    """
    current = await bin_queries.next_round(tx.session)
    if current is None:
        return 0
    shelves = await _settle(tx, current)
    last = shelves[-1]["item_id"] if len(shelves) == ROUND_MAX else None
    await bin_queries.advance_round(tx.session, current["location_id"], last)
    return max(1, len(shelves))


async def begin_round(tx: Transaction, _: PendingEvent[LocationUpserted]) -> None:
    """Settle the first levels with the change of the location, so that they wait for no job.

    The job goes over them again: another transaction may have made a level meanwhile.
    """
    current = await bin_queries.next_round(tx.session)
    if current is not None:
        await _settle(tx, current)


async def _settle(tx: Transaction, current: RoundRow) -> Sequence[ShelfRow]:
    location_id = current["location_id"]
    tx.locking(LockClass.STOCK)
    shelves = await bin_queries.lock_shelves(
        tx.session, location_id, current["after_item_id"], ROUND_MAX
    )
    has_bins = bool(await bin_queries.with_bins(tx.session, [location_id]))
    live = await _live(tx, [shelf["id"] for shelf in shelves])
    for shelf in shelves:
        is_wanted = has_bins and shelf["unbinned"] > 0
        task = live.get(shelf["id"])
        if is_wanted and task is None:
            _open(tx, shelf["id"], shelf["location_id"], SYSTEM.actor)
        elif not is_wanted and task is not None:
            await tasks.cancel(tx, [task], SYSTEM.actor)
    return shelves


async def _live(tx: Transaction, level_ids: Sequence[int]) -> dict[int, TaskRow]:
    """The live PUTAWAY tasks of these locked levels."""
    await tx.flush()
    keys = [str(level_id) for level_id in level_ids]
    rows = await task_queries.lock_live(tx.session, "StockLevel", keys)
    return {int(row["subject_key"]): row for row in rows if row["queue"] == QueueKind.PUTAWAY}


def _open(tx: Transaction, level_id: int, location_id: int, actor: str) -> None:
    new = NewTask(
        queue=QueueKind.PUTAWAY,
        subject=("StockLevel", level_id),
        location_id=location_id,
        channel_id=None,
        priority=task_rules.putaway_priority(tx.now),
        due_at=None,
    )
    tasks.add(tx, new, actor)
