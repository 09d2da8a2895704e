"""Escalation of exceptions to the next role, by a person or the clock, and the end of waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import models.queries.exceptions.exceptions as exception_queries
import workflows.exceptions.handling as exception_handling
import workflows.exceptions.handling_rules as handling_rules
import workflows.exceptions.steps as steps
from domain.access.callers import SYSTEM, Caller, Role
from domain.errors import IllegalTransition
from domain.events.exceptions import ExceptionEscalated, ExceptionResumed
from domain.exceptions import EXCEPTION_TRANSITIONS, ExceptionStatus
from domain.values.texts import NOTE_MAX, check_text
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

ROUND_MAX = 200


@dataclass(frozen=True, slots=True)
class EscalateException:
    """Pass the exception to the next role before its due time; `note` is the reason."""

    exception_id: UUID
    note: str


@one_by_one("exceptionEscalate")
async def escalate(
    tx: Transaction, command: EscalateException, caller: Caller
) -> Mapping[str, Any]:
    """Pass an exception to the next role before its due time.

    Waiting ends; the waiting time is added to the due time. Locks the exception. Raises Invalid,
    NotFound, or IllegalTransition if it has ended or was escalated to ADMIN already. Records
    `exception.escalated`.
    """
    check_text(command.note, "note", longest=NOTE_MAX)
    before = await exception_handling.lock(tx, command.exception_id, caller)
    after = steps.resumed(before, tx.now, ExceptionStatus.ESCALATED)
    if before["status"] == ExceptionStatus.ESCALATED and before["owner_role"] == Role.ADMIN:
        status = ExceptionStatus.ESCALATED
        allowed = EXCEPTION_TRANSITIONS[status] - {status}
        raise IllegalTransition("operational exception", status, status, allowed, field=("id",))
    rules = await handling_rules.read(tx.session, tx.now, [steps.place_of(before)])
    after = steps.passed_on(after, rules)
    action = "exceptionEscalate"
    actor, note = caller.actor, command.note
    return await steps.write(tx, before, after, ExceptionEscalated, action, actor, note)


async def escalate_overdue(tx: Transaction) -> int:
    """Escalate overdue exceptions to the next role. Returns their number, at most ROUND_MAX.

    Each records `exception.escalated`, which alerts subscribers again.
    """
    rows = await exception_queries.lock_overdue(tx.session, tx.now, ROUND_MAX)
    rules = (
        await handling_rules.read(tx.session, tx.now, map(steps.place_of, rows)) if rows else None
    )
    for before in rows:
        after = steps.moved(before, ExceptionStatus.ESCALATED)
        assert rules is not None
        after = steps.passed_on(after, rules)
        await steps.write(
            tx, before, after, ExceptionEscalated, ExceptionEscalated.type, SYSTEM.actor
        )
    return len(rows)


async def resume(tx: Transaction) -> int:
    """Resume exceptions that waited until their time. Returns their number, at most ROUND_MAX.

    The clock runs again from that time. Each records `exception.resumed`.
    """
    rows = await exception_queries.lock_waited(tx.session, tx.now, ROUND_MAX)
    for before in rows:
        after = steps.resumed(before, tx.now, ExceptionStatus.IN_PROGRESS)
        await steps.write(tx, before, after, ExceptionResumed, ExceptionResumed.type, SYSTEM.actor)
    return len(rows)
