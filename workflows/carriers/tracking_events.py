"""Tracking events of carriers. Each is recorded once, in any order; no parcel moves backwards.

`carrier.recorded` has the carrier's status, and the fulfillment, return or transfer that the
tracking number names. It occurred at the time that the carrier reports. Returns and transfers react
to the event (workflows/reactions.py); this area does not import them.
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
import models.queries.stock.transfers as transfer_queries
import workflows.carriers.parcel_effects as parcel_effects
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import SYSTEM, Caller
from domain.errors import IdempotencyKeyReused, NotFound
from domain.events.fulfillments import CarrierRecorded
from domain.events.payloads import encode
from domain.orders.orders import check_client_time
from domain.problems import Problems
from domain.values.codes import check_stored, comparison_key
from models.queries.listing.scopes import scope_of
from models.queries.orders.carrier_events import ParcelRow, RecordedEventRow, TransferParcelRow
from workflows.access.visibility import sees_return
from workflows.carriers.commands import RecordCarrierEvent
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.actions import one_by_one
from workflows.transactions.lock_order import LockClass
from workflows.transactions.outcomes import Outcome
from workflows.transactions.transaction import Transaction

PARCELS_MAX = 50
FIELD = ("input", "trackingNumber")
# The caller of reports that a carrier sends itself.
CARRIER: Final = replace(SYSTEM, actor="carrier")


@dataclass(frozen=True, slots=True)
class TrackedParcel:
    """The parcel of a tracking number: an outbound fulfillment, a return, or a transfer.

    `order_id` None: a transfer. `location`: the code of the location that sends it, or that a
    return goes to.
    """

    subject: tuple[str, UUID]
    order_id: UUID | None
    location: str
    is_returning: bool = False

    @property
    def is_outbound(self) -> bool:
        """True if the parcel goes to the customer."""
        return self.subject[0] == "Fulfillment"

    @property
    def keys(self) -> tuple[UUID | None, UUID | None, UUID | None]:
        """The keys of its fulfillment, its return and its transfer; two of them are None."""
        kind, key = self.subject
        fulfillment_id, return_id, transfer_id = (
            key if kind == each else None for each in ("Fulfillment", "Return", "Transfer")
        )
        return fulfillment_id, return_id, transfer_id

    @property
    def refs(self) -> Mapping[str, Any]:
        return {self.subject[0].lower(): str(self.subject[1])}


@one_by_one("carrierEventRecord")
async def record(
    tx: Transaction, command: RecordCarrierEvent, caller: Caller
) -> Mapping[str, Any] | Outcome:
    """Record a carrier's report and apply its effects. A repeated report has no further effect.

    An event is known by its carrier, id and tracking number. Locks the order or transfer. Raises
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
    order = await lock_owner(tx, parcel)
    await take_effect(tx, event_id, order, command, parcel, caller)
    return parcel.refs


async def lock_owner(tx: Transaction, parcel: TrackedParcel) -> LockedOrder | None:
    """Lock the order of a parcel and return it; of a transfer's parcel, lock the transfer."""
    if parcel.order_id is not None:
        return await locked_orders.lock(tx, parcel.order_id, FIELD)
    tx.locking(LockClass.TRANSFER)
    await transfer_queries.lock_transfer(tx.session, parcel.subject[1])
    return None


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
    keys = (None, None, None) if parcel is None else parcel.keys
    values = (
        event_id,
        command.carrier,
        command.event_reference,
        command.tracking_number,
        str(command.status),
        command.occurred_at,
        tx.now,
        caller.actor,
        *keys,
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
    order: LockedOrder | None,
    command: RecordCarrierEvent,
    parcel: TrackedParcel,
    caller: Caller,
) -> None:
    """Apply a stored report to its parcel of a locked order, or of a locked transfer (None).

    A parcel that has not shipped is not changed: its reports have their effects when it ships
    (workflows/carriers/waiting_reports.py). Records `carrier.recorded`, and the events of the
    fulfillment and the order if they change.
    """
    if not await _has_left(tx, parcel):
        after = {"carrier": command.carrier, "status": str(command.status)}
        tx.outbox.audit(caller.actor, "carrierEventRecord", parcel.subject, after=after)
        return
    if parcel.is_outbound and not parcel.is_returning:
        assert order is not None
        await parcel_effects.apply(tx, order, command, parcel.subject[1], caller)
    await _record_event(tx, event_id, command, order, parcel, caller)


async def _has_left(tx: Transaction, parcel: TrackedParcel) -> bool:
    """False if the parcel has not been shipped by its location; a return is not shipped by one."""
    kind, key = parcel.subject
    if kind == "Return":
        return True
    row = (
        await carrier_event_queries.parcel(tx.session, key)
        if parcel.is_outbound
        else await carrier_event_queries.transfer_parcel(tx.session, key)
    )
    assert row is not None
    return row["shipped_at"] is not None


async def find(
    tx: Transaction, command: RecordCarrierEvent, caller: Caller
) -> TrackedParcel | None:
    """The newest parcel of this number: an outbound one or a transfer of this carrier, else a
    returning one.

    After the carrier has reported an outbound parcel as returned to its sender, its number names
    the return. None: nothing in the caller's scope bears the number.
    """
    scope, number = await scope_of(tx.session, caller), command.tracking_number
    row = await carrier_event_queries.parcel_named(tx.session, scope, command.carrier, number)
    transfers = await carrier_event_queries.transfers_named(
        tx.session, scope, command.carrier, number, PARCELS_MAX
    )
    transfer = next(iter(transfers), None)
    if transfer is not None and (row is None or _is_newer(transfer, row)):
        return TrackedParcel(("Transfer", transfer["id"]), None, transfer["origin"])
    out = None
    if row is not None:
        out = TrackedParcel(("Fulfillment", row["id"]), row["order_id"], row["location"])
        if row["shipped_at"] is None:
            return out
        sent_back_at = await carrier_event_queries.sent_back_at(tx.session, row["id"])
        if sent_back_at is None or command.occurred_at < sent_back_at:
            return out
    for each in await return_queries.returns_named(tx.session, scope, None, None, number):
        return TrackedParcel(("Return", each["id"]), each["order_id"], each["destination"])
    return None if out is None else replace(out, is_returning=True)


def _sees(caller: Caller, row: ParcelRow) -> bool:
    return caller.sees_channel(row["channel"]) and caller.sees_location(row["location"])


def _sees_an_end(caller: Caller, row: TransferParcelRow) -> bool:
    return caller.sees_location(row["origin"]) or caller.sees_location(row["destination"])


def _is_newer(transfer: TransferParcelRow, parcel: ParcelRow) -> bool:
    """True if the transfer took the number later: numbers are reused."""
    if parcel["shipped_at"] is None:
        return False
    return transfer["shipped_at"] is None or transfer["shipped_at"] > parcel["shipped_at"]


async def _replay(
    tx: Transaction, known: RecordedEventRow, command: RecordCarrierEvent, caller: Caller
) -> Outcome:
    """The outcome of a report that was recorded before.

    Raises NotFound if not visible, and IdempotencyKeyReused if it was recorded with another status.
    """
    if (key := known["fulfillment_id"]) is not None:
        kind = "fulfillment"
        row = await carrier_event_queries.parcel(tx.session, key)
        is_seen = row is not None and _sees(caller, row)
    elif (key := known["transfer_id"]) is not None:
        kind = "transfer"
        transfer = await carrier_event_queries.transfer_parcel(tx.session, key)
        is_seen = transfer is not None and _sees_an_end(caller, transfer)
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
    order: LockedOrder | None,
    parcel: TrackedParcel,
    caller: Caller,
) -> None:
    fulfillment_id, return_id, transfer_id = parcel.keys
    location = await lookups.location_by_code(tx.session, parcel.location)
    event = CarrierRecorded(
        carrier=command.carrier,
        status=command.status,
        order=parcel.order_id,
        fulfillment=fulfillment_id,
        return_=return_id,
        transfer=transfer_id,
    )
    tx.outbox.record(
        event,
        event_id,
        actor=caller.actor,
        channel_id=None if order is None else order.channel_id,
        location_id=None if location is None else location.id,
        occurred_at=command.occurred_at,
    )
    tx.outbox.audit(caller.actor, "carrierEventRecord", parcel.subject, after=encode(event))
