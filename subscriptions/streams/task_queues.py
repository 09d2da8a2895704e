"""Streams of task queues: a snapshot of the open tasks, then every change.

The snapshot starts at a position of the log and is read in pages afterwards. The rank of a task
never changes, so a task that stays in the queue is on one of the pages. Each later change has a
higher position than the start and is sent after the last page. So no change is lost, and no
database snapshot is kept open for a slow client.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

import models.queries.access as key_queries
import models.queries.events.event_log as event_log
import models.queries.tasks as task_queries
from domain.access.callers import Caller
from domain.events.visibility import is_in_scope
from domain.tasks import QueueKind, TaskStatus
from domain.values.codes import same_code
from models.database.database import Database
from models.queries.events.event_log import LoggedEvent
from models.queries.listing.scopes import scope_of
from models.tasks import TaskRow
from subscriptions.log.listeners import FoldingListener, in_queue
from subscriptions.log.relay import Audience, Relay
from subscriptions.streams.batched_reads import BatchedReads
from subscriptions.streams.stock_and_events import FOLDED_BUFFER_MAX, folded

PAGE_MAX: Final = 200
# All event types of tasks; the end of a claim is one, too (workflows.tasks.claims.release_expired).
FACTS: Final = tuple(
    f"task.{what}"
    for what in ("created", "claimed", "renewed", "released", "changed", "done", "cancelled")
)
_LIVE: Final = frozenset({TaskStatus.OPEN, TaskStatus.CLAIMED})

Change = Literal["SNAPSHOT", "UPSERT", "REMOVE"]


@dataclass(frozen=True, slots=True)
class QueueUpdate:
    """Tasks (rows of `task`) that are in the queue, or have left it.

    `is_complete` is false while more of the snapshot follows.
    """

    cursor: str
    change: Change
    tasks: Sequence[TaskRow]
    is_complete: bool = True


class QueueStreams:
    """Opens streams of queues for the subscribers of this process."""

    def __init__(self, relay: Relay, database: Database) -> None:
        async def rows(ids: Sequence[UUID]) -> Mapping[UUID, TaskRow]:
            async with database.reading() as session:
                return await task_queries.tasks_by_id(session, ids)

        self._relay = relay
        self._database = database
        self._tasks = BatchedReads(rows)

    async def queue_changed(
        self,
        caller: Caller,
        queue: QueueKind,
        location: str,
        location_id: int,
        *,
        claimed_by: str | None = None,
        audience: Audience | None = None,
    ) -> AsyncGenerator[QueueUpdate, None]:
        """The queue of a location that the caller sees, then its changes, folded per task.

        `claimed_by`: only tasks that this actor holds; one that it gave back is removed.
        """

        def wants(event: LoggedEvent) -> bool:
            return event.type in FACTS and is_in_scope(caller, event.channel, event.location)

        async with self._database.reading() as session:
            position = str(await event_log.last_position(session))
        shown: set[UUID] = set()
        pages = self._snapshot(caller, queue, location_id, position, claimed_by)
        async with aclosing(pages):
            async for page in pages:
                if claimed_by is not None:
                    shown.update(row["id"] for row in page.tasks)
                yield page
        listener = FoldingListener(
            in_queue(queue, location),
            lambda event: _is_of(event, queue, location) and wants(event),
            lambda event: (event.subject_key,),
            FOLDED_BUFFER_MAX,
        )
        # "0" would mean the oldest event that is kept; in an empty log there is no event to start
        # after.
        after = None if position == "0" else position
        changes = folded(self._relay, listener, after, FACTS, audience)
        async with aclosing(changes):
            async for taken in changes:
                found = await self._tasks.get([UUID(key) for key, _ in taken])
                for key, event in taken:
                    if (row := found.get(UUID(key))) is None:
                        continue
                    change = _change_of(row, claimed_by)
                    if claimed_by is not None and not _keep(shown, row["id"], change):
                        continue
                    yield QueueUpdate(event.cursor, change, [row])

    async def _snapshot(
        self,
        caller: Caller,
        queue: QueueKind,
        location_id: int,
        cursor: str,
        claimed_by: str | None,
    ) -> AsyncGenerator[QueueUpdate, None]:
        last: TaskRow | None = None
        while True:
            async with self._database.reading() as session:
                scope = await scope_of(session, caller)
                holder = claimed_by
                if claimed_by is not None:
                    holder = await key_queries.actor_named(session, claimed_by) or claimed_by
                rows = await task_queries.open_queue(
                    session,
                    queue,
                    location_id,
                    PAGE_MAX + 1,
                    channel_ids=scope.channel_ids,
                    claimed_by=holder,
                    after=last,
                )
            page, is_last = rows[:PAGE_MAX], len(rows) <= PAGE_MAX
            yield QueueUpdate(cursor, "SNAPSHOT", page, is_last)
            if is_last:
                return
            last = page[-1]


def _change_of(row: TaskRow, claimed_by: str | None) -> Change:
    """The change that a task's present row means for a stream."""
    is_in = row["status"] in _LIVE
    if claimed_by is not None:
        is_in = row["status"] == TaskStatus.CLAIMED and same_code(
            row["claimed_by"] or "", claimed_by
        )
    return "UPSERT" if is_in else "REMOVE"


def _keep(shown: set[UUID], task_id: UUID, change: Change) -> bool:
    """Follow which tasks a subscriber has; False for the removal of one that it never had."""
    if change == "UPSERT":
        shown.add(task_id)
        return True
    was_shown = task_id in shown
    shown.discard(task_id)
    return was_shown


def _is_of(event: LoggedEvent, queue: QueueKind, location: str) -> bool:
    is_there = event.location is not None and same_code(event.location, location)
    return is_there and event.data.get("queue") == queue
