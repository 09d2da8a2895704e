"""Claims of tasks: one worker holds a task under a lease, renews it or releases it.

workflows/tasks/lifecycle.py lists the events that create and end tasks. Each step of work first
calls `admit`. It refuses a task of another worker, unless the caller may override; this is audited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

import domain.tasks as task_rules
import models.queries.catalog.lookups as lookups
import models.queries.tasks as task_queries
import workflows.tasks.lapses as lapses
import workflows.tasks.selections as selections
from domain.access.callers import SYSTEM, Caller
from domain.errors import DomainError, IllegalTransition, NotFound, TaskNotClaimed
from domain.events.tasks import (
    TaskCancelled,
    TaskChanged,
    TaskClaimed,
    TaskCreated,
    TaskDone,
    TaskPayload,
    TaskReleased,
    TaskRenewed,
)
from domain.problems import Problems
from domain.returns.inspections import Priority
from domain.tasks import LEASE, QueueKind, TaskStatus
from domain.values.codes import same_code, store_codes
from models.queries.listing.scopes import Scope, scope_of
from models.tasks import Task, TaskRow
from workflows.tasks.holders import audit_overrides, check_holder, check_may_act, current_status
from workflows.tasks.selections import EVERY_TASK, TaskSelection
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Outcome, Refusal
from workflows.transactions.transaction import Transaction

EXPIRED_MAX = 200
Subject = tuple[str, object]


@dataclass(frozen=True, slots=True)
class ClaimTasks:
    """Claim the first `limit` open tasks of a queue; with `ids`, exactly these.

    `selection`: only those of such parcels, among the first 1,000 tasks of the queue.
    """

    queue: QueueKind
    location_code: str
    limit: int = 1
    ids: tuple[UUID, ...] | None = None
    selection: TaskSelection = EVERY_TASK

    def __post_init__(self) -> None:
        store_codes(self, "location_code")


@dataclass(frozen=True, slots=True)
class RenewTask:
    """Extend the lease of a task."""

    task_id: UUID


@dataclass(frozen=True, slots=True)
class ReleaseTask:
    """Give a task back to its queue."""

    task_id: UUID


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to create. `channel_id` None: it belongs to no channel."""

    queue: QueueKind
    subject: Subject
    location_id: int
    channel_id: int | None
    priority: Priority
    due_at: datetime | None


@one_by_one("taskClaim")
async def claim(
    tx: Transaction, command: ClaimTasks, caller: Caller
) -> Mapping[str, Any] | Outcome:
    """Lease open tasks to the caller, for LEASE (ten minutes). A task has one holder at a time.

    With `ids` each task is claimed or refused alone (NotFound, IllegalTransition, TaskNotClaimed).
    Raises LimitExceeded or NotFound. Locks the tasks; skips those that are locked elsewhere.
    Records `task.claimed` or `task.renewed`.
    """
    location = await lookups.location_by_code(tx.session, command.location_code)
    problems = Problems()
    with problems.under("locationCode"):
        if location is None or not caller.sees_location(location.code):
            raise NotFound("location", command.location_code)
    with problems.under():
        selections.check(command.queue, command.selection, is_named=command.ids is not None)
    with problems.under():
        if command.ids is not None:
            task_rules.check_limit(len(command.ids), field=("ids",))
        else:
            task_rules.check_limit(command.limit, field=("limit",))
    problems.refuse()
    assert location is not None
    if command.ids is not None:
        return await _claim_named(tx, command, location.id, caller)
    scope = await scope_of(tx.session, caller)
    queue = (location.id, command.queue, tx.now)
    if command.selection.fields:
        rows = await selections.lock_selected(
            tx, queue, command.selection, command.limit, scope.channel_ids
        )
    else:
        rows = await task_queries.lock_claimable(
            tx.session, *queue, command.limit, scope.channel_ids
        )
    await hold_all(tx, rows, caller.actor, "taskClaim")
    return {"tasks": [str(row["id"]) for row in rows]}


async def _claim_named(
    tx: Transaction, command: ClaimTasks, location_id: int, caller: Caller
) -> Outcome:
    ids = list(dict.fromkeys(command.ids or ()))
    scope = await scope_of(tx.session, caller)
    seen = await task_queries.tasks_by_id(tx.session, ids)
    free = await task_queries.lock_free(tx.session, ids)
    claimed: list[TaskRow] = []
    refused: list[DomainError] = []
    for index, task_id in enumerate(ids):
        field = ("ids", str(index))
        row = free.get(task_id) or seen.get(task_id)
        try:
            is_here = (
                row is not None
                and row["location_id"] == location_id
                and row["queue"] == command.queue
                and scope.sees_channel(row["channel_id"])
            )
            if row is None or not is_here:
                raise NotFound("task", str(task_id), field=field)
            task_rules.check_live(TaskStatus(row["status"]), TaskStatus.CLAIMED, field=field)
            if task_id not in free:
                raise TaskNotClaimed(row["claimed_by"] or "another worker", field=field)
            check_holder(tx, row, caller, field)
            claimed.append(row)
        except DomainError as error:
            refused.append(error)
    await hold_all(tx, claimed, caller.actor, "taskClaim")
    return outcome_of_each(claimed, refused)


def outcome_of_each(held: Sequence[TaskRow], refused: Sequence[DomainError]) -> Outcome:
    """The outcome for tasks that were each held or refused alone."""
    return Outcome(
        refs={"tasks": [str(row["id"]) for row in held]},
        refusals=tuple(Refusal.of(error) for error in refused),
        is_stored=bool(held) or all(error.is_stored for error in refused),
    )


@one_by_one("taskRenew")
async def renew(tx: Transaction, command: RenewTask, caller: Caller) -> Mapping[str, Any]:
    """Extend the caller's lease by LEASE (ten minutes). A task without a holder is claimed.

    Raises TaskNotClaimed if another worker holds it, IllegalTransition if it has ended, or
    NotFound. Records `task.renewed` or `task.claimed`.
    """
    row = await _lock(tx, command.task_id, caller)
    task_rules.check_live(TaskStatus(row["status"]), TaskStatus.CLAIMED, field=("id",))
    check_holder(tx, row, caller, ("id",))
    await hold_all(tx, [row], caller.actor, "taskRenew")
    return {"tasks": [str(row["id"])]}


@one_by_one("taskRelease")
async def release(tx: Transaction, command: ReleaseTask, caller: Caller) -> Mapping[str, Any]:
    """Give a task back before its lease expires.

    Raises TaskNotClaimed if another worker holds it, IllegalTransition if it is not claimed, or
    NotFound. Records `task.released`.
    """
    row = await _lock(tx, command.task_id, caller)
    status = current_status(row, tx.now)
    if status is not TaskStatus.CLAIMED:
        allowed = task_rules.TASK_TRANSITIONS[status]
        raise IllegalTransition("task", status, TaskStatus.OPEN, allowed, field=("id",))
    check_holder(tx, row, caller, ("id",))
    for opened in await task_queries.give_back(tx.session, [row["id"]], tx.now):
        _record(tx, opened, TaskReleased, caller.actor)
        _audit(tx, row, opened, caller.actor, "taskRelease")
    return {"tasks": [str(row["id"])]}


async def _lock(tx: Transaction, task_id: UUID, caller: Caller) -> TaskRow:
    row = await task_queries.lock_task(tx.session, task_id)
    if row is not None and is_seen(row, await scope_of(tx.session, caller)):
        return row
    raise NotFound("task", str(task_id), field=("id",))


def is_seen(row: TaskRow, scope: Scope) -> bool:
    """True if the task exists for a caller of this scope."""
    return scope.sees_location(row["location_id"]) and scope.sees_channel(row["channel_id"])


async def hold_all(
    tx: Transaction, rows: Sequence[TaskRow], actor: str, action: str | None
) -> None:
    """Lease these locked tasks to an actor; record new claims and renewals as different events.

    `action` None: the workflow that calls writes the audit row.
    """
    lapses.keep(tx, rows, actor)
    ids = [row["id"] for row in rows]
    held = await task_queries.hold(tx.session, ids, actor, tx.now + LEASE, tx.now)
    for row in rows:
        is_renewed = current_status(row, tx.now) is TaskStatus.CLAIMED and same_code(
            row["claimed_by"] or "", actor
        )
        event = TaskRenewed if is_renewed else TaskClaimed
        _record(tx, held[row["id"]], event, actor)
        if action is not None:
            _audit(tx, row, held[row["id"]], actor, action)


async def admit(
    tx: Transaction,
    subject: Subject,
    caller: Caller,
    field: tuple[str, ...],
    queue: QueueKind | None = None,
) -> list[TaskRow]:
    """Check that no other worker holds a task of the subject. Returns its live tasks, locked.

    The event of the step ends the task in the caller's name (workflows/tasks/lifecycle.py). For
    work that is still unfinished `progress` or `continue_in_queue` renews or claims the task. The
    order or return must be locked first. `queue`: only tasks of this queue count, because the
    others of the subject are other work. Raises TaskNotClaimed at `field`. Audits overrides.
    """
    rows = await lock_for(tx, subject, caller, field, queue)
    audit_overrides(tx, rows, caller.actor)
    return rows


async def lock_for(
    tx: Transaction,
    subject: Subject,
    caller: Caller,
    field: tuple[str, ...],
    queue: QueueKind | None = None,
) -> list[TaskRow]:
    """The live tasks of a subject, locked and checked as `admit` does, without an audit row."""
    live = await task_queries.lock_live(tx.session, subject[0], [str(subject[1])])
    rows = [row for row in live if queue is None or row["queue"] == queue]
    for row in rows:
        check_may_act(tx, row, caller, field)
    return rows


async def progress(tx: Transaction, rows: Iterable[TaskRow], actor: str) -> None:
    """Renew the locked, unfinished tasks of an actor; claim those without a holder for it."""
    own = [
        row
        for row in rows
        if task_rules.may_act(current_status(row, tx.now), row["claimed_by"], actor)
    ]
    if own:
        await hold_all(tx, own, actor, None)


async def continue_in_queue(
    tx: Transaction, rows: Iterable[TaskRow], queue: QueueKind | None, caller: Caller
) -> None:
    """Call `progress` for the locked tasks in `queue`, the current one of the subject."""
    await progress(tx, [row for row in rows if row["queue"] == queue], caller.actor)


def add(tx: Transaction, new: NewTask, actor: str) -> None:
    """Create a task. Its subject must have no live task in this queue. Records `task.created`."""
    row: TaskRow = {
        "id": tx.new_id(),
        "queue": str(new.queue),
        "status": str(TaskStatus.OPEN),
        "location_id": new.location_id,
        "channel_id": new.channel_id,
        "subject_type": new.subject[0],
        "subject_key": str(new.subject[1]),
        "priority": new.priority.points,
        "priority_reasons": orjson.dumps(new.priority.reasons).decode(),
        "seniority": task_rules.seniority(tx.now),
        "due_at": new.due_at,
        "claimed_by": None,
        "lease_until_at": None,
        "units": None,
        "created_at": tx.now,
        "ended_at": None,
        "version": 1,
        "updated_at": tx.now,
    }
    tx.add(Task, row)
    _record(tx, row, TaskCreated, actor)


async def give_back(tx: Transaction, rows: Iterable[TaskRow], actor: str) -> None:
    """Release the locked tasks among these that are claimed. Records `task.released`."""
    ids = [row["id"] for row in rows if row["status"] == TaskStatus.CLAIMED]
    for row in await task_queries.give_back(tx.session, ids, tx.now) if ids else []:
        _record(tx, row, TaskReleased, actor)


async def finish(tx: Transaction, rows: Iterable[TaskRow], actor: str) -> None:
    """End locked tasks as done by this actor. Records `task.done`."""
    for row in await _end(tx, rows, TaskStatus.DONE, actor):
        _record(tx, row, TaskDone, actor)


async def cancel(tx: Transaction, rows: Iterable[TaskRow], actor: str) -> None:
    """End locked tasks whose work is no longer needed. Records `task.cancelled`."""
    for row in await _end(tx, rows, TaskStatus.CANCELLED, None):
        _record(tx, row, TaskCancelled, actor)


async def _end(
    tx: Transaction, rows: Iterable[TaskRow], status: TaskStatus, actor: str | None
) -> list[TaskRow]:
    lapses.keep(tx, ended := list(rows), actor)
    ids = [row["id"] for row in ended]
    return await task_queries.end(tx.session, ids, status, actor, tx.now) if ids else []


async def touch(tx: Transaction, rows: Iterable[TaskRow], actor: str) -> None:
    """Record `task.changed` for locked tasks whose subjects have changed."""
    ids = [row["id"] for row in rows]
    for row in await task_queries.touch(tx.session, ids, tx.now) if ids else []:
        _record(tx, row, TaskChanged, actor)


async def release_expired(tx: Transaction) -> int:
    """Release claims with an expired lease, at most EXPIRED_MAX. Each records `task.released`."""
    rows = await task_queries.lock_lapsed(tx.session, tx.now, EXPIRED_MAX)
    lapses.keep(tx, rows, None)
    ids = [row["id"] for row in rows]
    for row in await task_queries.give_back(tx.session, ids, tx.now) if ids else []:
        _record(tx, row, TaskReleased, SYSTEM.actor)
    return len(rows)


def _record(tx: Transaction, row: TaskRow, event: type[TaskPayload], actor: str) -> None:
    payload = event(
        queue=QueueKind(row["queue"]),
        status=TaskStatus(row["status"]),
        subject=f"{row['subject_type']}:{row['subject_key']}",
        priority=row["priority"],
        claimed_by=row["claimed_by"],
        lease_until=row["lease_until_at"],
    )
    tx.outbox.record(
        payload,
        row["id"],
        actor=actor,
        version=row["version"],
        channel_id=row["channel_id"],
        location_id=row["location_id"],
    )


def _audit(tx: Transaction, before: TaskRow, after: TaskRow, actor: str, action: str) -> None:
    states = [
        {
            "status": str(current_status(row, tx.now)),
            "claimedBy": row["claimed_by"],
            "leaseUntil": row["lease_until_at"],
        }
        for row in (before, after)
    ]
    tx.outbox.audit(actor, action, ("Task", before["id"]), before=states[0], after=states[1])
