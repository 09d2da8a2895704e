"""Any sequence of requests, faults, workers and shipments leaves one label for each purchase.

When the carrier answers again, nothing is undecided, and what it sold and did not take back is what
is owed. RESTOW_LONG=1 runs 150 sequences instead of 12.
"""

import asyncio
import os
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import hypothesis.strategies as st
from hypothesis import given, settings

from integrations.carriers.carrier import PurchaseStatus
from integrations.errors import IntegrationTimeout
from models.database.database import Database
from tests.builders.floor.transfers import Transfers, id_of
from tests.builders.transactions import rows
from tests.workflows.carriers.label_desk import FAILED, REFUSED, LabelDesk, open_label_desk
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

SEQUENCES = 150 if os.environ.get("RESTOW_LONG") == "1" else 12
SILENT = IntegrationTimeout("silent")
STEPS = ("buy", "void", "work", "wait", "ship", "cancel", "silent", "lost", "refuse", "fail")


KINDS = ("Fulfillment", "Transfer")


@dataclass(frozen=True)
class Labeled:
    """The parcel of an order, or of a transfer."""

    kind: str
    desk: LabelDesk
    made: Outcome

    async def key(self) -> object:
        if self.kind == "Transfer":
            return id_of(self.made)
        [parcel] = await self.desk.shop.fulfillments(self.made)
        return parcel["id"]

    async def ship(self) -> None:
        """Ship it under the number of its label, else under another one."""
        [row] = await rows(
            self.desk.database,
            f"SELECT tracking_number FROM {self.kind.lower()} WHERE id = $1",
            await self.key(),
        )
        given: dict[str, Any] = {"carrier": "DHL", "tracking_number": "JD0001"}
        if row["tracking_number"] is not None:
            given = dict.fromkeys(given)
        if self.kind == "Transfer":
            await Transfers(self.desk.warehouse).ship(self.made, **given)
        else:
            await self.desk.shop.ship(await self.key(), **given)

    async def cancel(self) -> None:
        if self.kind == "Transfer":
            await Transfers(self.desk.warehouse).cancel(self.made)
        else:
            await self.desk.shop.cancel(self.made)


async def new_parcel(desk: LabelDesk, kind: str) -> Labeled:
    """A parcel of one unit."""
    if kind == "Transfer":
        return Labeled(kind, desk, await Transfers(desk.warehouse).create(("TEE-M", 1)))
    return Labeled(kind, desk, await desk.shop.place(("TEE-M", 1), reference=uuid4().hex))


async def perform(desk: LabelDesk, step: str, parcel: Labeled, labels: list[Outcome]) -> None:
    """Perform a step; rules may refuse it."""
    match step:
        case "buy":
            label = await desk.buy(await parcel.key(), parcel.kind)
            labels += [] if label.refusals else [label]
        case "void" if labels:
            await desk.void(labels[-1])
        case "work" | "wait":
            await desk.work(seconds=0 if step == "work" else 20)
        case "ship":
            await parcel.ship()
        case "cancel":
            await parcel.cancel()
        case "silent":
            desk.carrier.silent_after.append(SILENT)
        case "lost":
            desk.carrier.buys.append(SILENT)
        case "refuse":
            desk.carrier.voids.append(REFUSED)
        case "fail":
            desk.carrier.buys.append(FAILED)


async def run_sequence(desk: LabelDesk, kind: str, steps: list[str]) -> None:
    """Perform the steps on a new parcel, then let the worker settle everything."""
    labels: list[Outcome] = []
    parcel = await new_parcel(desk, kind)
    for step in steps:
        await perform(desk, step, parcel, labels)
    for faults in (desk.carrier.buys, desk.carrier.voids, desk.carrier.silent_after):
        faults.clear()
    for _ in range(8):
        await desk.work(seconds=400)
    for label in labels:
        row = await desk.find(label)
        assert row["status"] in ("BOUGHT", "FAILED", "VOIDED"), row
        sold = desk.carrier.sold.get(row["key"])
        was_sold = sold is not None and sold.status is PurchaseStatus.BOUGHT
        assert (row["carrier_reference"] is not None) == was_sold
    assert await desk.owed() == sum(
        sold.cost.minor
        for sold in desk.carrier.sold.values()
        if sold.cost is not None and sold.id not in desk.carrier.voided
    )


def test_any_sequence_leaves_one_label_for_each_purchase(database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = Database(database_url)
        runner.run(database.open())
        desk = runner.run(open_label_desk(database))
        runner.run(desk.shop.receive(1_000))

        @settings(max_examples=SEQUENCES, deadline=None, database=None)
        @given(st.sampled_from(KINDS), st.lists(st.sampled_from(STEPS), min_size=4, max_size=12))
        def check(kind: str, steps: list[str]) -> None:
            runner.run(run_sequence(desk, kind, steps))

        check()
        assert runner.run(reconcile(database)) == []
        runner.run(database.close())
