"""Truthful counts bring the books to the truth, whatever happens on the floor.

Units vanish, appear and are misplaced without a record. Pickers take what is truly there, from any
place, and say what they did not find; at times they overlook units. A count records what is truly
there. RESTOW_LONG=1 runs 150 sequences of 45 steps on each engine.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

import workflows.tasks.claims as task_claims
from domain.access.callers import Caller
from models.database.database import Database
from tests.builders.books import faults
from tests.builders.floor.bins import WALK
from tests.builders.floor.counts import ADMIN, ANN, BEN, CLEO
from tests.builders.floor.whole import WholeFloor, open_whole_floor
from tests.builders.transactions import codes
from tests.builders.warehouse import SUE
from tests.databases import Databases
from tests.workflows.counts.true_shelf import AT, PLACES, SKU, TrueShelf
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome
from workflows.warehouse.scanned_parcels import Scan

T = TypeVar("T")

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
SEQUENCES = {"sqlite": 4, "postgres": 2}
FEW = st.integers(1, 4)
ANY = st.integers(0, 9)
ANYWHERE = st.sampled_from(PLACES)
BINS = st.sampled_from(WALK)
WORKERS = st.sampled_from([ANN, BEN, CLEO])
EXPECTED = {
    "INSUFFICIENT_STOCK",
    "SELF_APPROVAL",
    "ILLEGAL_TRANSITION",
    "INVALID",
    "TASK_NOT_CLAIMED",
}


class Floor(RuleBasedStateMachine):
    """One level whose true units are known."""

    fresh: Databases
    runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        outcome = self.runner.run(work)
        assert {code for code, _ in codes(outcome)} <= EXPECTED, outcome
        self.whole.shop.clock.forward(seconds=1)
        return outcome

    def read(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize(units=st.integers(1, 9), into=ANYWHERE)
    def open(self, units: int, into: str) -> None:
        async def start() -> WholeFloor:
            database = Database(self.fresh())
            await database.open()
            return await open_whole_floor(database)

        self.whole = self.runner.run(start())
        self.true = TrueShelf(self.whole)
        self.receive(units, into)

    # ─── what a record says

    @rule(units=FEW, into=ANYWHERE)
    def receive(self, units: int, into: str) -> None:
        floor, shop = self.whole.floor, self.whole.shop
        self.run(floor.receive_into(units, into) if into else shop.receive(units))
        self.true.units[into] += units

    @rule(units=FEW, start=ANYWHERE, end=BINS)
    def put_away(self, units: int, start: str, end: str) -> None:
        """Carry units that are there; the books may refuse them."""
        part = min(units, self.true.units[start])
        if part and start != end:
            line = (SKU, part, end, start) if start else (SKU, part, end)
            if not self.run(self.whole.floor.put_away(line)).refusals:
                self.true.move(part, start, end)

    @rule(units=FEW)
    def hold(self, units: int) -> None:
        self.run(self.whole.shop.hold((SKU, units)))

    @rule(units=FEW)
    def place(self, units: int) -> None:
        self.run(self.whole.shop.place((SKU, units), reference=uuid4().hex))

    # ─── what no record says

    @rule(units=FEW, place=ANYWHERE)
    def vanish(self, units: int, place: str) -> None:
        self.true.units[place] -= min(units, self.true.units[place])

    @rule(units=FEW, place=ANYWHERE)
    def appear(self, units: int, place: str) -> None:
        self.true.units[place] += units

    @rule(units=FEW, start=ANYWHERE, end=ANYWHERE)
    def misplace(self, units: int, start: str, end: str) -> None:
        self.true.move(units, start, end)

    # ─── work

    def chosen(self, number: int, *statuses: str) -> dict[str, Any] | None:
        parcels = self.read(self.true.open_parcels())
        fitting = [each for each in parcels if each["status"] in statuses]
        return fitting[number % len(fitting)] if fitting else None

    @rule(by=WORKERS)
    def claim(self, by: Caller) -> None:
        self.run(self.whole.warehouse.claim("PICK", by=by))

    @rule(number=ANY, place=ANYWHERE, back=st.booleans(), by=WORKERS)
    def scan(self, number: int, place: str, back: bool, by: Caller) -> None:
        """Take one unit from where it truly is, or put one back anywhere."""
        parcel = self.chosen(number, "OPEN")
        enough = parcel is not None and (parcel["picked"] if back else self.true.units[place])
        if parcel is None or not enough:
            return
        units = -1 if back else 1
        scan = Scan(SKU, units, parcel["id"], None, place or None)
        if not self.run(self.whole.warehouse.scan(scan, by=by)).refusals:
            self.true.units[place] -= units

    @rule(number=ANY, overlooked=st.sampled_from([0, 0, 1]))
    def pick(self, number: int, overlooked: int) -> None:
        """Pick what is truly there, and report the others; some may be overlooked."""
        parcel = self.chosen(number, "OPEN")
        if parcel is None:
            return
        asked = parcel["quantity"] - parcel["picked"]
        found = min(asked, max(0, self.true.total - overlooked))
        short = [(parcel["order_line_id"], asked - found)] if found < asked else []
        if not self.run(self.whole.warehouse.pick(parcel["id"], *short, by=ADMIN)).refusals:
            self.true.take(found)

    @rule(number=ANY)
    def ship(self, number: int) -> None:
        parcel = self.chosen(number, "PICKED")
        if parcel is not None:
            self.run(self.whole.shop.ship(parcel["id"], tracking_number=uuid4().hex))

    @rule(number=ANY)
    def cancel(self, number: int) -> None:
        """Cancel an order; its picked units are laid down outside the bins."""
        parcel = self.chosen(number, "OPEN", "PICKED")
        if parcel is None:
            return
        before = self.picked_units()
        self.run(self.whole.shop.cancel(Outcome({"order": str(parcel["order_id"])})))
        self.true.units[""] += before - self.picked_units()

    def picked_units(self) -> int:
        return sum(each["picked"] for each in self.read(self.true.open_parcels()))

    @rule(units=FEW)
    def request_transfer(self, units: int) -> None:
        self.run(self.whole.transfers.create((SKU, units)))

    @rule()
    def ship_transfer(self) -> None:
        """Ship the first transfer, as far as its units are truly there."""
        for key, units in self.read(self.true.transfers("REQUESTED", "requested"))[:1]:
            found = min(units, self.true.total)
            short = [(SKU, units - found)] if found < units else []
            transfer = Outcome({"transfer": str(key)})
            if not self.run(self.whole.transfers.ship(transfer, *short)).refusals:
                self.true.take(found)

    @rule(into=ANYWHERE)
    def bring_back(self, into: str) -> None:
        """The first transfer that is on its way comes back."""
        for key, units in self.read(self.true.transfers("IN_TRANSIT", "in_transit"))[:1]:
            transfer = Outcome({"transfer": str(key)})
            line = (SKU, units, 0, into or None)
            if not self.run(self.whole.transfers.receive(transfer, line, at=AT)).refusals:
                self.true.units[into] += units

    @rule()
    def wait(self) -> None:
        """Claims lapse."""
        self.whole.shop.clock.forward(minutes=11)
        self.read(self.whole.shop.transactions.run(task_claims.release_expired))

    # ─── counts

    @rule(by=WORKERS)
    def begin_count(self, by: Caller) -> None:
        self.run(self.whole.counting.claim(by))

    @rule(by=WORKERS)
    def count(self, by: Caller) -> None:
        before = self.read(self.true.distances())
        self.run(self.whole.counting.record(*self.true.counted(), by=by))
        self.read(self.whole.counting.post_rest())
        after = self.read(self.true.distances())
        assert after[0] <= before[0], (before, after)
        assert after[1] <= before[1], (before, after)

    @rule()
    def approve(self) -> None:
        rows = self.read(self.whole.counting.line_rows())
        for row in rows:
            if row["status"] == "NEEDS_APPROVAL":
                self.run(self.whole.counting.approve(row["id"], by=ADMIN))
        self.read(self.whole.counting.post_rest())

    @invariant()
    def the_books_agree(self) -> None:
        if hasattr(self, "whole"):
            assert self.read(faults(self.whole.database)) == []

    def teardown(self) -> None:
        if hasattr(self, "whole"):
            try:
                self.finish()
            finally:
                self.read(self.whole.database.close())
                self.fresh.give_back(self.whole.database.url)

    def finish(self) -> None:
        """At most three people count; what is left is approved, and counted again if it must be."""
        self.finish_work()
        for _ in range(2):
            for by in (ANN, BEN, CLEO, SUE):
                self.count(by)
            self.approve()
        assert self.read(self.true.distances()) == (0, 0)
        assert [str(each) for each in self.read(reconcile(self.whole.database))] == []

    def finish_work(self) -> None:
        """Let claims lapse, and pick all that is asked for."""
        self.wait()
        while self.read(self.true.transfers("REQUESTED", "requested")):
            self.ship_transfer()
        while self.chosen(0, "OPEN") is not None:
            self.pick(0, 0)


def test_truthful_counts_bring_the_books_to_the_truth(
    fresh_database: Databases, engine: str
) -> None:
    with asyncio.Runner() as runner:
        floor = type("Floor", (Floor,), {"fresh": fresh_database, "runner": runner})
        run_machine(
            floor,
            settings=settings(
                max_examples=150 if IS_LONG else SEQUENCES[engine],
                stateful_step_count=45 if IS_LONG else 25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
