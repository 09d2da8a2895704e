"""Claims of tasks that are selected by their parcels, among the first ones of a queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.tasks as task_queries
from domain.errors import Invalid
from domain.tasks import DISPATCH, QueueKind
from models.tasks import TaskRow
from workflows.transactions.transaction import Transaction

SELECTED_MAX = 1_000


def check(queue: QueueKind, *, is_named: bool) -> None:
    """Raise Invalid if tasks of this queue, or named tasks, are not selected by their parcels."""
    if is_named:
        raise Invalid("Omit `singles` to claim the tasks in `ids`.", field=("singles",))
    if queue not in DISPATCH:
        allowed = sorted(DISPATCH)
        raise Invalid(
            f"`singles` is allowed for the queues {', '.join(allowed)}; {queue} was sent.",
            field=("singles",),
            details={"allowed": allowed},
        )


async def lock_singles(
    tx: Transaction,
    queue: tuple[int, QueueKind, datetime],
    limit: int,
    channel_ids: Sequence[int] | None,
) -> list[TaskRow]:
    """Lock the first tasks with parcels of one unit; `queue`: location, queue and time."""
    first = await task_queries.first_claimable(tx.session, *queue, SELECTED_MAX, channel_ids)
    by_parcel = {UUID(row["subject_key"]): row["id"] for row in first}
    singles = await fulfillment_queries.singles_among(tx.session, list(by_parcel))
    ids = [task_id for parcel, task_id in by_parcel.items() if parcel in singles]
    return await task_queries.lock_claimable_among(tx.session, ids, tx.now, limit)
