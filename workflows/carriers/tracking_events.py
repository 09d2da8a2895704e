"""Tracking events of carriers. Each is recorded once, in any order; no parcel moves backwards.

`carrier.recorded` has the carrier's status, the order, and the return or fulfillment that the
tracking number names. It occurred at the time that the carrier reports. Returns react to the event
(workflows/reactions.py); this area does not import them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.orders.carrier_events as carrier_event_queries
import models.queries.returns.returns as return_queries
import workflows.carriers.parcel_effects as parcel_effects
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import Caller
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

    An event is known by its carrier, id and tracking number. Locks the order. Raises
    IdempotencyKeyReused if the known event has another status, Invalid, or NotFound if the number
    names no parcel in the caller's scope. Records `carrier.recorded`, and the events of the
    fulfillment and the order if they change.
    """
    _check(tx, command)
    recorded = await _recorded(tx, command)
    if recorded is not None:
        return await _replay(tx, recorded, command, caller)
    parcel = await _find(tx, command, caller)
    event_id = tx.new_id()
    if not await carrier_event_queries.record(
        tx.session, _values(tx, event_id, command, parcel, caller)
    ):
        recorded = await _recorded(tx, command)
        assert recorded is not None
        return await _replay(tx, recorded, command, caller)
    order = await locked_orders.lock(tx, parcel.order_id, FIELD)
    if parcel.is_outbound and not parcel.is_returning:
        await parcel_effects.apply(tx, order, command, parcel.subject[1], caller)
    await _record_event(tx, event_id, command, order, parcel, caller)
    return parcel.refs


async def _recorded(tx: Transaction, command: RecordCarrierEvent) -> RecordedEventRow | None:
    return await carrier_event_queries.recorded_event(
        tx.session, command.carrier, command.event_reference, command.tracking_number
    )


def _check(tx: Transaction, command: RecordCarrierEvent) -> None:
    texts = {
        "carrier": command.carrier,
        "trackingNumber": command.tracking_number,
        "eventId": command.event_reference,
    }
    problems = Problems()
    problems.each(partial(check_stored, text, field) for field, text in texts.items())
    with problems.under():
        check_client_time(command.occurred_at, tx.now, may_backdate=True, field="occurredAt")
    problems.refuse("input")


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
        comparison_key(command.carrier),
        comparison_key(command.tracking_number),
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
            sent_back_at = await carrier_event_queries.sent_back_at(tx.session, row["id"])
            if sent_back_at is None or command.occurred_at < sent_back_at:
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
    tx: Transaction, recorded: RecordedEventRow, command: RecordCarrierEvent, caller: Caller
) -> Outcome:
    """The outcome of a report that was recorded before.

    Raises NotFound if not visible, and IdempotencyKeyReused if it was recorded with another status.
    """
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
    if recorded["status"] != command.status:
        raise IdempotencyKeyReused(
            f"The event {command.event_reference!r} of this parcel was recorded as"
            f" {recorded['status']}; {command.status} was sent.",
            field=("input", "eventId"),
            details={"recorded": recorded["status"], "sent": str(command.status)},
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
