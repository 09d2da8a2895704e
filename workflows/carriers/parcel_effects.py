"""Effects of tracking events on outbound parcels: state, write-off of a loss, CARRIER_DELAY.

An effect is dated at the time that the carrier reports, but never before the parcel was shipped,
and the end of a loss never before the loss. The carrier's own time stays in the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import domain.ledger.entries as ledger_entries
import models.queries.orders.carrier_events as carrier_event_queries
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.exceptions.opening as exceptions
import workflows.orders.fulfillments as fulfillments
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import Caller
from domain.events.fulfillments import FulfillmentDelivered, FulfillmentFound, FulfillmentLost
from domain.events.orders import OrderDelivered, OrderFound, OrderLost
from domain.exceptions import ExceptionKind
from domain.ledger.entries import Occasion
from domain.orders.carriers import ENDS_DELAY, UNIT_STATE, CarrierStatus, parcel_after
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import effect_time
from domain.values.codes import same_code
from domain.values.money import Money
from models.fulfillments import FulfillmentRow
from workflows.carriers.commands import RecordCarrierEvent
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.transaction import Transaction

_F, _C = FulfillmentStatus, CarrierStatus

_FULFILLMENT_EVENTS: Final = {
    _F.DELIVERED: FulfillmentDelivered,
    _F.LOST: FulfillmentLost,
    _F.SHIPPED: FulfillmentFound,
}
_ORDER_EVENTS: Final = {
    _C.DELIVERED: OrderDelivered,
    _C.LOST: OrderLost,
    _C.RETURNED_TO_SENDER: OrderFound,
}


async def apply(
    tx: Transaction,
    order: LockedOrder,
    command: RecordCarrierEvent,
    fulfillment_id: UUID,
    caller: Caller,
) -> None:
    """Apply a report to all fulfillments of the order that were shipped under its number.

    `fulfillment_id`: the newest of them. Records the events of the fulfillments and the order that
    change.
    """
    same_number = [
        row
        for row in await fulfillment_queries.of_order(tx.session, order.id)
        if same_code(row["carrier"] or "", command.carrier)
        and same_code(row["tracking_number"] or "", command.tracking_number)
    ]
    sent_back_at = await carrier_event_queries.sent_back_at(tx.session, fulfillment_id)
    moved = [
        await _move(tx, order, row, command, caller, was_sent_back=sent_back_at is not None)
        for row in same_number
    ]
    if any(moved):
        event = _ORDER_EVENTS[command.status](
            **await locked_orders.write(tx, order),
            fulfillment=fulfillment_id,
            carrier_status=command.status,
        )
        locked_orders.record(tx, order, event, caller.actor)
    await _watch_delay(tx, order, same_number, command, caller)


async def _move(
    tx: Transaction,
    order: LockedOrder,
    row: FulfillmentRow,
    command: RecordCarrierEvent,
    caller: Caller,
    *,
    was_sent_back: bool,
) -> bool:
    before = FulfillmentStatus(row["status"])
    after = parcel_after(before, command.status, was_sent_back=was_sent_back)
    if after is None:
        return False
    assert row["shipped_at"] is not None
    at = effect_time(command.occurred_at, tx.now, row["shipped_at"])
    for each in await fulfillment_queries.lines_of(tx.session, [row["id"]]):
        line = order.line(each["order_line_id"])
        assert line is not None
        line.shift(UNIT_STATE[before], UNIT_STATE[after], each["quantity"])
    version = row["version"] + 1
    changes: carrier_event_queries.ParcelChanges = {
        "status": str(after),
        "delivered_at": at if after is _F.DELIVERED else None,
        "lost_at": at if after is _F.LOST else None,
        "version": version,
        "updated_at": tx.now,
    }
    await carrier_event_queries.write_parcel(tx.session, row["id"], changes)
    event = _FULFILLMENT_EVENTS[after](**fulfillments.step(order.row, after, before))
    fulfillments.record(tx, event, row, version, order.row, caller.actor)
    if after is _F.LOST:
        await _post(tx, order, row, ledger_entries.parcel_lost, at, caller)
    elif before is _F.LOST:
        assert row["lost_at"] is not None
        found_at = max(at, row["lost_at"])
        await _post(tx, order, row, ledger_entries.parcel_found, found_at, caller)
    return True


async def _post(
    tx: Transaction,
    order: LockedOrder,
    row: FulfillmentRow,
    entry: ledger_entries.ParcelEntry,
    at: datetime,
    caller: Caller,
) -> None:
    """Post the write-off of a lost parcel, or its reversal for a parcel that was found."""
    lines = await fulfillment_queries.lines_of(tx.session, [row["id"]])
    cost = Money(sum(each["cost_minor"] or 0 for each in lines), tx.terms.base_currency)
    units = sum(each["quantity"] for each in lines)
    tx.journal.post(
        entry(units, cost, Occasion(order.number, at)),
        actor=caller.actor,
        channel_id=order.channel_id,
        location_id=row["location_id"],
    )


async def _watch_delay(
    tx: Transaction,
    order: LockedOrder,
    same_number: Sequence[FulfillmentRow],
    command: RecordCarrierEvent,
    caller: Caller,
) -> None:
    """Open a CARRIER_DELAY exception for a failed delivery of a shipped parcel.

    The exception is cleared when the parcel is delivered, lost or returned to its sender.
    """
    for row in same_number:
        subject = ("Fulfillment", row["id"])
        if command.status in ENDS_DELAY:
            await exceptions.clear(tx, ExceptionKind.CARRIER_DELAY, subject, actor=caller.actor)
        elif (
            command.status is CarrierStatus.DELIVERY_FAILED
            and row["status"] == FulfillmentStatus.SHIPPED
        ):
            await exceptions.open_exception(
                tx,
                ExceptionKind.CARRIER_DELAY,
                subject,
                f"The carrier could not deliver a parcel of order {order.number}.",
                location_id=row["location_id"],
                channel_id=order.channel_id,
                actor=caller.actor,
            )
