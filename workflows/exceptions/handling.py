"""Handling of operational exceptions: assign, start, wait, comment, escalate and resolve.

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

import models.queries.exceptions.exceptions as exception_queries
import models.queries.reads.exceptions as exception_reads
import models.queries.refunds.payouts as payout_queries
import models.queries.returns.unidentified_parcels as parcel_queries
import workflows.access.actors as actors
import workflows.exceptions.handling_rules as handling_rules
import workflows.exceptions.opening as exceptions
import workflows.exceptions.steps as steps
from domain.access.callers import Caller, Role
from domain.errors import IllegalTransition, Invalid, LimitExceeded, NotFound, Path
from domain.events.exceptions import (
    ExceptionAssigned,
    ExceptionCommented,
    ExceptionResolved,
    ExceptionStarted,
    ExceptionWaiting,
)
from domain.exceptions import (
    EXCEPTION_TRANSITIONS,
    KINDS,
    STEPS_MAX,
    WAIT_MAX,
    ExceptionKind,
    ExceptionStatus,
)
from domain.problems import Problems
from domain.values.codes import check_stored, comparison_key, store_codes
from domain.values.texts import NOTE_MAX, check_text
from models.exceptions import OperationalExceptionRow
from models.queries.listing.scopes import scope_of
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction


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


@dataclass(frozen=True, slots=True)
class CommentException:
    """Add a comment to the history of the exception."""

    exception_id: UUID
    text: str


@one_by_one("exceptionAssign")
async def assign(tx: Transaction, command: AssignException, caller: Caller) -> Mapping[str, Any]:
    """Give an exception an owner, or another one. An escalated one also gets a new due time.

    The owner is an actor with a live key that sees the exception, or a role. Waiting ends; the
    waiting time is added to the due time. Locks the exception. Raises IllegalTransition, Invalid or
    NotFound. Records `exception.assigned`.
    """
    problems, before = Problems(), None
    with problems.under():
        before = await lock(tx, command.exception_id, caller)
    with problems.under():
        owner = await owner_of(tx, before, command.owner)
    problems.refuse()
    assert before is not None
    return await assign_locked(tx, before, owner, "exceptionAssign", caller.actor)


@one_by_one("exceptionStart")
async def start(tx: Transaction, command: StartException, caller: Caller) -> Mapping[str, Any]:
    """Start work, or continue after waiting. The waiting time is added to the due time.

    Locks the exception. Raises IllegalTransition or NotFound. Records `exception.started`.
    """
    before = await lock(tx, command.exception_id, caller)
    after = steps.resumed(before, tx.now, ExceptionStatus.IN_PROGRESS)
    return await steps.write(tx, before, after, ExceptionStarted, "exceptionStart", caller.actor)


@one_by_one("exceptionWait")
async def wait(tx: Transaction, command: WaitException, caller: Caller) -> Mapping[str, Any]:
    """Stop the clock of an exception until an instant, or until work on it continues earlier.

    Locks the exception. Raises IllegalTransition, Invalid or NotFound. Records `exception.waiting`.
    """
    problems = Problems()
    with problems.under():
        check_text(command.note, "note", longest=NOTE_MAX)
    with problems.under("until"):
        if not tx.now < command.until <= tx.now + WAIT_MAX:
            raise Invalid(f"The time must be within the next {WAIT_MAX.days} days.")
    with problems.under():
        before = await lock(tx, command.exception_id, caller)
    problems.refuse()
    after = steps.moved(before, ExceptionStatus.WAITING)
    after["waiting_since_at"], after["wait_until_at"] = tx.now, command.until
    details = orjson.loads(before["details"] or "{}")
    after["details"] = orjson.dumps({**details, "waitingFor": command.note}).decode()
    action, note = "exceptionWait", command.note
    return await steps.write(tx, before, after, ExceptionWaiting, action, caller.actor, note)


@one_by_one("exceptionResolve")
async def resolve(tx: Transaction, command: ResolveException, caller: Caller) -> Mapping[str, Any]:
    """Resolve an exception with a note on the solution.

    The clock does not open it again until its condition has ended once. REFUND_UNKNOWN ends with
    the settlement of the attempt, and UNIDENTIFIED_PARCEL when its units are out of quarantine, not
    with words before. Locks the exception. Raises IllegalTransition, Invalid or NotFound. Records
    `exception.resolved`.
    """
    problems = Problems()
    with problems.under():
        check_text(command.resolution, "resolution", longest=NOTE_MAX)
    with problems.under():
        before = await lock(tx, command.exception_id, caller)
    problems.refuse()
    return await resolve_locked(tx, before, command.resolution, "exceptionResolve", caller.actor)


@one_by_one("exceptionComment")
async def comment(tx: Transaction, command: CommentException, caller: Caller) -> Mapping[str, Any]:
    """Add a comment to an exception, in any status.

    Locks the exception. Raises Invalid, NotFound, or LimitExceeded above STEPS_MAX steps. Records
    `exception.commented`.
    """
    problems = Problems()
    with problems.under():
        check_text(command.text, "text", longest=NOTE_MAX)
    with problems.under():
        before = await lock(tx, command.exception_id, caller)
    problems.refuse()
    count = await exception_queries.step_count(tx.session, before["id"])
    if count >= STEPS_MAX:
        raise LimitExceeded("steps", STEPS_MAX, count + 1, field=("id",))
    action, text = "exceptionComment", command.text
    return await steps.write(tx, before, before, ExceptionCommented, action, caller.actor, text)


async def assign_locked(
    tx: Transaction, before: OperationalExceptionRow, owner: str, action: str, actor: str
) -> Mapping[str, Any]:
    after = steps.resumed(before, tx.now, ExceptionStatus.ASSIGNED)
    after["owner"] = owner
    if before["status"] == ExceptionStatus.ESCALATED:
        rules = await handling_rules.read(tx.session, tx.now, [steps.place_of(before)])
        rule = rules.rule(ExceptionKind(before["kind"]), steps.place_of(before))
        after["due_at"] = max(before["due_at"], rule.due_at(tx.now))
    return await steps.write(tx, before, after, ExceptionAssigned, action, actor)


async def resolve_locked(
    tx: Transaction, before: OperationalExceptionRow, resolution: str, action: str, actor: str
) -> Mapping[str, Any]:
    after = steps.moved(before, ExceptionStatus.RESOLVED)
    await _check_cause_ended(tx, before)
    after["resolution"], after["resolved_at"] = resolution, tx.now
    after["silenced"] = KINDS[ExceptionKind(before["kind"])].is_swept
    return await steps.write(tx, before, after, ExceptionResolved, action, actor, resolution)


async def owner_of(tx: Transaction, row: OperationalExceptionRow | None, name: str) -> str:
    """The name of an actor whose live keys reach the exception, or of a role.

    `row` None: the exception is not found; any actor with a live key is taken. Raises Invalid, or
    NotFound (field `owner`) for others.
    """
    check_stored(name, "owner")
    roles = {comparison_key(role): str(role) for role in Role}
    role = roles.get(comparison_key(name))
    if role is not None:
        return role
    actor = await actors.live_actor(tx.session, name, tx.now)
    if actor is not None and row is None:
        return actor.name
    if actor is not None and row is not None:
        location, channel = await exceptions.codes_of(tx, row["location_id"], row["channel_id"])
        if actor.reaches(channel, location):
            return actor.name
    raise NotFound("actor", name, field=("owner",))


async def lock(
    tx: Transaction, exception_id: UUID, caller: Caller, field: Path = ("id",)
) -> OperationalExceptionRow:
    row = await exception_queries.lock_exception(tx.session, exception_id)
    if row is not None:
        scope = await scope_of(tx.session, caller)
        is_whole = scope.is_whole and not scope.hidden_kinds
        if is_whole or await exception_reads.exceptions_by_id(tx.session, scope, [row["id"]]):
            return row
    raise NotFound("operational exception", str(exception_id), field=field)


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
