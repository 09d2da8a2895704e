"""Worker of shipping labels: claim, call the carrier, record its report.

The call is made outside any transaction. The label and its key are stored before the call, the
report after it. The worker may die at any point in between. The next worker looks the key up
before it sends anything again, and then sends the same key (docs/carriers.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import orjson

import models.queries.orders.labels as label_queries
import models.queries.orders.parcel_ends as parcel_end_queries
import workflows.carriers.label_choices as label_choices
import workflows.carriers.label_subjects as label_subjects
import workflows.carriers.labels as labels
from domain.access.callers import SYSTEM
from domain.integrations.validation import carrier_code
from domain.orders.labels import (
    CarrierSignal,
    LabelFormat,
    LabelStep,
    may_send_again,
    next_step,
)
from domain.values.codes import comparison_key
from integrations.carriers.carrier import Carrier, LabelOrder, Purchase
from integrations.errors import IntegrationError
from models.orders import OrderAddressRow
from workflows.carriers.label_subjects import RETURN
from workflows.carriers.labels import CarrierReply, LockedLabel
from workflows.integrations.health import HealthMonitor
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

ROUND_MAX: Final = 100
CONCURRENT_MAX: Final = 8
ACTOR: Final = SYSTEM.actor
# Longer than any call with all its retries. If it were too short, two workers could send one key,
# for which the carrier sells one label.
CLAIM: Final = timedelta(seconds=90)
DOCUMENTS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class ClaimedLabel:
    """A step that a worker has claimed: to send `order`, or to void `carrier_reference`."""

    label_id: UUID
    carrier: str
    step: LabelStep
    key: str
    order: LabelOrder | None = None
    carrier_reference: str | None = None


class LabelPurchases:
    """Buys labels and gives them back. Several processes may run it at once.

    `carriers`: the client of each configured carrier, by its code.
    """

    def __init__(
        self,
        transactions: Transactions,
        carriers: Mapping[str, Carrier],
        health: HealthMonitor | None = None,
    ) -> None:
        self._transactions = transactions
        self._carriers = {comparison_key(code): carrier for code, carrier in carriers.items()}
        self._health = health or HealthMonitor(transactions)

    async def close(self) -> None:
        """Close the clients of the carriers."""
        for carrier in self._carriers.values():
            await carrier.close()

    async def work(self) -> int:
        """Process due labels, at most ROUND_MAX; returns their number.

        Those of carriers that are DOWN or paused wait. No carrier delays another.
        """
        now = self._transactions.clock()
        async with self._transactions.database.snapshot() as session:
            await self._health.refresh(session)
            shut = [key for key in self._carriers if not self._health.may_call(carrier_code(key))]
            due = await label_queries.due_labels(session, now, ROUND_MAX, without=shut)
        labels_of: dict[str, list[UUID]] = {}
        for row in due:
            labels_of.setdefault(comparison_key(row["carrier"]), []).append(row["id"])
        await asyncio.gather(*(self._settle_all(*each) for each in labels_of.items()))
        await self._health.flush()
        return len(due)

    async def _settle_all(self, carrier_key: str, label_ids: Sequence[UUID]) -> None:
        if carrier_key in self._carriers:
            code = carrier_code(carrier_key)
            await self._health.each(code, label_ids, CONCURRENT_MAX, self.settle)
            return
        for label_id in label_ids:  # ends without a call
            await self.settle(label_id)

    async def settle(self, label_id: UUID) -> None:
        """Perform the next steps of one label, unless another worker has claimed it."""
        claimed = await self._transactions.run(lambda tx: self._claim(tx, label_id))
        while claimed is not None:
            reply = await self._call(claimed)
            claimed = await self._record(claimed, reply)

    async def _record(self, claimed: ClaimedLabel, reply: CarrierReply) -> ClaimedLabel | None:
        return await self._transactions.run(lambda tx: self._apply(tx, claimed, reply))

    async def _call(self, claimed: ClaimedLabel) -> CarrierReply:
        try:
            return await _ask(self._carriers[comparison_key(claimed.carrier)], claimed)
        except IntegrationError as error:
            silence = CarrierSignal.SILENCE if error.was_asked else CarrierSignal.NOT_ASKED
            return CarrierReply(silence)

    async def _claim(self, tx: Transaction, label_id: UUID) -> ClaimedLabel | None:
        """Claim a label's next step; None if there is none now."""
        label = await labels.lock(tx, label_id)
        row = label.row
        if row["next_at"] > tx.now:
            return None
        step = next_step(label.progress, tx.now)
        if step not in (LabelStep.SEND, LabelStep.LOOK_UP, LabelStep.VOID):
            return None
        if row["first_sent_at"] is None and await label_choices.stopping_run(
            tx, label.subject, row["carrier"]
        ):
            return None
        if comparison_key(row["carrier"]) not in self._carriers:
            await labels.leave_unasked(tx, label, ACTOR)
            return None
        return await self._store_claim(tx, label, step)

    async def _store_claim(
        self, tx: Transaction, label: LockedLabel, step: LabelStep
    ) -> ClaimedLabel:
        """Store the claim, and mark the key as sent, before the carrier is called."""
        row = label.row
        row["claimed_until_at"] = tx.now + CLAIM
        if step is LabelStep.SEND:
            row["sent_at"] = tx.now
            row["first_sent_at"] = row["first_sent_at"] or tx.now
        await labels.write(tx, label)
        return ClaimedLabel(
            label_id=label.id,
            carrier=row["carrier"],
            step=step,
            key=row["key"],
            order=await _order(tx, label) if step is LabelStep.SEND else None,
            carrier_reference=row["carrier_reference"],
        )

    async def _apply(
        self, tx: Transaction, claimed: ClaimedLabel, reply: CarrierReply
    ) -> ClaimedLabel | None:
        """Apply a report. Returns the next step if it can be taken at once: to send the key that
        the carrier does not know, or to give back a label that was bought.
        """
        label = await labels.lock(tx, claimed.label_id)
        label = await labels.apply_reply(tx, label, reply, ACTOR)
        if reply.signal is CarrierSignal.NOT_FOUND and may_send_again(label.progress, tx.now):
            return await self._store_claim(tx, label, LabelStep.SEND)
        step = next_step(label.progress, tx.now)
        if reply.signal is CarrierSignal.BOUGHT and step is LabelStep.VOID:
            return await self._store_claim(tx, label, step)
        return None


async def delete_old_documents(tx: Transaction) -> int:
    """Delete documents that are older than the retention; returns their number."""
    before = tx.now - tx.terms.label_documents_kept
    return await label_queries.delete_documents(tx.session, before, DOCUMENTS_MAX)


async def _ask(carrier: Carrier, claimed: ClaimedLabel) -> CarrierReply:
    """Call the carrier. Raises IntegrationError."""
    if claimed.step is LabelStep.VOID:
        assert claimed.carrier_reference is not None
        answer = await carrier.void(claimed.carrier_reference)
        return CarrierReply(CarrierSignal(answer.status.upper()), reason=answer.reason)
    if claimed.step is LabelStep.LOOK_UP:
        found = await carrier.look_up(claimed.key)
        return CarrierReply(CarrierSignal.NOT_FOUND) if found is None else _reply_of(found)
    assert claimed.order is not None
    return _reply_of(await carrier.buy(claimed.order))


def _reply_of(purchase: Purchase) -> CarrierReply:
    return CarrierReply(
        CarrierSignal(purchase.status.upper()),
        purchase.id,
        purchase.tracking_number,
        purchase.cost,
        purchase.document,
        purchase.reason,
    )


async def _order(tx: Transaction, label: LockedLabel) -> LabelOrder:
    """The request for a label, with the addresses as they are now."""
    row, subject = label.row, label.subject
    ours = await _location(tx, row["location_id"])
    if subject.destination_id is not None:
        theirs = await _location(tx, subject.destination_id)
    else:
        assert row["order_id"] is not None
        theirs = _address(await parcel_end_queries.customer_end(tx.session, row["order_id"]))
    comes_back = subject.kind == RETURN
    return LabelOrder(
        key=row["key"],
        reference=subject.reference,
        service=row["service"],
        format=LabelFormat(row["format"]),
        sender=theirs if comes_back else ours,
        recipient=ours if comes_back else theirs,
        parcel={
            "units": await label_subjects.units_of(tx, subject),
            "weightGrams": subject.size.weight_grams,
            "lengthMm": subject.size.length_mm,
            "widthMm": subject.size.width_mm,
            "heightMm": subject.size.height_mm,
        },
    )


async def _location(tx: Transaction, location_id: int) -> dict[str, object]:
    """One of our locations, as the end of a parcel's way."""
    place = await parcel_end_queries.location_end(tx.session, location_id)
    assert place is not None
    return {"name": place["name"], "code": place["code"], "countryCode": place["country_code"]}


def _address(row: OrderAddressRow | None) -> dict[str, object]:
    """The customer's address; empty if the order has none or it was erased."""
    if row is None:
        return {}
    return {
        "name": row["name"],
        "lines": [] if row["lines"] is None else orjson.loads(row["lines"]),
        "city": row["city"],
        "region": row["region"],
        "postalCode": row["postal_code"],
        "countryCode": row["country_code"],
        "phone": row["phone"],
        "email": row["email"],
    }
