"""The true shelf beside the books: truthful counts bring them together, whatever happens.

A test may look at both. Units vanish and appear without a record; orders are shipped from the true
shelf only, and a picker who does not find units says so. A count records what is truly there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from domain.access.callers import Caller
from models.database.database import Database
from tests.builders.books import faults
from tests.builders.floor.counts import ADMIN, ANN, BEN, CLEO, Counting, open_counting
from tests.builders.transactions import codes
from tests.databases import Databases
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
WORKERS = st.sampled_from([ANN, BEN, CLEO])
SKU, AT = "TEE-M", "LEEDS"
EXPECTED = {"INSUFFICIENT_STOCK", "SELF_APPROVAL", "ILLEGAL_TRANSITION"}


class Floor(RuleBasedStateMachine):
    """One level whose true units are known."""

    fresh: Databases
    runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        outcome = self.runner.run(work)
        assert {code for code, _ in codes(outcome)} <= EXPECTED, outcome
        self.counting.shop.clock.forward(seconds=1)
        return outcome

    @initialize(units=st.integers(0, 9))
    def open(self, units: int) -> None:
        async def start() -> Counting:
            database = Database(self.fresh())
            await database.open()
            return await open_counting(database)

        self.counting = self.runner.run(start())
        self.true, self.orders = 0, list[Outcome]()
        self.receive(max(1, units))

    @rule(units=st.integers(1, 6))
    def receive(self, units: int) -> None:
        self.run(self.counting.shop.receive(units))
        self.true += units

    @rule(units=st.integers(1, 4))
    def vanish(self, units: int) -> None:
        self.true = max(0, self.true - units)

    @rule(units=st.integers(1, 4))
    def appear(self, units: int) -> None:
        self.true += units

    @rule(units=st.integers(1, 4))
    def hold(self, units: int) -> None:
        self.run(self.counting.shop.hold((SKU, units)))

    @rule(units=st.integers(1, 4))
    def place(self, units: int) -> None:
        placed = self.run(self.counting.shop.place((SKU, units), reference=uuid4().hex))
        if not placed.refusals:
            self.orders.append(placed)

    @rule()
    def ship(self) -> None:
        """Ship the first order, as far as its units are truly there; say so if some are not."""
        shop = self.counting.shop
        if not self.orders:
            return
        order = self.orders.pop(0)
        for parcel in self.runner.run(shop.fulfillments(order)):
            [line] = self.runner.run(shop.lines(order))
            wanted = line["allocated"]
            if parcel["status"] != "OPEN" or not wanted:
                continue
            short = max(0, wanted - self.true)
            shortages = ((line["id"], short),) if short else ()
            self.run(self.counting.warehouse.pick(parcel["id"], *shortages, by=ADMIN))
            if short < wanted:
                self.run(shop.ship(parcel["id"], tracking_number=uuid4().hex))
                self.true -= wanted - short

    async def expected(self) -> int:
        """Units that a count expects."""
        level = await self.counting.level(SKU, AT)
        states = ("available", "held", "allocated", "missing")
        return sum(level.get(state, 0) for state in states) - level.get("picked", 0)

    def distance(self) -> int:
        return abs(self.true - self.runner.run(self.expected()))

    @rule(by=WORKERS)
    def count(self, by: Caller) -> None:
        before = self.distance()
        self.run(self.counting.record((SKU, self.true), by=by))
        self.runner.run(self.counting.post_rest())
        assert self.distance() <= before

    def teardown(self) -> None:
        async def end() -> tuple[list[str], list[Any]]:
            database = self.counting.database
            found = await faults(database), list(await reconcile(database))
            await database.close()
            return found

        if not hasattr(self, "counting"):
            return
        # The floor is idle: three people count, and a supervisor approves what is left.
        for by in (ANN, BEN, CLEO):
            self.count(by)
        rows = self.runner.run(self.counting.line_rows())
        waiting = [row["id"] for row in rows if row["status"] == "NEEDS_APPROVAL"]
        if waiting:
            self.run(self.counting.approve(*waiting, by=ADMIN))
            self.count(ADMIN)
        self.runner.run(self.counting.post_rest())
        assert self.distance() == 0
        assert self.runner.run(end()) == ([], [])


def test_truthful_counts_bring_the_books_to_the_truth(fresh_database: Databases) -> None:
    with asyncio.Runner() as runner:
        Floor.fresh, Floor.runner = fresh_database, runner
        run_machine(
            Floor,
            settings=settings(
                max_examples=60 if IS_LONG else 6,
                stateful_step_count=30 if IS_LONG else 14,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
