"""Shipping labels: created with their key, changed by requests and by reports of their carrier.

The table in domain/orders/labels.py gives the next status for each report. The lock of the order,
or of the transfer, covers its labels. A parcel takes the tracking number of its bought label, until
it ships or the label is given back. Returns react to the events (workflows/reactions.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from uuid import UUID

import structlog

import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.orders.labels as label_queries
import models.queries.stock.transfers as transfer_queries
import workflows.carriers.label_subjects as label_subjects
from domain.events.labels import (
    LabelBought,
    LabelFailed,
    LabelPayload,
    LabelRequested,
    LabelUnknown,
    LabelVoided,
    LabelVoiding,
)
from domain.ledger.entries import LedgerEntry, Occasion, label_bought, reversal
from domain.orders.labels import (
    LABEL_TRANSITIONS,
    LONGEST_WAIT,
    UNSETTLED,
    CarrierSignal,
    LabelFormat,
    LabelProgress,
    LabelStatus,
    status_after,
    wait_after,
)
from domain.transitions import step
from domain.values.money import Money
from models.carriers import ShippingLabel, ShippingLabelRow
from models.queries.orders.labels import LabelChanges
from workflows.carriers.label_subjects import FULFILLMENT, TRANSFER, LabelSubject
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

_EVENTS: Final[Mapping[LabelStatus, type[LabelPayload]]] = MappingProxyType(
    {
        LabelStatus.REQUESTED: LabelRequested,
        LabelStatus.BOUGHT: LabelBought,
        LabelStatus.FAILED: LabelFailed,
        LabelStatus.UNKNOWN: LabelUnknown,
        LabelStatus.VOIDING: LabelVoiding,
        LabelStatus.VOIDED: LabelVoided,
    }
)
NO_REASON: Final = "The carrier gave no reason."
NEVER_SENT: Final = "The parcel no longer needs a label; it was never requested from the carrier."


@dataclass(frozen=True, slots=True)
class CarrierReply:
    """A carrier's report about a label, with the facts of a bought one."""

    signal: CarrierSignal
    carrier_reference: str | None = None
    tracking_number: str | None = None
    cost: Money | None = None
    document: str | None = None
    reason: str | None = None


@dataclass(slots=True)
class LockedLabel:
    """A label under the lock of its order or transfer, with its parcel; `write` stores its row."""

    row: ShippingLabelRow
    subject: LabelSubject

    @property
    def id(self) -> UUID:
        return self.row["id"]

    @property
    def status(self) -> LabelStatus:
        return LabelStatus(self.row["status"])

    @property
    def progress(self) -> LabelProgress:
        """The facts that decide the next step."""
        return LabelProgress(
            status=self.status,
            first_sent_at=self.row["first_sent_at"],
            sent_at=self.row["sent_at"],
            claimed_until=self.row["claimed_until_at"],
            is_bought=self.row["carrier_reference"] is not None,
        )


async def lock(tx: Transaction, label_id: UUID) -> LockedLabel:
    """Lock the order or transfer of a label and read the label with its parcel."""
    row = await label_queries.label(tx.session, label_id)
    assert row is not None
    subject = await label_subjects.lock_of_label(tx, row)
    return await read(tx, label_id, subject)


async def live_of(tx: Transaction, subject: LabelSubject) -> LockedLabel | None:
    """The live label of a locked parcel; None if it has none."""
    row = await label_queries.live_label(tx.session, subject.column, subject.id)
    return None if row is None else LockedLabel({**row}, subject)


async def read(tx: Transaction, label_id: UUID, subject: LabelSubject) -> LockedLabel:
    """Read a label of a locked parcel."""
    row = await label_queries.label(tx.session, label_id)
    assert row is not None
    return LockedLabel({**row}, subject)


async def add(
    tx: Transaction,
    subject: LabelSubject,
    carrier: str,
    service: str,
    label_format: LabelFormat,
    actor: str,
) -> UUID:
    """Add a label to be bought, with a new key. Records `label.requested`. Returns its id."""
    order = subject.order
    row: ShippingLabelRow = {
        "id": tx.new_id(),
        "fulfillment_id": None,
        "return_id": None,
        "transfer_id": None,
        "order_id": None if order is None else order.id,
        "channel_id": None if order is None else order.channel_id,
        "location_id": subject.location_id,
        "key": str(tx.new_id()),
        "status": str(LabelStatus.REQUESTED),
        "carrier": carrier,
        "service": service,
        "format": str(label_format),
        "carrier_reference": None,
        "tracking_number": None,
        "cost_minor": None,
        "currency": None,
        "bought_at": None,
        "entry_id": None,
        "failure": None,
        "created_by": actor,
        "created_at": tx.now,
        "first_sent_at": None,
        "sent_at": None,
        "claimed_until_at": None,
        "tries": 0,
        "next_at": tx.now,
        "settled_at": None,
        "version": 1,
    }
    row[subject.column] = subject.id
    await tx.session.insert(ShippingLabel, [row])
    _record(tx, LockedLabel(row, subject), None, actor)
    return row["id"]


async def write(tx: Transaction, label: LockedLabel) -> None:
    """Write the changeable columns of a label."""
    row = label.row
    changes: LabelChanges = {
        "id": row["id"],
        "status": row["status"],
        "carrier_reference": row["carrier_reference"],
        "tracking_number": row["tracking_number"],
        "cost_minor": row["cost_minor"],
        "currency": row["currency"],
        "bought_at": row["bought_at"],
        "entry_id": row["entry_id"],
        "failure": row["failure"],
        "first_sent_at": row["first_sent_at"],
        "sent_at": row["sent_at"],
        "claimed_until_at": row["claimed_until_at"],
        "tries": row["tries"],
        "next_at": row["next_at"],
        "settled_at": row["settled_at"],
        "version": row["version"],
    }
    await label_queries.write_label(tx.session, changes)


async def apply_reply(
    tx: Transaction, label: LockedLabel, reply: CarrierReply, actor: str
) -> LockedLabel:
    """Apply a carrier's report to a label, and store it. A repeated report changes nothing.

    A label that its parcel no longer needs is given back as soon as it may be bought.
    """
    row = label.row
    if label.status not in UNSETTLED:
        if label.status is LabelStatus.FAILED and reply.signal is CarrierSignal.BOUGHT:
            logger.error("labels.contradicted", label=str(label.id), carrier=row["carrier"])
        return label
    row["claimed_until_at"] = None
    is_refusal = reply.signal in (CarrierSignal.FAILED, CarrierSignal.REFUSED)
    row["failure"] = reply.reason or (NO_REASON if is_refusal else None)
    if reply.signal is CarrierSignal.BOUGHT and not label.progress.is_bought:
        await _take_purchase(tx, label, reply, actor)
        if label.status is LabelStatus.VOIDING:
            # No event: its status does not change. The audit row covers the entry.
            after_found = {"status": row["status"], "carrier": row["carrier"]}
            subject = ("ShippingLabel", row["id"])
            tx.outbox.audit(actor, "labelPurchaseFound", subject, after=after_found)
    after = status_after(label.progress, reply.signal, tx.now)
    is_refused = after is LabelStatus.BOUGHT and label.status is LabelStatus.VOIDING
    if is_refused and await live_of(tx, label.subject) is not None:
        after = LabelStatus.VOIDING
    if after is label.status or after in UNSETTLED:
        row["next_at"] = tx.now + wait_after(row["tries"])
        row["tries"] += 1
    if label.status is LabelStatus.VOIDING and reply.signal is CarrierSignal.BOUGHT:
        row["next_at"] = tx.now
    was_voiding = label.status is LabelStatus.VOIDING
    if after is label.status:
        await write(tx, label)
    else:
        await advance(tx, label, after, actor)
    if not was_voiding and not label.subject.needs(row["tracking_number"]):
        await discard(tx, label, actor)
    return label


async def discard(tx: Transaction, label: LockedLabel, actor: str) -> None:
    """End a label that its parcel no longer needs, as far as its status allows it now.

    One that a worker has sent is ended when its carrier has answered.
    """
    if label.status is LabelStatus.REQUESTED and label.row["sent_at"] is None:
        label.row["failure"] = NEVER_SENT
        await advance(tx, label, LabelStatus.FAILED, actor)
    elif label.status in (LabelStatus.UNKNOWN, LabelStatus.BOUGHT):
        await advance(tx, label, LabelStatus.VOIDING, actor)


async def leave_unasked(tx: Transaction, label: LockedLabel, actor: str) -> None:
    """Record that a label's carrier is not configured. A label that was never sent ends as
    FAILED; another one waits for the carrier.
    """
    row = label.row
    row["failure"] = f"The carrier {row['carrier']} is not configured."
    if label.status is LabelStatus.REQUESTED and row["sent_at"] is None:
        await advance(tx, label, LabelStatus.FAILED, actor)
        return
    row["next_at"] = tx.now + LONGEST_WAIT
    await write(tx, label)


async def advance(
    tx: Transaction, label: LockedLabel, status: LabelStatus, actor: str, *, note: str | None = None
) -> None:
    """Change the status of a label, store it and record its event.

    The parcel takes or loses the label's tracking number. Raises IllegalTransition.
    """
    before, row = label.status, label.row
    row["status"] = str(step("label", LABEL_TRANSITIONS, before, status))
    row["version"] += 1
    row["settled_at"] = None if status in UNSETTLED else tx.now
    if status is LabelStatus.VOIDING:
        # A worker that is calling the carrier about it finishes first.
        row["tries"], row["next_at"] = 0, row["claimed_until_at"] or tx.now
    if status is LabelStatus.VOIDED:
        _post_void(tx, label, actor)
    await write(tx, label)
    if LabelStatus.BOUGHT in (before, status):
        await _write_number(tx, label, is_bought=status is LabelStatus.BOUGHT)
    _record(tx, label, before, actor, note)


async def _write_number(tx: Transaction, label: LockedLabel, *, is_bought: bool) -> None:
    """Write the number of a label to its parcel, or remove it. A return has a number of its own."""
    carrier = label.row["carrier"] if is_bought else None
    number = label.row["tracking_number"] if is_bought else None
    parcel = label.subject
    if parcel.kind == FULFILLMENT:
        await fulfillment_queries.write_number(tx.session, parcel.id, carrier, number, tx.now)
    elif parcel.kind == TRANSFER:
        await transfer_queries.write_number(tx.session, parcel.id, carrier, number, tx.now)


async def _take_purchase(
    tx: Transaction, label: LockedLabel, reply: CarrierReply, actor: str
) -> None:
    """Keep the facts of a purchase and book its cost."""
    assert reply.cost is not None
    row = label.row
    row["carrier_reference"] = reply.carrier_reference
    row["tracking_number"] = reply.tracking_number
    row["cost_minor"], row["currency"] = reply.cost.minor, reply.cost.currency
    row["bought_at"] = label.subject.time_of(tx.now)
    # A restored backup may lack the fact that the key was sent.
    row["sent_at"] = row["sent_at"] or tx.now
    row["first_sent_at"] = row["first_sent_at"] or row["sent_at"]
    row["entry_id"] = tx.journal.post(
        _entry(tx, label),
        actor=actor,
        channel_id=row["channel_id"],
        location_id=row["location_id"],
    )
    if reply.document is not None:
        await label_queries.store_document(tx.session, label.id, reply.document, tx.now)


def _post_void(tx: Transaction, label: LockedLabel, actor: str) -> None:
    """Reverse the entry of a bought label."""
    row = label.row
    if row["entry_id"] is None or row["bought_at"] is None:
        return
    at = max(label.subject.time_of(tx.now), row["bought_at"])
    entry = reversal(_entry(tx, label), row["entry_id"], "the label was given back", at)
    tx.journal.post(
        entry, actor=actor, channel_id=row["channel_id"], location_id=row["location_id"]
    )


def _entry(tx: Transaction, label: LockedLabel) -> LedgerEntry:
    row, subject = label.row, label.subject
    assert row["cost_minor"] is not None
    assert row["currency"] is not None
    occasion = Occasion(subject.number, subject.time_of(tx.now))
    return label_bought(Money(row["cost_minor"], row["currency"]), occasion)


def _record(
    tx: Transaction,
    label: LockedLabel,
    before: LabelStatus | None,
    actor: str,
    note: str | None = None,
) -> None:
    row = label.row
    event = _EVENTS[label.status](
        status=label.status,
        before=before,
        carrier=row["carrier"],
        order=row["order_id"],
        fulfillment=row["fulfillment_id"],
        return_=row["return_id"],
        transfer=row["transfer_id"],
    )
    tx.outbox.record(
        event,
        row["id"],
        actor=actor,
        version=row["version"],
        channel_id=row["channel_id"],
        location_id=row["location_id"],
    )
    after = {"status": str(label.status), "carrier": row["carrier"], "service": row["service"]}
    if note is not None:
        after["note"] = note
    tx.outbox.audit(
        actor,
        event.type,
        ("ShippingLabel", row["id"]),
        before=None if before is None else {"status": str(before)},
        after=after,
    )
