"""Exceptions that facts of other areas open and clear, in the transaction of the fact.

The reactions run before the commit (workflows/reactions.py), under the lock of the order.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import models.queries.exceptions.conditions as conditions
import workflows.exceptions.opening as exceptions
from domain.events.fulfillments import FulfillmentPayload
from domain.events.labels import LabelFailed, LabelPayload
from domain.events.orders import OrderChangedPayload, OrderPlaced
from domain.events.refunds import RefundSucceeded
from domain.events.returns import ReturnPayload
from domain.events.stock import TransferClosed, TransferPayload
from domain.events.tasks import TaskPayload
from domain.exceptions import ExceptionKind
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderStatus
from domain.returns.states import ReturnStatus
from domain.tasks import QueueKind
from models.carriers import SubjectColumn
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

# Statuses of orders with units that still have to be shipped.
UNSHIPPED: Final = frozenset(
    {
        OrderStatus.OPEN,
        OrderStatus.ALLOCATED,
        OrderStatus.PARTIALLY_SHIPPED,
        OrderStatus.BACKORDERED,
    }
)
# Statuses of returns of which nothing has come yet.
AWAITED: Final = frozenset({ReturnStatus.AUTHORIZED, ReturnStatus.IN_TRANSIT})


async def report_oversold(tx: Transaction, event: PendingEvent[OrderPlaced]) -> None:
    """Open OVERSOLD for an order of a marketplace with backordered units."""
    if not event.payload.backordered or event.channel_id is None:
        return
    if not await conditions.is_marketplace(tx.session, event.channel_id):
        return
    await exceptions.open_exception(
        tx,
        ExceptionKind.OVERSOLD,
        ("Order", event.subject_key),
        f"{event.payload.backordered} units of order {event.payload.number} were sold on"
        f" {event.payload.channel} without stock.",
        channel_id=event.channel_id,
        actor=event.actor,
    )


async def end_lateness(tx: Transaction, event: PendingEvent[OrderChangedPayload]) -> None:
    """Clear ORDER_LATE when no unit of the order is left to be shipped."""
    if event.payload.status not in UNSHIPPED:
        subject = ("Order", event.subject_key)
        await exceptions.clear(tx, ExceptionKind.ORDER_LATE, subject, actor=event.actor)


async def report_loss(tx: Transaction, event: PendingEvent[FulfillmentPayload]) -> None:
    """Open PARCEL_LOST for a parcel that the carrier has lost."""
    fulfillment_id = UUID(event.subject_key)
    parcel = await conditions.parcel_of_order(tx.session, fulfillment_id)
    assert parcel is not None
    await exceptions.open_exception(
        tx,
        ExceptionKind.PARCEL_LOST,
        ("Fulfillment", fulfillment_id),
        f"The carrier lost a parcel of order {parcel['number']}.",
        location_id=event.location_id,
        channel_id=event.channel_id,
        actor=event.actor,
    )


async def end_loss(tx: Transaction, event: PendingEvent[FulfillmentPayload]) -> None:
    """Clear PARCEL_LOST for a lost parcel that was delivered, or found."""
    if event.payload.before is FulfillmentStatus.LOST:
        subject = ("Fulfillment", event.subject_key)
        await exceptions.clear(tx, ExceptionKind.PARCEL_LOST, subject, actor=event.actor)


async def settle_losses(tx: Transaction, event: PendingEvent[RefundSucceeded]) -> None:
    """Clear PARCEL_LOST of an order that got a refund after the loss."""
    refund_id, order_id = UUID(event.subject_key), event.payload.order
    for fulfillment_id in await conditions.losses_before(tx.session, refund_id, order_id):
        subject = ("Fulfillment", fulfillment_id)
        await exceptions.clear(tx, ExceptionKind.PARCEL_LOST, subject, actor=event.actor)


async def end_wait_for_return(tx: Transaction, event: PendingEvent[ReturnPayload]) -> None:
    """Clear RETURN_OVERDUE when units of the return have come, or none will."""
    if event.payload.before in AWAITED and event.payload.status not in AWAITED:
        subject = ("Return", event.subject_key)
        await exceptions.clear(tx, ExceptionKind.RETURN_OVERDUE, subject, actor=event.actor)


async def end_wait_for_inspection(tx: Transaction, event: PendingEvent[ReturnPayload]) -> None:
    """Clear INSPECTION_OVERDUE when no received unit of the return waits for inspection."""
    await tx.flush()
    if not await conditions.has_uninspected_units(tx.session, UUID(event.subject_key)):
        subject = ("Return", event.subject_key)
        await exceptions.clear(tx, ExceptionKind.INSPECTION_OVERDUE, subject, actor=event.actor)


async def end_wait_for_bin(tx: Transaction, event: PendingEvent[TaskPayload]) -> None:
    """Clear PUTAWAY_OVERDUE when the task of a stock level ends: no unit of it is unbinned."""
    if event.payload.queue is QueueKind.PUTAWAY:
        subject_type, _, key = event.payload.subject.partition(":")
        subject = (subject_type, key)
        await exceptions.clear(tx, ExceptionKind.PUTAWAY_OVERDUE, subject, actor=event.actor)


async def end_wait_for_transfer(tx: Transaction, event: PendingEvent[TransferClosed]) -> None:
    """Clear TRANSFER_OVERDUE when no unit of the transfer is in transit."""
    subject = ("Transfer", event.subject_key)
    await exceptions.clear(tx, ExceptionKind.TRANSFER_OVERDUE, subject, actor=event.actor)


async def report_failed_label(tx: Transaction, event: PendingEvent[LabelFailed]) -> None:
    """Open LABEL_FAILED for a label that was certainly not bought."""
    await exceptions.open_exception(
        tx,
        ExceptionKind.LABEL_FAILED,
        ("ShippingLabel", event.subject_key),
        f"{event.payload.carrier} did not sell a shipping label.",
        location_id=event.location_id,
        channel_id=event.channel_id,
        actor=event.actor,
    )


async def end_label_failure(tx: Transaction, event: PendingEvent[LabelPayload]) -> None:
    """Clear LABEL_FAILED of a parcel that got a label, or whose label was given back."""
    payload = event.payload
    keys: tuple[tuple[SubjectColumn, UUID | None], ...] = (
        ("fulfillment_id", payload.fulfillment),
        ("return_id", payload.return_),
        ("transfer_id", payload.transfer),
    )
    for column, key in keys:
        if key is not None:
            await _clear_labels(tx, column, key, event.actor)


async def end_need_of_label(
    tx: Transaction, event: PendingEvent[FulfillmentPayload | ReturnPayload | TransferPayload]
) -> None:
    """Clear LABEL_FAILED of a parcel that was shipped or cancelled."""
    key, payload = UUID(event.subject_key), event.payload
    if isinstance(payload, FulfillmentPayload):
        await _clear_labels(tx, "fulfillment_id", key, event.actor)
    elif isinstance(payload, TransferPayload):
        await _clear_labels(tx, "transfer_id", key, event.actor)
    elif payload.status not in AWAITED:
        await _clear_labels(tx, "return_id", key, event.actor)


async def _clear_labels(tx: Transaction, column: SubjectColumn, key: UUID, actor: str) -> None:
    for label_id in await conditions.failed_labels(tx.session, column, key):
        subject = ("ShippingLabel", label_id)
        await exceptions.clear(tx, ExceptionKind.LABEL_FAILED, subject, actor=actor)
