"""Creation and end of tasks as reactions to events of fulfillments and returns.

The reactions run before the commit (workflows/reactions.py), under the lock of the order or return.
A state asks for at most one step (domain/tasks.py). A task in any other queue ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import domain.tasks as task_rules
import models.queries.tasks as task_queries
import workflows.tasks.claims as tasks
from domain.events.fulfillments import (
    FulfillmentHeld,
    FulfillmentPayload,
    FulfillmentReleased,
    FulfillmentWorkPayload,
)
from domain.events.returns import ReturnPayload, ReturnReceived
from domain.events.stock import TransferPayload
from domain.returns.inspections import inspection_priority
from domain.returns.states import ReturnItemState, ReturnStatus
from domain.stock.transfers import TransferStatus
from domain.tasks import FULFILLMENT_STEPS, ITEM_STEPS, RETURN_STEPS, TRANSFER_STEPS, QueueKind
from domain.values.money import Money
from models.queries.tasks import ItemForInspectionRow, ReturnForReceiptRow
from models.tasks import TaskRow
from workflows.tasks.claims import NewTask
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

# A return in these states will not be received: its task is cancelled, not done.
_GIVEN_UP: Final = frozenset({ReturnStatus.DECLINED, ReturnStatus.CANCELLED, ReturnStatus.EXPIRED})


async def add_first_task(tx: Transaction, event: PendingEvent[FulfillmentWorkPayload]) -> None:
    """Create the task for the first step of a new fulfillment."""
    queue = FULFILLMENT_STEPS.get(event.payload.status)
    if queue is not None:
        tasks.add(tx, _dispatch(tx, event, queue), event.actor)


async def advance(tx: Transaction, event: PendingEvent[FulfillmentWorkPayload]) -> None:
    """End the task of the step that a fulfillment completed; create the task of the next step."""
    await advance_all(tx, [event])


async def advance_all(
    tx: Transaction, events: Sequence[PendingEvent[FulfillmentWorkPayload]]
) -> None:
    """Do so for several fulfillments, each with one event, with one look-up and one write."""
    await tx.flush()
    live: dict[str, list[TaskRow]] = {}
    for row in await task_queries.lock_live(
        tx.session, events[0].payload.subject_type, [event.subject_key for event in events]
    ):
        live.setdefault(row["subject_key"], []).append(row)
    ended: dict[str, list[TaskRow]] = {}
    new: list[tuple[NewTask, str]] = []
    for event in events:
        queue, rows = FULFILLMENT_STEPS.get(event.payload.status), live.get(event.subject_key, [])
        ended.setdefault(event.actor, []).extend(row for row in rows if row["queue"] != queue)
        if queue is not None and not any(row["queue"] == queue for row in rows):
            new.append((_dispatch(tx, event, queue), event.actor))
    for actor, rows in ended.items():
        await tasks.finish(tx, rows, actor)
    for task, actor in new:
        tasks.add(tx, task, actor)


async def cancel_tasks(tx: Transaction, event: PendingEvent[FulfillmentPayload]) -> None:
    """Cancel the tasks of a cancelled fulfillment."""
    await tasks.cancel(tx, await _live(tx, event), event.actor)


async def follow_hold(
    tx: Transaction, event: PendingEvent[FulfillmentHeld | FulfillmentReleased]
) -> None:
    """Cancel the PICK task of a fulfillment that becomes ON_HOLD; add one when it is OPEN again.

    The tasks of other statuses stay, and record that their subject has changed.
    """
    if event.payload.status is event.payload.before:
        await report_change(tx, event)
    elif isinstance(event.payload, FulfillmentHeld):
        await cancel_tasks(tx, event)
    else:
        await add_first_task(tx, event)


async def report_change(tx: Transaction, event: PendingEvent[FulfillmentPayload]) -> None:
    """Record that the task of a fulfillment has other units than before."""
    await tasks.touch(tx, await _live(tx, event), event.actor)


async def _live(tx: Transaction, event: PendingEvent[FulfillmentPayload]) -> list[TaskRow]:
    await tx.flush()
    return await task_queries.lock_live(tx.session, event.payload.subject_type, [event.subject_key])


def _dispatch(
    tx: Transaction, event: PendingEvent[FulfillmentWorkPayload], queue: QueueKind
) -> NewTask:
    """The task of a fulfillment; service level and ship-by time come from the event."""
    assert event.location_id is not None
    payload = event.payload
    return NewTask(
        queue=queue,
        subject=(payload.subject_type, event.subject_key),
        location_id=event.location_id,
        channel_id=event.channel_id,
        priority=task_rules.dispatch_priority(payload.service_level, payload.ship_by, tx.now),
        due_at=payload.ship_by,
    )


async def update_task_of_transfer(tx: Transaction, event: PendingEvent[TransferPayload]) -> None:
    """End the task of a transfer that is done, and add the one that its status needs.

    It is picked at the origin, and received at the destination.
    """
    await tx.flush()
    row = await task_queries.transfer_for_work(tx.session, UUID(event.subject_key))
    if row is None:
        return
    status = TransferStatus(row["status"])
    queue = TRANSFER_STEPS.get(status)
    live = await task_queries.lock_live(tx.session, "Transfer", [event.subject_key])
    ended = [task for task in live if task["queue"] != queue]
    end = tasks.cancel if status is TransferStatus.CANCELLED else tasks.finish
    await end(tx, ended, event.actor)
    if queue is not None and len(ended) == len(live):
        is_picked = status is TransferStatus.REQUESTED
        new = NewTask(
            queue=queue,
            subject=("Transfer", event.subject_key),
            location_id=row["origin_id"] if is_picked else row["destination_id"],
            channel_id=None,
            priority=task_rules.receipt_priority(row["expected_by_at"], tx.now),
            due_at=row["expected_by_at"],
        )
        tasks.add(tx, new, event.actor)


async def update_tasks_of_return(tx: Transaction, event: PendingEvent[ReturnPayload]) -> None:
    """Create and end the tasks of a return and of its units, according to their present states."""
    await tx.flush()
    row = await task_queries.return_for_receipt(tx.session, UUID(event.subject_key))
    if row is None:
        return
    await _follow_receipt(tx, row, event)
    await _follow_inspection(tx, row, event.actor)


async def _follow_receipt(
    tx: Transaction, row: ReturnForReceiptRow, event: PendingEvent[ReturnPayload]
) -> None:
    status, actor = ReturnStatus(row["status"]), event.actor
    live = await task_queries.lock_live(tx.session, "Return", [str(row["id"])])
    if status not in RETURN_STEPS:
        end = tasks.cancel if status in _GIVEN_UP else tasks.finish
        await end(tx, live, actor)
    elif not live:
        new = NewTask(
            queue=RETURN_STEPS[status],
            subject=("Return", row["id"]),
            location_id=row["destination_id"],
            channel_id=row["channel_id"],
            priority=task_rules.receipt_priority(row["expected_by_at"], tx.now),
            due_at=row["expected_by_at"],
        )
        tasks.add(tx, new, actor)
    elif isinstance(event.payload, ReturnReceived):
        await tasks.progress(tx, live, actor)


async def _follow_inspection(tx: Transaction, parent: ReturnForReceiptRow, actor: str) -> None:
    items = await task_queries.items_for_inspection(tx.session, parent["id"])
    by_key = {str(item["id"]): item for item in items}
    wanted = {key: ITEM_STEPS.get(ReturnItemState(item["state"])) for key, item in by_key.items()}
    live = await task_queries.lock_live(tx.session, "ReturnItem", list(by_key))
    ended = [row for row in live if row["queue"] != wanted[row["subject_key"]]]
    await tasks.finish(tx, ended, actor)
    _add_missing(tx, by_key, wanted, live, parent["channel_id"], actor)


def _add_missing(
    tx: Transaction,
    items: Mapping[str, ItemForInspectionRow],
    wanted: Mapping[str, QueueKind | None],
    live: Sequence[TaskRow],
    channel_id: int,
    actor: str,
) -> None:
    present = {(row["subject_key"], row["queue"]) for row in live}
    for key, queue in wanted.items():
        if queue is None or (key, queue) in present:
            continue
        item = items[key]
        location_id, received_at = item["location_id"], item["received_at"]
        assert location_id is not None  # a group with a step has been received
        assert received_at is not None
        worth = Money(
            item["unit_value_minor"] * item["quantity"],
            item["currency"] or tx.terms.base_currency,
        )
        new = NewTask(
            queue=queue,
            subject=("ReturnItem", key),
            location_id=location_id,
            channel_id=channel_id,
            priority=inspection_priority(worth, item["reason"], received_at),
            due_at=None,
        )
        tasks.add(tx, new, actor)
