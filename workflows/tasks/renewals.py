"""Renewal of several claims at once, as a worker with a cart of parcels needs it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import domain.tasks as task_rules
import models.queries.tasks as task_queries
import workflows.tasks.claims as tasks
import workflows.tasks.holders as holders
from domain.access.callers import Caller
from domain.errors import DomainError, NotFound
from domain.tasks import TaskStatus
from models.queries.listing.scopes import scope_of
from models.tasks import TaskRow
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Outcome
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class RenewTasks:
    """Extend the leases of several tasks."""

    task_ids: tuple[UUID, ...]


@one_by_one("tasksRenew")
async def renew_all(tx: Transaction, command: RenewTasks, caller: Caller) -> Outcome:
    """Extend the caller's leases of several tasks; each is renewed or refused alone.

    Raises LimitExceeded. Locks the tasks in order. Records what `renew` records.
    """
    task_rules.check_limit(len(command.task_ids), field=("ids",))
    ids = list(dict.fromkeys(command.task_ids))
    scope = await scope_of(tx.session, caller)
    found = {row["id"]: row for row in await task_queries.lock_tasks(tx.session, ids)}
    renewed: list[TaskRow] = []
    refused: list[DomainError] = []
    for index, task_id in enumerate(command.task_ids):
        field = ("ids", str(index))
        try:
            row = found.get(task_id)
            if row is None or not tasks.is_seen(row, scope):
                raise NotFound("task", str(task_id), field=field)
            task_rules.check_live(TaskStatus(row["status"]), TaskStatus.CLAIMED, field=field)
            holders.check_holder(tx, row, caller, field)
        except DomainError as error:
            refused.append(error)
        else:
            if row not in renewed:
                renewed.append(row)
    await tasks.hold_all(tx, renewed, caller.actor, "tasksRenew")
    return tasks.outcome_of_each(renewed, refused)
