"""Tasks: claimed by one worker each under a lease, renewed, given back, and ended by their work.

Which facts make and end tasks is said in workflows/tasks/lifecycle.py. Whoever carries out a step
asks `admit` first: nobody works on what another holds, unless with the power to override, audited.
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
from domain.returns.inspections import Priority
from domain.tasks import LEASE, QueueKind, TaskStatus
from models.database.sessions import Row
from models.queries.listing.scopes import scope_of
from models.tasks import Task
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Outcome, Refusal
from workflows.transactions.transaction import Transaction

OVERRIDE = "tasks.override"
LAPSED_MAX = 200
Subject = tuple[str, object]


@dataclass(frozen=True, slots=True)
class ClaimTasks:
    """The first `limit` open tasks of a queue, or with `ids` exactly these."""

    queue: QueueKind
    location_code: str
    limit: int = 1
    ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class RenewTask:
    """The holder still works on it."""

    task_id: UUID


@dataclass(frozen=True, slots=True)
class ReleaseTask:
    """The holder gives it back."""

    task_id: UUID


@dataclass(frozen=True, slots=True)
class NewTask:
    """Work that a fact makes; `channel_id` None: of no channel."""

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
    """Give the caller open tasks for ten minutes, each to nobody else.

    With `ids` each stands on its own: those that can be had are, the others are refused one by
    one (NotFound, IllegalTransition, TaskNotClaimed). Raises LimitExceeded or NotFound.
    """
    location = await lookups.location_by_code(tx.session, command.location_code)
    if location is None or not caller.sees_location(location.code):
        raise NotFound("location", command.location_code, field=("locationCode",))
    if command.ids is not None:
        task_rules.check_limit(len(command.ids), field=("ids",))
        return await _claim_named(tx, command, location.id, caller)
    task_rules.check_limit(command.limit, field=("limit",))
    scope = await scope_of(tx.session, caller)
    rows = await task_queries.lock_claimable(
        tx.session, location.id, command.queue, tx.now, command.limit, scope.channel_ids
    )
    await _hold(tx, rows, caller.actor, "taskClaim")
    return {"tasks": [str(row["id"]) for row in rows]}


async def _claim_named(
    tx: Transaction, command: ClaimTasks, location_id: int, caller: Caller
) -> Outcome:
    ids = list(dict.fromkeys(command.ids or ()))
    scope = await scope_of(tx.session, caller)
    seen = await task_queries.tasks_by_id(tx.session, ids)
    free = await task_queries.lock_free(tx.session, ids)
    taken: list[Row] = []
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
            _check_holder(tx, row, caller, field)
            taken.append(row)
        except DomainError as error:
            refused.append(error)
    await _hold(tx, taken, caller.actor, "taskClaim")
    return Outcome(
        refs={"tasks": [str(row["id"]) for row in taken]},
        refusals=tuple(Refusal.of(error) for error in refused),
        is_stored=all(error.is_stored for error in refused),
    )


@one_by_one("taskRenew")
async def renew(tx: Transaction, command: RenewTask, caller: Caller) -> Mapping[str, Any]:
    """Give the caller ten more minutes; a task that nobody has (any more) is claimed.

    Raises TaskNotClaimed where another has it, IllegalTransition where it is over, or NotFound.
    """
    row = await _lock(tx, command.task_id, caller)
    task_rules.check_live(TaskStatus(row["status"]), TaskStatus.CLAIMED, field=("id",))
    _check_holder(tx, row, caller, ("id",))
    await _hold(tx, [row], caller.actor, "taskRenew")
    return {"tasks": [str(row["id"])]}


@one_by_one("taskRelease")
async def release(tx: Transaction, command: ReleaseTask, caller: Caller) -> Mapping[str, Any]:
    """Give a task back before its lease is over.

    Raises TaskNotClaimed where another has it, IllegalTransition where nobody has, or NotFound.
    """
    row = await _lock(tx, command.task_id, caller)
    status = standing(row, tx.now)
    if status is not TaskStatus.CLAIMED:
        allowed = task_rules.TASK_TRANSITIONS[status]
        raise IllegalTransition("task", status, TaskStatus.OPEN, allowed, field=("id",))
    _check_holder(tx, row, caller, ("id",))
    for opened in await task_queries.give_back(tx.session, [row["id"]]):
        _record(tx, opened, TaskReleased, caller.actor)
        _audit(tx, row, opened, caller.actor, "taskRelease")
    return {"tasks": [str(row["id"])]}


async def _lock(tx: Transaction, task_id: UUID, caller: Caller) -> Row:
    row = await task_queries.lock_task(tx.session, task_id)
    if row is not None:
        scope = await scope_of(tx.session, caller)
        if scope.sees_location(row["location_id"]) and scope.sees_channel(row["channel_id"]):
            return row
    raise NotFound("task", str(task_id), field=("id",))


def standing(row: Row, now: datetime) -> TaskStatus:
    """Where a task stands, by the clock."""
    return task_rules.status_at(TaskStatus(row["status"]), row["lease_until_at"], now)


def _check_holder(tx: Transaction, row: Row, caller: Caller, field: tuple[str, ...]) -> None:
    """Refuse what another holds; who may override does so under their own name."""
    status, holder = standing(row, tx.now), row["claimed_by"]
    if caller.may(OVERRIDE) and not task_rules.may_act(status, holder, caller.actor):
        _audit_override(tx, row, caller.actor)
        return
    task_rules.check_holder(status, holder, caller.actor, field=field)


async def _hold(tx: Transaction, rows: Sequence[Row], actor: str, action: str | None) -> None:
    """Lease these locked tasks to an actor, telling a new claim from a renewed one.

    `action` None: the step that this is a part of has an audit row of its own.
    """
    held = await task_queries.hold(tx.session, [row["id"] for row in rows], actor, tx.now + LEASE)
    for row in rows:
        is_renewed = standing(row, tx.now) is TaskStatus.CLAIMED and row["claimed_by"] == actor
        event = TaskRenewed if is_renewed else TaskClaimed
        _record(tx, held[row["id"]], event, actor)
        if action is not None:
            _audit(tx, row, held[row["id"]], actor, action)


async def admit(
    tx: Transaction, subject: Subject, caller: Caller, field: tuple[str, ...]
) -> list[Row]:
    """Refuse to act on a subject whose task another holds; its live tasks, locked.

    What the step records ends the task in the caller's name (workflows/tasks/lifecycle.py); what is
    still to be done is renewed, or claimed, by `progress` or `go_on`. The order or return is locked
    before. Raises TaskNotClaimed at `field`.
    """
    rows = await task_queries.lock_live(tx.session, subject[0], [str(subject[1])])
    for row in rows:
        _check_holder(tx, row, caller, field)
    return rows


async def progress(tx: Transaction, rows: Iterable[Row], actor: str) -> None:
    """Renew locked tasks that an actor worked on and has not ended; one that nobody had is his."""
    own = [
        row for row in rows if task_rules.may_act(standing(row, tx.now), row["claimed_by"], actor)
    ]
    if own:
        await _hold(tx, own, actor, None)


async def go_on(
    tx: Transaction, rows: Iterable[Row], queue: QueueKind | None, caller: Caller
) -> None:
    """Progress on locked tasks of a subject that is now for this queue; others are over."""
    await progress(tx, [row for row in rows if row["queue"] == queue], caller.actor)


def add(tx: Transaction, new: NewTask, actor: str) -> None:
    """Make a task of a subject that has no live one in this queue."""
    row = {
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
        "created_at": tx.now,
    }
    tx.add(Task, row)
    facts = {**row, "claimed_by": None, "lease_until_at": None, "version": 1}
    _record(tx, facts, TaskCreated, actor)


async def finish(tx: Transaction, rows: Iterable[Row], actor: str) -> None:
    """End locked tasks as done by this actor."""
    for row in await _end(tx, rows, TaskStatus.DONE, actor):
        _record(tx, row, TaskDone, actor)


async def cancel(tx: Transaction, rows: Iterable[Row], actor: str) -> None:
    """End locked tasks because there is nothing to do any more."""
    for row in await _end(tx, rows, TaskStatus.CANCELLED, None):
        _record(tx, row, TaskCancelled, actor)


async def _end(
    tx: Transaction, rows: Iterable[Row], status: TaskStatus, actor: str | None
) -> list[Row]:
    ids = [row["id"] for row in rows]
    return await task_queries.end(tx.session, ids, status, actor, tx.now) if ids else []


async def touch(tx: Transaction, rows: Iterable[Row], actor: str) -> None:
    """Tell whoever looks at these locked tasks that their subjects have changed."""
    ids = [row["id"] for row in rows]
    for row in await task_queries.touch(tx.session, ids) if ids else []:
        _record(tx, row, TaskChanged, actor)


async def free_lapsed(tx: Transaction) -> int:
    """Record claims that have lapsed, so that subscribers of the queue learn of it; how many."""
    rows = await task_queries.lock_lapsed(tx.session, tx.now, LAPSED_MAX)
    ids = [row["id"] for row in rows]
    for row in await task_queries.give_back(tx.session, ids) if ids else []:
        _record(tx, row, TaskReleased, SYSTEM.actor)
    return len(rows)


def _record(tx: Transaction, row: Mapping[str, Any], event: type[TaskPayload], actor: str) -> None:
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


def _audit(tx: Transaction, before: Row, after: Mapping[str, Any], actor: str, action: str) -> None:
    states = [
        {
            "status": str(standing(row, tx.now)),
            "claimedBy": row["claimed_by"],
            "leaseUntil": row["lease_until_at"],
        }
        for row in (before, after)
    ]
    tx.outbox.audit(actor, action, ("Task", before["id"]), before=states[0], after=states[1])


def _audit_override(tx: Transaction, row: Row, actor: str) -> None:
    tx.outbox.audit(
        actor,
        "task.overridden",
        ("Task", row["id"]),
        before={"claimedBy": row["claimed_by"], "leaseUntil": row["lease_until_at"]},
        after={"actor": actor},
    )
