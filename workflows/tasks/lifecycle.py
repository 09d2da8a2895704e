"""Which work a fact makes, and which it ends: the queues follow the states of what they are about.

These run before the fact commits (workflows/reactions.py), under the lock of its order or return.
A subject's state asks for one step at most (domain.tasks): a task in another queue is over then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import domain.tasks as task_rules
import models.queries.tasks as task_queries
import workflows.tasks.claims as tasks
from domain.events.fulfillments import FulfillmentPayload, FulfillmentWorkPayload
from domain.events.returns import ReturnPayload, ReturnReceived
from domain.returns.inspections import inspection_priority
from domain.returns.states import ReturnItemState, ReturnStatus
from domain.tasks import FULFILLMENT_STEPS, ITEM_STEPS, RETURN_STEPS, QueueKind
from domain.values.money import Money
from models.database.sessions import Row
from workflows.tasks.claims import NewTask
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

# A return in these states will not be received: its task is called off, not done.
_GIVEN_UP: Final = frozenset({ReturnStatus.DECLINED, ReturnStatus.CANCELLED, ReturnStatus.EXPIRED})


async def made(tx: Transaction, event: PendingEvent[FulfillmentWorkPayload]) -> None:
    """A new fulfillment asks for its first step."""
    queue = FULFILLMENT_STEPS.get(event.payload.status)
    if queue is not None:
        tasks.add(tx, _dispatch(tx, event, queue), event.actor)


async def moved_on(tx: Transaction, event: PendingEvent[FulfillmentWorkPayload]) -> None:
    """A fulfillment took a step: the task of that step is done, the next one is asked for."""
    queue = FULFILLMENT_STEPS.get(event.payload.status)
    live = await _live(tx, event)
    await tasks.finish(tx, [row for row in live if row["queue"] != queue], event.actor)
    if queue is not None and not any(row["queue"] == queue for row in live):
        tasks.add(tx, _dispatch(tx, event, queue), event.actor)


async def called_off(tx: Transaction, event: PendingEvent[FulfillmentPayload]) -> None:
    """A fulfillment was cancelled: there is nothing to do for it any more."""
    await tasks.cancel(tx, await _live(tx, event), event.actor)


async def changed(tx: Transaction, event: PendingEvent[FulfillmentPayload]) -> None:
    """A fulfillment has other units than before: its task is the same, its list is not."""
    await tasks.touch(tx, await _live(tx, event), event.actor)


async def _live(tx: Transaction, event: PendingEvent[FulfillmentPayload]) -> list[Row]:
    await tx.flush()
    return await task_queries.lock_live(tx.session, event.payload.subject_type, [event.subject_key])


def _dispatch(
    tx: Transaction, event: PendingEvent[FulfillmentWorkPayload], queue: QueueKind
) -> NewTask:
    """The task of a fulfillment, by what its event says of its order's promise."""
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


async def follow_return(tx: Transaction, event: PendingEvent[ReturnPayload]) -> None:
    """Make the tasks of a return and of its groups of units what their states ask for now."""
    await tx.flush()
    row = await task_queries.return_for_receipt(tx.session, UUID(event.subject_key))
    if row is None:
        return
    await _follow_dock(tx, row, event)
    await _follow_bench(tx, row, event.actor)


async def _follow_dock(tx: Transaction, row: Row, event: PendingEvent[ReturnPayload]) -> None:
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


async def _follow_bench(tx: Transaction, parent: Row, actor: str) -> None:
    items = await task_queries.items_for_inspection(tx.session, parent["id"])
    by_key: Mapping[str, Row] = {str(item["id"]): item for item in items}
    wanted = {key: ITEM_STEPS.get(ReturnItemState(item["state"])) for key, item in by_key.items()}
    live = await task_queries.lock_live(tx.session, "ReturnItem", list(by_key))
    over = [row for row in live if row["queue"] != wanted[row["subject_key"]]]
    await tasks.finish(tx, over, actor)
    _add_missing(tx, by_key, wanted, live, parent["channel_id"], actor)


def _add_missing(
    tx: Transaction,
    items: Mapping[str, Row],
    wanted: Mapping[str, QueueKind | None],
    live: Sequence[Row],
    channel_id: int,
    actor: str,
) -> None:
    there = {(row["subject_key"], row["queue"]) for row in live}
    for key, queue in wanted.items():
        if queue is None or (key, queue) in there:
            continue
        item = items[key]
        worth = Money(
            item["price_minor"] * item["quantity"], item["currency"] or tx.terms.base_currency
        )
        new = NewTask(
            queue=queue,
            subject=("ReturnItem", key),
            location_id=item["location_id"],
            channel_id=channel_id,
            priority=inspection_priority(worth, item["reason"], item["received_at"]),
            due_at=None,
        )
        tasks.add(tx, new, actor)
