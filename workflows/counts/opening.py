"""Opening of counts: their lines, and a COUNT task for each level that waits to be counted.

A count takes levels without a live line only. Two counts that are opened at once for one level
conflict on the unique key of live lines; the later one is tried again and leaves the level out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import domain.tasks as task_rules
import workflows.policies.publishing as policies
import workflows.tasks.claims as tasks
from domain.counts.states import CountCause, CountLineStatus, CountStatus, count_number
from domain.events.counts import CountCreated
from domain.events.payloads import encode
from domain.policies.policies import PolicyKind
from domain.tasks import QueueKind
from models.counts import StockCount, StockCountLine, StockCountLineRow
from models.queries.catalog.lookups import LocationFacts
from workflows.tasks.claims import NewTask
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class NewCount:
    """A count to open. `blind` None: as the COUNT policy of the location says."""

    cause: CountCause
    blind: bool | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LevelToCount:
    """A level for which a line is opened."""

    level_id: int
    item_id: int


async def open_count(
    tx: Transaction,
    location: LocationFacts,
    levels: Sequence[LevelToCount],
    new: NewCount,
    actor: str,
) -> tuple[UUID, list[StockCountLineRow]]:
    """Open a count of these levels, which have no live line. Returns its id and its lines.

    A count without a level is DONE at once. Records `count.created` and `task.created`.
    """
    count_id = tx.new_id()
    number, blind = count_number(count_id), new.blind
    if blind is None:
        policy = await policies.decide(
            tx.session, PolicyKind.COUNT, tx.now, location=location.code, category=None
        )
        blind = policy.rules.blind
    status = CountStatus.OPEN if levels else CountStatus.DONE
    tx.add(
        StockCount,
        {
            "id": count_id,
            "number": number,
            "cause": str(new.cause),
            "status": str(status),
            "location_id": location.id,
            "blind": blind,
            "created_by": actor,
            "created_at": tx.now,
            "due_at": new.due_at,
            "closed_at": None if levels else tx.now,
            "line_count": len(levels),
        },
    )
    lines = [_line(tx, count_id, location.id, level) for level in levels]
    if new.cause is not CountCause.SPOT:
        for level in levels:
            add_task(tx, level.level_id, location.id, new, actor)
    event = CountCreated(number=number, cause=new.cause, status=status, lines=len(levels))
    tx.outbox.record(event, count_id, actor=actor, location_id=location.id)
    tx.outbox.audit(
        actor, "stockCountCreate", ("StockCount", count_id), after={**encode(event), "blind": blind}
    )
    return count_id, lines


def _line(
    tx: Transaction, count_id: UUID, location_id: int, level: LevelToCount
) -> StockCountLineRow:
    row: StockCountLineRow = {
        "id": tx.new_id(),
        "count_id": count_id,
        "level_id": level.level_id,
        "item_id": level.item_id,
        "location_id": location_id,
        "status": str(CountLineStatus.OPEN),
        "variance": None,
        "value_minor": None,
        "value_currency": None,
        "asked_again_because": None,
        "decided_by": None,
        "posted_at": None,
        "unposted": 0,
        "started_changes": None,
        "counted_changes": None,
        "counted_missing": None,
        "version": 1,
    }
    tx.add(StockCountLine, row)
    return row


def add_task(tx: Transaction, level_id: int, location_id: int, count: NewCount, actor: str) -> None:
    """Add the COUNT task of a level, which has none."""
    is_in_doubt = count.cause is CountCause.VARIANCE
    new = NewTask(
        queue=QueueKind.COUNT,
        subject=("StockLevel", level_id),
        location_id=location_id,
        channel_id=None,
        priority=task_rules.count_priority(is_in_doubt, count.due_at, tx.now),
        due_at=count.due_at,
    )
    tasks.add(tx, new, actor)
