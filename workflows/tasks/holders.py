"""Holders of tasks: the check that no other worker holds one, and the audit of overrides."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import domain.tasks as task_rules
from domain.access.callers import Caller
from domain.tasks import TaskStatus
from models.tasks import TaskRow
from workflows.transactions.transaction import Transaction

OVERRIDE = "tasks.override"


def current_status(row: TaskRow, now: datetime) -> TaskStatus:
    """Status of a task at `now`: an expired claim counts as open."""
    return task_rules.status_at(TaskStatus(row["status"]), row["lease_until_at"], now)


def check_holder(tx: Transaction, row: TaskRow, caller: Caller, field: tuple[str, ...]) -> None:
    """Raise TaskNotClaimed if another worker holds the task. An allowed override is audited."""
    check_may_act(tx, row, caller, field)
    audit_overrides(tx, [row], caller.actor)


def check_may_act(tx: Transaction, row: TaskRow, caller: Caller, field: tuple[str, ...]) -> None:
    """Raise TaskNotClaimed if another worker holds the task, unless the caller may override it.

    `audit_overrides` follows when the work is done. Until then it may be refused for another
    reason, and a refused command must leave no audit row.
    """
    if not caller.may(OVERRIDE):
        status = current_status(row, tx.now)
        task_rules.check_holder(status, row["claimed_by"], caller, field=field)


def audit_overrides(tx: Transaction, rows: Iterable[TaskRow], actor: str) -> None:
    """Write an audit row for each of these tasks that another worker holds."""
    for row in rows:
        if not task_rules.may_act(current_status(row, tx.now), row["claimed_by"], actor):
            tx.outbox.audit(
                actor,
                "task.overridden",
                ("Task", row["id"]),
                before={"claimedBy": row["claimed_by"], "leaseUntil": row["lease_until_at"]},
                after={"actor": actor},
            )
