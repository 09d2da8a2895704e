"""Claims of tasks that ended with their lease, kept for the figures of queues."""

from __future__ import annotations

from collections.abc import Iterable

from domain.tasks import TaskStatus
from domain.values.codes import same_code
from models.tasks import TaskLapse, TaskRow
from workflows.transactions.transaction import Transaction


def keep(tx: Transaction, rows: Iterable[TaskRow], actor: str | None) -> None:
    """Keep the stored claims of locked tasks that ended with their lease, for the figures.

    A worker that goes on with its own task after the lease has not given it back.
    """
    for row in rows:
        until, holder = row["lease_until_at"], row["claimed_by"]
        is_over = row["status"] == TaskStatus.CLAIMED and until is not None and until <= tx.now
        if is_over and holder is not None and (actor is None or not same_code(holder, actor)):
            lapse = {"task_id": row["id"], "claimed_by": holder, "lapsed_at": until}
            tx.add(TaskLapse, lapse)
