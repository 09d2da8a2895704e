"""Carrier events that wait for a parcel, and events of parcels that had not shipped yet.

An event that nothing bears the number of waits for 30 days. It belongs to the first fulfillment,
return or transfer that takes its number. An event of a fulfillment or transfer that has not shipped
has its effect when it ships. Both have their effects in the order of `occurredAt`, dated at the
shipment at the earliest.

The reactions cover every way in which a number is taken. A transaction that takes a number does not
see an event that is recorded at the same time, so a job looks at recent events again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog

import models.queries.orders.carrier_events as carrier_event_queries
import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.returns.returns as return_queries
import models.queries.stock.transfers as transfer_queries
import workflows.carriers.tracking_events as tracking_events
import workflows.orders.locked_orders as locked_orders
from domain.events.fulfillments import FulfillmentShipped
from domain.events.labels import LabelBought
from domain.events.returns import ReturnPayload
from domain.events.stock import TransferShipped
from domain.orders.carriers import CarrierStatus
from models.queries.orders.carrier_events import WaitingEventRow
from workflows.carriers.commands import RecordCarrierEvent
from workflows.carriers.tracking_events import CARRIER, TrackedParcel
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

KEPT_FOR: Final = timedelta(days=30)
# Much longer than any transaction that may have taken the number meanwhile.
RECENT: Final = timedelta(minutes=10)
EVENTS_MAX: Final = 100
DELETED_MAX: Final = 1_000


async def apply_at_shipment(tx: Transaction, event: PendingEvent[FulfillmentShipped]) -> None:
    """Apply the events of a parcel that shipped, which arrived before its shipment."""
    fulfillment_id = UUID(event.subject_key)
    row = await fulfillment_queries.fulfillment(tx.session, fulfillment_id)
    assert row is not None
    if row["tracking_number"] is not None:
        waiting = await carrier_event_queries.waiting(
            tx.session, row["tracking_number"], EVENTS_MAX, ("fulfillment_id", fulfillment_id)
        )
        await _apply(tx, row["order_id"], waiting)


async def apply_at_transfer(tx: Transaction, event: PendingEvent[TransferShipped]) -> None:
    """Apply the events of a transfer that shipped, which arrived before its shipment."""
    transfer_id = UUID(event.subject_key)
    row = await transfer_queries.lock_transfer(tx.session, transfer_id)
    assert row is not None
    if row["tracking_number"] is not None:
        waiting = await carrier_event_queries.waiting(
            tx.session, row["tracking_number"], EVENTS_MAX, ("transfer_id", transfer_id)
        )
        await _apply_to_transfer(tx, transfer_id, waiting)


async def match_label(tx: Transaction, event: PendingEvent[LabelBought]) -> None:
    """Match the events of a label's number to the parcel that it was bought for."""
    fulfillment_id, transfer_id = event.payload.fulfillment, event.payload.transfer
    if transfer_id is not None:
        transfer = await transfer_queries.lock_transfer(tx.session, transfer_id)
        if transfer is not None and transfer["tracking_number"] is not None:
            waiting = await carrier_event_queries.waiting(
                tx.session, transfer["tracking_number"], EVENTS_MAX
            )
            await _apply_to_transfer(tx, transfer_id, waiting)
        return
    if fulfillment_id is None:  # a return takes the number by its own event
        return
    row = await fulfillment_queries.fulfillment(tx.session, fulfillment_id)
    if row is not None and row["tracking_number"] is not None:
        waiting = await carrier_event_queries.waiting(
            tx.session, row["tracking_number"], EVENTS_MAX
        )
        await _apply(tx, row["order_id"], waiting)


async def match_return(tx: Transaction, event: PendingEvent[ReturnPayload]) -> None:
    """Match the events of a return's number to the return."""
    await tx.flush()
    row = await return_queries.lock_return(tx.session, UUID(event.subject_key))
    if row is not None and row["tracking_number"] is not None:
        waiting = await carrier_event_queries.waiting(
            tx.session, row["tracking_number"], EVENTS_MAX
        )
        await _apply(tx, row["order_id"], waiting)


async def match_recent(transactions: Transactions) -> int:
    """Match recent events whose number was taken while they were recorded; their number."""
    since = transactions.clock() - RECENT
    async with transactions.database.snapshot() as session:
        rows = await carrier_event_queries.matchable(session, since, EVENTS_MAX)
    for row in rows:
        await transactions.run(partial(_match_one, row=row))
    return len(rows)


async def delete_unmatched(tx: Transaction) -> int:
    """Delete events that have waited for KEPT_FOR without a parcel; returns their number."""
    return await carrier_event_queries.delete_unmatched(tx.session, tx.now - KEPT_FOR, DELETED_MAX)


async def _match_one(tx: Transaction, row: WaitingEventRow) -> None:
    parcel = await tracking_events.find(tx, _command(row), CARRIER)
    if parcel is None:
        return
    await tracking_events.lock_owner(tx, parcel)
    if parcel.order_id is None:
        await _apply_to_transfer(tx, parcel.subject[1], [row])
    else:
        await _apply(tx, parcel.order_id, [row])


async def _apply(tx: Transaction, order_id: UUID, waiting: Sequence[WaitingEventRow]) -> None:
    """Give events their parcel of a locked order, and apply them."""
    for row in waiting:
        command = _command(row)
        order = await locked_orders.reload(tx, order_id)
        parcel = await tracking_events.find(tx, command, CARRIER)
        if parcel is None or parcel.order_id != order_id:
            continue
        if row["fulfillment_id"] is not None:
            if not parcel.is_outbound:
                subject = ("Fulfillment", row["fulfillment_id"])
                parcel = TrackedParcel(subject, order_id, parcel.location, is_returning=True)
        elif not await tracking_events.assign(tx, row["id"], parcel):
            continue
        reporter = replace(CARRIER, actor=row["actor"])
        await tracking_events.take_effect(tx, row["id"], order, command, parcel, reporter)


async def _apply_to_transfer(
    tx: Transaction, transfer_id: UUID, waiting: Sequence[WaitingEventRow]
) -> None:
    """Give events their locked transfer, and apply them."""
    for row in waiting:
        command = _command(row)
        parcel = await tracking_events.find(tx, command, CARRIER)
        if parcel is None or parcel.subject != ("Transfer", transfer_id):
            continue
        if row["transfer_id"] is None and not await tracking_events.assign(tx, row["id"], parcel):
            continue
        reporter = replace(CARRIER, actor=row["actor"])
        await tracking_events.take_effect(tx, row["id"], None, command, parcel, reporter)


def _command(row: WaitingEventRow) -> RecordCarrierEvent:
    return RecordCarrierEvent(
        carrier=row["carrier"],
        tracking_number=row["tracking_number"],
        event_reference=row["event_reference"],
        status=CarrierStatus(row["status"]),
        occurred_at=row["occurred_at"],
    )
