"""Handling of operational exceptions: assign, start, wait, resolve; escalation when overdue.

A transaction here locks only the row of the exception. So it may wait without deadlock for a
transaction that opens or clears the exception as its last step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

import models.queries.exceptions as exception_queries
import models.queries.reads.exceptions as exception_reads
import models.queries.refunds.payouts as payout_queries
import models.queries.returns.unidentified_parcels as parcel_queries
import workflows.access.actors as actors
import workflows.exceptions.opening as exceptions
from domain.access.callers import SYSTEM, Caller, Role
from domain.errors import IllegalTransition, Invalid, NotFound
from domain.events.exceptions import (
    ExceptionAssigned,
    ExceptionEscalated,
    ExceptionPayload,
    ExceptionResolved,
    ExceptionResumed,
    ExceptionStarted,
    ExceptionWaiting,
)
from domain.exceptions import (
    EXCEPTION_TRANSITIONS,
    WAIT_MAX,
    ExceptionKind,
    ExceptionStatus,
    due_after_waiting,
    next_role,
)
from domain.transitions import step
from domain.values.codes import check_stored, comparison_key, store_codes
from domain.values.texts import NOTE_MAX, check_text
from models.exceptions import OperationalExceptionRow
from models.queries.listing.scopes import scope_of
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

ROUND_MAX = 100


@dataclass(frozen=True, slots=True)
class AssignException:
    """Give the exception an owner."""

    exception_id: UUID
    owner: str

    def __post_init__(self) -> None:
        store_codes(self, "owner")


@dataclass(frozen=True, slots=True)
class StartException:
    """Start work on the exception, or continue after waiting."""

    exception_id: UUID


@dataclass(frozen=True, slots=True)
class WaitException:
    """Pause the exception until `until`; `note` is the reason."""

    exception_id: UUID
    until: datetime
    note: str


@dataclass(frozen=True, slots=True)
class ResolveException:
    """Close the exception; `resolution` describes the solution."""

    exception_id: UUID
    resolution: str


@one_by_one("exceptionAssign")
async def assign(tx: Transaction, command: AssignException, caller: Caller) -> Mapping[str, Any]:
    """Give an exception an owner. An escalated one also gets a new due time.

    The owner is an actor with a live key that sees the exception, or a role. Locks the exception.
    Raises IllegalTransition, Invalid or NotFound. Records `exception.assigned`.
    """
    check_stored(command.owner, "owner")
    before = await _lock(tx, command.exception_id, caller)
    after = _moved(before, ExceptionStatus.ASSIGNED)
    after["owner"] = await _owner(tx, before, command.owner)
    if before["status"] == ExceptionStatus.ESCALATED:
        handling = await exceptions.handling_of(
            tx, ExceptionKind(before["kind"]), before["location_id"], before["channel_id"]
        )
        after["due_at"] = max(before["due_at"], handling.due_at(tx.now))
    return await _write(tx, before, after, ExceptionAssigned, "exceptionAssign", caller.actor)


@one_by_one("exceptionStart")
async def start(tx: Transaction, command: StartException, caller: Caller) -> Mapping[str, Any]:
    """Start work, or continue after waiting. The waiting time is added to the due time.

    Locks the exception. Raises IllegalTransition or NotFound. Records `exception.started`.
    """
    before = await _lock(tx, command.exception_id, caller)
    after = _resumed(before, tx.now)
    return await _write(tx, before, after, ExceptionStarted, "exceptionStart", caller.actor)


@one_by_one("exceptionWait")
async def wait(tx: Transaction, command: WaitException, caller: Caller) -> Mapping[str, Any]:
    """Stop the clock of an exception until an instant, or until work on it continues earlier.

    Locks the exception. Raises IllegalTransition, Invalid or NotFound. Records `exception.waiting`.
    """
    check_text(command.note, "note", longest=NOTE_MAX)
    if not tx.now < command.until <= tx.now + WAIT_MAX:
        raise Invalid(f"The time must be within the next {WAIT_MAX.days} days.", field=("until",))
    before = await _lock(tx, command.exception_id, caller)
    after = _moved(before, ExceptionStatus.WAITING)
    after["waiting_since_at"], after["wait_until_at"] = tx.now, command.until
    note = orjson.dumps({"waitingFor": command.note}).decode()
    return await _write(tx, before, after, ExceptionWaiting, "exceptionWait", caller.actor, note)


@one_by_one("exceptionResolve")
async def resolve(tx: Transaction, command: ResolveException, caller: Caller) -> Mapping[str, Any]:
    """Resolve an exception with a note on the solution.

    REFUND_UNKNOWN ends with the settlement of the attempt, and UNIDENTIFIED_PARCEL when its units
    are out of quarantine, not with words before. Locks the exception. Raises IllegalTransition,
    Invalid or NotFound. Records `exception.resolved`.
    """
    check_text(command.resolution, "resolution", longest=NOTE_MAX)
    before = await _lock(tx, command.exception_id, caller)
    after = _moved(before, ExceptionStatus.RESOLVED)
    await _check_cause_ended(tx, before)
    after["resolution"], after["resolved_at"] = command.resolution, tx.now
    return await _write(tx, before, after, ExceptionResolved, "exceptionResolve", caller.actor)


async def escalate(tx: Transaction) -> int:
    """Escalate overdue exceptions to the next role. Returns their number, at most ROUND_MAX.

    Each records `exception.escalated`, which alerts subscribers again.
    """
    rows = await exception_queries.lock_overdue(tx.session, tx.now, ROUND_MAX)
    for before in rows:
        handling = await exceptions.handling_of(
            tx, ExceptionKind(before["kind"]), before["location_id"], before["channel_id"]
        )
        after = _moved(before, ExceptionStatus.ESCALATED)
        after["owner"] = None
        after["owner_role"] = str(next_role(handling, before["owner_role"]))
        await _write(tx, before, after, ExceptionEscalated, ExceptionEscalated.type, SYSTEM.actor)
    return len(rows)


async def resume(tx: Transaction) -> int:
    """Resume exceptions that waited until their time. Returns their number, at most ROUND_MAX.

    The clock runs again from that time. Each records `exception.resumed`.
    """
    rows = await exception_queries.lock_waited(tx.session, tx.now, ROUND_MAX)
    for before in rows:
        after = _resumed(before, tx.now)
        await _write(tx, before, after, ExceptionResumed, ExceptionResumed.type, SYSTEM.actor)
    return len(rows)


async def _owner(tx: Transaction, row: OperationalExceptionRow, name: str) -> str:
    """The name of an actor whose live keys reach the exception, or of a role.

    Raises NotFound (field `owner`) for others.
    """
    roles = {comparison_key(role): str(role) for role in Role}
    role = roles.get(comparison_key(name))
    if role is not None:
        return role
    actor = await actors.live_actor(tx.session, name, tx.now)
    if actor is not None:
        location, channel = await exceptions.codes_of(tx, row["location_id"], row["channel_id"])
        if actor.reaches(channel, location):
            return actor.name
    raise NotFound("actor", name, field=("owner",))


async def _lock(tx: Transaction, exception_id: UUID, caller: Caller) -> OperationalExceptionRow:
    row = await exception_queries.lock_exception(tx.session, exception_id)
    if row is not None:
        scope = await scope_of(tx.session, caller)
        if scope.is_whole or await exception_reads.exceptions_by_id(tx.session, scope, [row["id"]]):
            return row
    raise NotFound("operational exception", str(exception_id), field=("id",))


async def _check_cause_ended(tx: Transaction, row: OperationalExceptionRow) -> None:
    """Raise IllegalTransition if only the end of its cause may resolve this exception."""
    is_ended = True
    if row["kind"] == ExceptionKind.REFUND_UNKNOWN:
        refund_id = UUID(row["subject_key"].partition(":")[2])
        is_ended = not await payout_queries.awaits_person(tx.session, refund_id)
    elif row["kind"] == ExceptionKind.UNIDENTIFIED_PARCEL:
        is_ended = not await parcel_queries.has_units(tx.session, row["id"])
    if not is_ended:
        current = ExceptionStatus(row["status"])
        allowed = EXCEPTION_TRANSITIONS[current] - {ExceptionStatus.RESOLVED}
        resolved = ExceptionStatus.RESOLVED
        raise IllegalTransition("operational exception", current, resolved, allowed, field=("id",))


def _moved(before: OperationalExceptionRow, status: ExceptionStatus) -> OperationalExceptionRow:
    """The row with another status. Raises IllegalTransition at the field `id`."""
    current = ExceptionStatus(before["status"])
    step("operational exception", EXCEPTION_TRANSITIONS, current, status, field=("id",))
    return {**before, "status": str(status), "waiting_since_at": None, "wait_until_at": None}


def _resumed(before: OperationalExceptionRow, now: datetime) -> OperationalExceptionRow:
    after = _moved(before, ExceptionStatus.IN_PROGRESS)
    since, until = before["waiting_since_at"], before["wait_until_at"]
    if since is not None and until is not None:
        after["due_at"] = due_after_waiting(before["due_at"], since, min(now, until))
    return after


async def _write(
    tx: Transaction,
    before: OperationalExceptionRow,
    after: OperationalExceptionRow,
    event: type[ExceptionPayload],
    action: str,
    actor: str,
    details: str | None = None,
) -> Mapping[str, Any]:
    written = await exception_queries.write_step(tx.session, after, details)
    exceptions.record(tx, written, actor, event)
    tx.outbox.audit(
        actor,
        action,
        ("OperationalException", before["id"]),
        before=_facts(before),
        after=_facts(written),
    )
    return {"exception": str(before["id"])}


def _facts(row: OperationalExceptionRow) -> Mapping[str, object]:
    return {
        "status": row["status"],
        "owner": row["owner"],
        "ownerRole": row["owner_role"],
        "dueAt": row["due_at"],
    }
