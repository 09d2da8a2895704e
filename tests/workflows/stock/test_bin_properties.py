"""Random operations on stock with bins: units leave and come as the rule of the walk says.

The expected bins follow from the bins before and the change of the shelf. They are computed here by
the rule in words, not by the code under test.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from models.database.database import Database
from tests.builders.floor.bins import WALK, Floor, open_floor
from tests.builders.returns import Desk
from tests.builders.transactions import codes
from tests.databases import Databases
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
SKUS = st.sampled_from(["TEE-S", "TEE-M"])
BINS = st.sampled_from(WALK)
UNITS = st.integers(1, 9)
EXPECTED = {"INSUFFICIENT_STOCK", "ILLEGAL_TRANSITION", "LIMIT_EXCEEDED", "INVALID"}


def left(before: dict[str, int], units: int) -> dict[str, int]:
    """The bins after units have left: in walk order, then those without a bin."""
    after = dict(before)
    for code in (*WALK, ""):
        taken = min(units, after.get(code, 0))
        after[code] = after.get(code, 0) - taken
        units -= taken
    assert units == 0
    return {code: present for code, present in after.items() if present}


class Shelves(RuleBasedStateMachine):
    """All operations that move units of two items onto shelves, off them, and between bins."""

    fresh: Databases
    runner: asyncio.Runner
    orders = Bundle("orders")

    @initialize()
    def open(self) -> None:
        async def start() -> Floor:
            database = Database(self.fresh())
            await database.open()
            return await open_floor(database)

        self.floor = self.runner.run(start())
        self.shop = self.floor.shop
        self.desk = Desk(self.shop)

    def bins(self) -> dict[str, dict[str, int]]:
        async def read() -> dict[str, dict[str, int]]:
            return {sku: await self.floor.bins(sku) for sku in ("TEE-S", "TEE-M")}

        return self.runner.run(read())

    def run(
        self, work: Awaitable[Outcome], moved: dict[str, dict[str, int]] | None = None
    ) -> Outcome:
        """Perform an operation. `moved`: bins that it changes by name, if it is not refused."""

        async def perform() -> Outcome:
            return await work

        before = self.bins()
        outcome = self.runner.run(perform())
        after = self.bins()
        assert {code for code, _ in codes(outcome)} <= EXPECTED, outcome
        for sku, present in before.items():
            expected = dict(present)
            if moved is not None and sku in moved and not outcome.refusals:
                for code, units in moved[sku].items():
                    expected[code] = expected.get(code, 0) + units
                expected = {code: units for code, units in expected.items() if units}
            change = sum(after[sku].values()) - sum(expected.values())
            if change < 0:
                expected = left(expected, -change)
            elif change > 0:
                expected[""] = expected.get("", 0) + change
            assert after[sku] == expected
        return outcome

    @rule(units=UNITS, sku=SKUS)
    def receive(self, units: int, sku: str) -> None:
        self.run(self.shop.receive(units, sku))

    @rule(units=UNITS, sku=SKUS, into=BINS)
    def receive_into(self, units: int, sku: str, into: str) -> None:
        self.run(self.floor.receive_into(units, into, sku), {sku: {into: units}})

    @rule(units=UNITS, sku=SKUS, into=BINS)
    def put_away(self, units: int, sku: str, into: str) -> None:
        self.run(self.floor.put_away((sku, units, into)), {sku: {into: units, "": -units}})

    @rule(units=UNITS, sku=SKUS, into=BINS, source=BINS)
    def move_between(self, units: int, sku: str, into: str, source: str) -> None:
        moved = {into: units, source: -units}
        self.run(self.floor.put_away((sku, units, into, source)), {sku: moved})

    @rule(delta=st.integers(-6, 3).filter(bool), sku=SKUS)
    def adjust(self, delta: int, sku: str) -> None:
        self.run(self.shop.adjust(delta, sku))

    @rule(units=UNITS, sku=SKUS, back=st.booleans())
    def quarantine(self, units: int, sku: str, back: bool) -> None:
        ends = ("QUARANTINE", "AVAILABLE") if back else ("AVAILABLE", "QUARANTINE")
        self.run(self.shop.move(units, *ends, sku))

    @rule(units=UNITS, sku=SKUS)
    def hold(self, units: int, sku: str) -> None:
        self.run(self.shop.hold((sku, units)))

    @rule(target=orders, units=UNITS, sku=SKUS)
    def place(self, units: int, sku: str) -> Outcome:
        return self.run(self.shop.place((sku, units), reference=uuid4().hex, backorder=True))

    @rule(order=orders)
    def ship(self, order: Outcome) -> None:
        for parcel in self.runner.run(self.shop.fulfillments(order))[:1] if order.refs else ():
            self.run(self.shop.ship(parcel["id"]))

    @rule(order=orders)
    def cancel(self, order: Outcome) -> None:
        if order.refs:
            self.run(self.shop.cancel(order))

    @rule(sku=SKUS)
    def sell_and_take_back(self, sku: str) -> None:
        placed = self.run(self.shop.place((sku, 1), reference=uuid4().hex))
        if not placed.refs:
            return
        for parcel in self.runner.run(self.shop.fulfillments(placed)):
            self.run(self.shop.ship(parcel["id"]))
        self.shop.clock.forward(seconds=1)
        returned = self.run(self.desk.request(placed, (sku, 1)))
        self.run(self.desk.receive(returned, (sku, 1), complete=True))
        for group in self.runner.run(self.desk.groups(returned)):
            self.run(self.desk.inspect(returned, (group["id"], 1, "NEW")))

    def teardown(self) -> None:
        if hasattr(self, "floor"):
            assert self.runner.run(reconcile(self.floor.database)) == []
            self.runner.run(self.floor.database.close())
            self.fresh.give_back(self.floor.database.url)


def test_bins_follow_random_trade(fresh_database: Databases, engine: str) -> None:
    examples = 4 if engine == "sqlite" else 2
    with asyncio.Runner() as runner:
        shelves = type("Shelves", (Shelves,), {"fresh": fresh_database, "runner": runner})
        run_machine(
            shelves,
            settings=settings(
                max_examples=examples * (20 if IS_LONG else 1),
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
