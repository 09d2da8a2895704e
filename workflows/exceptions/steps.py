"""Steps of an exception: its next row, the event of the step, and a row of its history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import models.queries.exceptions.exceptions as exception_queries
from domain.access.callers import Role
from domain.events.exceptions import ExceptionPayload
from domain.exceptions import (
    EXCEPTION_TRANSITIONS,
    ExceptionKind,
    ExceptionSeverity,
    ExceptionStatus,
    due_after_waiting,
    next_role,
)
from domain.transitions import step
from models.exceptions import ExceptionStep, ExceptionStepRow, OperationalExceptionRow
from workflows.exceptions.handling_rules import HandlingRules, Place
from workflows.transactions.transaction import Transaction


def place_of(row: OperationalExceptionRow) -> Place:
    """The location and the channel of an exception."""
    return row["location_id"], row["channel_id"]


def passed_on(after: OperationalExceptionRow, rules: HandlingRules) -> OperationalExceptionRow:
    """The row with the role after its present one; it has no owner then."""
    rule = rules.rule(ExceptionKind(after["kind"]), place_of(after))
    role = str(next_role(rule, after["owner_role"]))
    return {**after, "owner": None, "owner_role": role}


def moved(before: OperationalExceptionRow, status: ExceptionStatus) -> OperationalExceptionRow:
    """The row with another status. Raises IllegalTransition at the field `id`."""
    current = ExceptionStatus(before["status"])
    step("operational exception", EXCEPTION_TRANSITIONS, current, status, field=("id",))
    return {**before, "status": str(status), "waiting_since_at": None, "wait_until_at": None}


def resumed(
    before: OperationalExceptionRow, now: datetime, status: ExceptionStatus
) -> OperationalExceptionRow:
    """The row with another status. If it waited, the waiting time is added to its due time."""
    after = moved(before, status)
    since, until = before["waiting_since_at"], before["wait_until_at"]
    if since is not None and until is not None:
        after["due_at"] = due_after_waiting(before["due_at"], since, min(now, until))
    return after


def record(
    tx: Transaction, row: OperationalExceptionRow, actor: str, event: type[ExceptionPayload]
) -> ExceptionPayload:
    """Record an event of an exception. Returns its payload, which alerts are selected by."""
    payload = event(
        kind=ExceptionKind(row["kind"]),
        subject=row["subject_key"],
        status=ExceptionStatus(row["status"]),
        severity=ExceptionSeverity(row["severity"]),
        owner=row["owner"],
        owner_role=Role(row["owner_role"]),
        occurrences=row["occurrences"],
    )
    tx.outbox.record(
        payload,
        row["id"],
        actor=actor,
        version=row["version"],
        channel_id=row["channel_id"],
        location_id=row["location_id"],
    )
    return payload


def add(
    tx: Transaction, row: OperationalExceptionRow, actor: str, action: str, note: str | None
) -> None:
    """Add a step to the history of an exception; `row` is the exception after the step.

    `note` is free text, so it is in this table only, whose rows may be erased.
    """
    made: ExceptionStepRow = {
        "exception_id": row["id"],
        "recorded_at": tx.now,
        "actor": actor,
        "action": action,
        "status": row["status"],
        "owner": row["owner"],
        "note": note,
    }
    tx.add(ExceptionStep, made)


async def write(
    tx: Transaction,
    before: OperationalExceptionRow,
    after: OperationalExceptionRow,
    event: type[ExceptionPayload],
    action: str,
    actor: str,
    note: str | None = None,
) -> Mapping[str, Any]:
    """Write a step of a locked exception, with its event, its history and an audit row.

    Returns the references of the outcome.
    """
    written = await exception_queries.write_step(tx.session, after)
    record(tx, written, actor, event)
    add(tx, written, actor, event.type.partition(".")[2].upper(), note)
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
