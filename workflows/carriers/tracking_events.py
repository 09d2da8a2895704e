"""Tracking events of carriers. Each is recorded once, in any order; no parcel moves backwards.

`carrier.recorded` has the carrier's status, the order, and the return or fulfillment that the
tracking number names. It occurred at the time that the carrier reports. Returns react to the event
(workflows/reactions.py); this area does not import them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.orders.carrier_events as carrier_event_queries
import models.queries.returns.returns as return_queries
import workflows.carriers.parcel_effects as parcel_effects
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import SYSTEM, Caller
from domain.errors import IdempotencyKeyReused, NotFound
from domain.events.fulfillments import CarrierRecorded
from domain.events.payloads import encode
from domain.orders.orders import check_client_time
from domain.problems import Problems
from domain.values.codes import check_stored, comparison_key
from models.queries.orders.carrier_events import RecordedEventRow
from workflows.access.visibility import sees_return
from workflows.carriers.commands import RecordCarrierEvent
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Outcome
from workflows.transactions.transaction import Transaction

PARCELS_MAX = 50
FIELD = ("input", "trackingNumber")
# The caller of reports that a carrier sends itself.
CARRIER: Final = replace(SYSTEM, actor="carrier")


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
    def keys(self) -> tuple[UUID | None, UUID | None]:
        """The key of its fulfillment and of its return; one of them is None."""
        key = self.subject[1]
        return (key, None) if self.is_outbound else (None, key)

    @property
    def refs(self) -> Mapping[str, Any]:
        return {self.subject[0].lower(): str(self.subject[1])}


@one_by_one("carrierEventRecord")
async def record(
    tx: Transaction, command: RecordCarrierEvent, caller: Caller
) -> Mapping[str, Any] | Outcome:
    """Record a carrier's report and apply its effects. A repeated report has no further effect.

    An event is known by its carrier, id and tracking number. Locks the order. Raises
    IdempotencyKeyReused if the known event has another status, Invalid, or NotFound if the number
    names no parcel in the caller's scope. Records `carrier.recorded`, and the events of the
    fulfillment and the order if they change.
    """
    check(command, tx.now)
    known = await recorded(tx, command)
    if known is not None:
        return await _replay(tx, known, command, caller)
    parcel = await find(tx, command, caller)
    if parcel is None:
        raise NotFound("parcel", command.tracking_number, field=FIELD)
    event_id = await store(tx, command, parcel, caller)
    if event_id is None:
        known = await recorded(tx, command)
        assert known is not None
        return await _replay(tx, known, command, caller)
    order = await locked_orders.lock(tx, parcel.order_id, FIELD)
    await take_effect(tx, event_id, order, command, parcel, caller)
    return parcel.refs


async def recorded(tx: Transaction, command: RecordCarrierEvent) -> RecordedEventRow | None:
    """The event of a report that was recorded before; None: it is new."""
    return await carrier_event_queries.recorded_event(
        tx.session, command.carrier, command.event_reference, command.tracking_number
    )


def check(command: RecordCarrierEvent, now: datetime) -> None:
    """Raise all faults of a report that cannot be stored, or that lies in the future."""
    problems = Problems()
    texts = {
        "carrier": command.carrier,
        "trackingNumber": command.tracking_number,
        "eventId": command.event_reference,
    }
    for field, text in texts.items():
        with problems.under("input"):
            check_stored(text, field)
    with problems.under("input"):
        check_client_time(command.occurred_at, now, may_backdate=True, field="occurredAt")
    problems.refuse()


async def store(
    tx: Transaction, command: RecordCarrierEvent, parcel: TrackedParcel | None, caller: Caller
) -> UUID | None:
    """Store a report with its parcel; None: nothing bears its number yet. Returns its id.

    Returns None if the same report was stored at the same time.
    """
    event_id = tx.new_id()
    fulfillment_id, return_id = (None, None) if parcel is None else parcel.keys
    values = (
        event_id,
        command.carrier,
        command.event_reference,
        command.tracking_number,
        str(command.status),
        command.occurred_at,
        tx.now,
        caller.actor,
        fulfillment_id,
        return_id,
        comparison_key(command.carrier),
        comparison_key(command.tracking_number),
    )
    return event_id if await carrier_event_queries.record(tx.session, values) else None


async def assign(tx: Transaction, event_id: UUID, parcel: TrackedParcel) -> bool:
    """Give a report that waited its parcel; False if it has one already."""
    return await carrier_event_queries.assign(tx.session, event_id, *parcel.keys)


async def take_effect(
    tx: Transaction,
    event_id: UUID,
    order: LockedOrder,
    command: RecordCarrierEvent,
    parcel: TrackedParcel,
    caller: Caller,
) -> None:
    """Apply a stored report to its parcel of a locked order.

    A parcel that has not shipped is not changed: its reports have their effects when it ships
    (workflows/carriers/waiting_reports.py). Records `carrier.recorded`, and the events of the
    fulfillment and the order if they change.
    """
    if parcel.is_outbound:
        row = await carrier_event_queries.parcel(tx.session, parcel.subject[1])
        assert row is not None
        if row["shipped_at"] is None:
            after = {"carrier": command.carrier, "status": str(command.status)}
            tx.outbox.audit(caller.actor, "carrierEventRecord", parcel.subject, after=after)
            return
        if not parcel.is_returning:
            await parcel_effects.apply(tx, order, command, parcel.subject[1], caller)
    await _record_event(tx, event_id, command, order, parcel, caller)


async def find(
    tx: Transaction, command: RecordCarrierEvent, caller: Caller
) -> TrackedParcel | None:
    """The newest parcel of this number: an outbound one of this carrier, else a returning one.

    After the carrier has reported an outbound parcel as returned to its sender, its number names
    the return. None: nothing in the caller's scope bears the number.
    """
    named = await carrier_event_queries.parcels_named(
        tx.session, command.carrier, command.tracking_number, PARCELS_MAX
    )
    out = None
    for row in named:
        if caller.sees_channel(row["channel"]) and caller.sees_location(row["location"]):
            out = TrackedParcel(("Fulfillment", row["id"]), row["order_id"], row["location"])
            if row["shipped_at"] is None:
                return out
            sent_back_at = await carrier_event_queries.sent_back_at(tx.session, row["id"])
            if sent_back_at is None or command.occurred_at < sent_back_at:
                return out
            break
    returning = await return_queries.returns_named(tx.session, None, None, command.tracking_number)
    for each in reversed(returning):
        if await sees_return(tx.session, caller, each["id"]):
            return TrackedParcel(("Return", each["id"]), each["order_id"], each["destination"])
    return None if out is None else replace(out, is_returning=True)


async def _replay(
    tx: Transaction, known: RecordedEventRow, command: RecordCarrierEvent, caller: Caller
) -> Outcome:
    """The outcome of a report that was recorded before.

    Raises NotFound if not visible, and IdempotencyKeyReused if it was recorded with another status.
    """
    if (key := known["fulfillment_id"]) is not None:
        kind = "fulfillment"
        row = await carrier_event_queries.parcel(tx.session, key)
        is_seen = (
            row is not None
            and caller.sees_channel(row["channel"])
            and caller.sees_location(row["location"])
        )
    else:
        kind, key = "return", known["return_id"]
        is_seen = key is not None and await sees_return(tx.session, caller, key)
    if not is_seen:
        raise NotFound("parcel", command.tracking_number, field=FIELD)
    if known["status"] != command.status:
        raise IdempotencyKeyReused(
            f"The event {command.event_reference!r} of this parcel was recorded as"
            f" {known['status']}; {command.status} was sent.",
            field=("input", "eventId"),
            details={"recorded": known["status"], "sent": str(command.status)},
        )
    return Outcome(refs={kind: str(key)}, replayed=True)


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
