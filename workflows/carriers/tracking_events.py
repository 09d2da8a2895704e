"""Tracking events of carriers. Each is recorded once, in any order; no parcel moves backwards.

`carrier.recorded` has the carrier's status, the order, and the return or fulfillment that the
tracking number names. It occurred at the time that the carrier reports. Returns react to the event
(workflows/reactions.py); this area does not import them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import domain.ledger.entries as ledger_entries
import models.queries.catalog.lookups as lookups
import models.queries.orders.carrier_events as carrier_event_queries
import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.returns.returns as return_queries
import workflows.exceptions.opening as exceptions
import workflows.orders.fulfillments as fulfillments
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import Caller
from domain.errors import Invalid, NotFound
from domain.events.fulfillments import CarrierRecorded, FulfillmentDelivered, FulfillmentLost
from domain.events.orders import OrderDelivered, OrderLost
from domain.events.payloads import encode
from domain.exceptions import ExceptionKind
from domain.ledger.entries import Occasion
from domain.orders.carriers import ENDS_DELAY, UNIT_STATE, CarrierStatus, parcel_after
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import check_client_time
from domain.values.money import Money
from domain.values.texts import check_text
from models.fulfillments import FulfillmentLineRow, FulfillmentRow
from models.queries.orders.carrier_events import RecordedSubjectRow
from workflows.access.visibility import sees_return
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Outcome
from workflows.transactions.transaction import Transaction

PARCELS_MAX = 50
FIELD = ("input", "trackingNumber")

_FULFILLMENT_EVENTS: Final = {
    FulfillmentStatus.DELIVERED: FulfillmentDelivered,
    FulfillmentStatus.LOST: FulfillmentLost,
}
_ORDER_EVENTS: Final = {
    CarrierStatus.DELIVERED: OrderDelivered,
    CarrierStatus.LOST: OrderLost,
}


@dataclass(frozen=True, slots=True)
class RecordCarrierEvent:
    """A carrier's report about a parcel. `event_reference` is the carrier's id of the report."""

    carrier: str
    tracking_number: str
    event_reference: str
    status: CarrierStatus
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class TrackedParcel:
    """The parcel of a tracking number: an outbound fulfillment, or a return coming back."""

    subject: tuple[str, UUID]
    order_id: UUID
    location: str
    is_returning: bool = False

    @property
    def is_outbound(self) -> bool:
        """True if the parcel goes to the customer."""
        return self.subject[0] == "Fulfillment"

    @property
    def refs(self) -> Mapping[str, Any]:
        return {self.subject[0].lower(): str(self.subject[1])}


@one_by_one("carrierEventRecord")
async def record(
    tx: Transaction, command: RecordCarrierEvent, caller: Caller
) -> Mapping[str, Any] | Outcome:
    """Record a carrier's report and apply its effects. A repeated report has no further effect.

    Locks the order. Raises Invalid, or NotFound if the number names no parcel in the caller's
    scope. Records `carrier.recorded`, and the events of the fulfillment and the order if they
    change.
    """
    _check(tx, command)
    recorded = await carrier_event_queries.recorded_subject(
        tx.session, command.carrier, command.event_reference
    )
    if recorded is not None:
        return await _replay(tx, recorded, command, caller)
    parcel = await _find(tx, command, caller)
    event_id = tx.new_id()
    if not await carrier_event_queries.record(
        tx.session, _values(tx, event_id, command, parcel, caller)
    ):
        recorded = await carrier_event_queries.recorded_subject(
            tx.session, command.carrier, command.event_reference
        )
        assert recorded is not None
        return await _replay(tx, recorded, command, caller)
    order = await locked_orders.lock(tx, parcel.order_id, FIELD)
    if parcel.is_outbound and not parcel.is_returning:
        await _move_parcels(tx, order, command, parcel, caller)
    await _record_event(tx, event_id, command, order, parcel, caller)
    return parcel.refs


def _check(tx: Transaction, command: RecordCarrierEvent) -> None:
    texts = {
        "carrier": command.carrier,
        "trackingNumber": command.tracking_number,
        "eventId": command.event_reference,
    }
    for field, text in texts.items():
        check_text(text, "input", field)
    try:
        check_client_time(command.occurred_at, tx.now, may_backdate=True, field="occurredAt")
    except Invalid as error:
        raise error.under("input") from None


def _values(
    tx: Transaction,
    event_id: UUID,
    command: RecordCarrierEvent,
    parcel: TrackedParcel,
    caller: Caller,
) -> Sequence[object]:
    return (
        event_id,
        command.carrier,
        command.event_reference,
        command.tracking_number,
        str(command.status),
        command.occurred_at,
        tx.now,
        caller.actor,
        parcel.subject[1] if parcel.is_outbound else None,
        None if parcel.is_outbound else parcel.subject[1],
    )


async def _find(tx: Transaction, command: RecordCarrierEvent, caller: Caller) -> TrackedParcel:
    """The newest parcel of this number: an outbound one of this carrier, else a returning one.

    After the carrier has reported an outbound parcel as returned to its sender, its number names
    the return.
    """
    found = await carrier_event_queries.parcels_named(
        tx.session, command.carrier, command.tracking_number, PARCELS_MAX
    )
    out = None
    for row in found:
        if caller.sees_channel(row["channel"]) and caller.sees_location(row["location"]):
            out = TrackedParcel(("Fulfillment", row["id"]), row["order_id"], row["location"])
            if not await carrier_event_queries.was_sent_back(
                tx.session, row["id"], command.occurred_at
            ):
                return out
            break
    named = await return_queries.returns_named(tx.session, None, None, command.tracking_number)
    for each in reversed(named):
        if await sees_return(tx.session, caller, each["id"]):
            return TrackedParcel(("Return", each["id"]), each["order_id"], each["destination"])
    if out is not None:
        return replace(out, is_returning=True)
    raise NotFound("parcel", command.tracking_number, field=FIELD)


async def _replay(
    tx: Transaction, recorded: RecordedSubjectRow, command: RecordCarrierEvent, caller: Caller
) -> Outcome:
    """The outcome of a report that was recorded before. Raises NotFound if not visible."""
    if (key := recorded["fulfillment_id"]) is not None:
        kind = "fulfillment"
        row = await carrier_event_queries.parcel(tx.session, key)
        is_seen = (
            row is not None
            and caller.sees_channel(row["channel"])
            and caller.sees_location(row["location"])
        )
    else:
        kind, key = "return", recorded["return_id"]
        assert key is not None
        is_seen = await sees_return(tx.session, caller, key)
    if not is_seen:
        raise NotFound("parcel", command.tracking_number, field=FIELD)
    return Outcome(refs={kind: str(key)}, replayed=True)


async def _move_parcels(
    tx: Transaction,
    order: LockedOrder,
    command: RecordCarrierEvent,
    parcel: TrackedParcel,
    caller: Caller,
) -> None:
    """Apply the report to all fulfillments of the order that were shipped under this number."""
    same_number = [
        row
        for row in await fulfillment_queries.of_order(tx.session, order.id)
        if (row["carrier"], row["tracking_number"]) == (command.carrier, command.tracking_number)
    ]
    moved = [await _move(tx, order, row, command, caller) for row in same_number]
    if any(moved):
        event = _ORDER_EVENTS[command.status](
            **await locked_orders.write(tx, order),
            fulfillment=parcel.subject[1],
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
) -> bool:
    before = FulfillmentStatus(row["status"])
    after = parcel_after(before, command.status)
    if after is None:
        return False
    lines = await fulfillment_queries.lines_of(tx.session, [row["id"]])
    for each in lines:
        line = order.line(each["order_line_id"])
        assert line is not None
        line.shift(UNIT_STATE[before], UNIT_STATE[after], each["quantity"])
    version = row["version"] + 1
    delivered_at = command.occurred_at if after is FulfillmentStatus.DELIVERED else None
    await carrier_event_queries.write_parcel(
        tx.session, row["id"], str(after), delivered_at, version
    )
    event = _FULFILLMENT_EVENTS[after](**fulfillments.step(order.row, after, before))
    fulfillments.record(tx, event, row, version, order.row, caller.actor)
    _post_loss(tx, order, row, lines, before, after, command, caller)
    return True


def _post_loss(
    tx: Transaction,
    order: LockedOrder,
    row: FulfillmentRow,
    lines: Sequence[FulfillmentLineRow],
    before: FulfillmentStatus,
    after: FulfillmentStatus,
    command: RecordCarrierEvent,
    caller: Caller,
) -> None:
    """Post the write-off of a lost parcel, or reverse it for a parcel that was found."""
    if FulfillmentStatus.LOST not in (before, after):
        return
    entry = (
        ledger_entries.parcel_lost
        if after is FulfillmentStatus.LOST
        else ledger_entries.parcel_found
    )
    cost = Money(sum(each["cost_minor"] or 0 for each in lines), tx.terms.base_currency)
    units = sum(each["quantity"] for each in lines)
    tx.journal.post(
        entry(units, cost, Occasion(order.number, command.occurred_at)),
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


async def _record_event(
    tx: Transaction,
    event_id: UUID,
    command: RecordCarrierEvent,
    order: LockedOrder,
    parcel: TrackedParcel,
    caller: Caller,
) -> None:
    location = await lookups.location_by_code(tx.session, parcel.location)
    event = CarrierRecorded(
        carrier=command.carrier,
        status=command.status,
        order=parcel.order_id,
        fulfillment=parcel.subject[1] if parcel.is_outbound else None,
        return_=None if parcel.is_outbound else parcel.subject[1],
    )
    tx.outbox.record(
        event,
        event_id,
        actor=caller.actor,
        channel_id=order.channel_id,
        location_id=None if location is None else location.id,
        occurred_at=command.occurred_at,
    )
    tx.outbox.audit(caller.actor, "carrierEventRecord", parcel.subject, after=encode(event))
