"""Random sequences in the warehouse: short picks, reroutes and lost parcels lose no units.

No cost is lost either, every open step has its task, and a fulfillment is ON_HOLD if and only if it
would be OPEN and a live hold covers it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

import workflows.tasks.claims as task_claims
from domain.access.callers import Caller
from models.database.database import Database
from tests.builders.books import faults
from tests.builders.transactions import codes, rows
from tests.builders.warehouse import ANN, BEN, SUE, Warehouse, a_parcel, open_warehouse
from tests.databases import Databases
from workflows.ledger.reconciliation import reconcile
from workflows.orders.backorders import BackorderRounds
from workflows.transactions.outcomes import Outcome

SKUS = st.sampled_from(["TEE-S", "TEE-M"])
PLACES = st.sampled_from(["LEEDS", "YORK"])
WORKERS = st.sampled_from([ANN, BEN, SUE])
CARTS = st.lists(st.tuples(SKUS, st.integers(1, 5)), min_size=1, max_size=3)
STATUSES = st.sampled_from(["IN_TRANSIT", "DELIVERY_FAILED", "DELIVERED", "LOST"])
EXPECTED = {"INSUFFICIENT_STOCK", "ILLEGAL_TRANSITION", "TASK_NOT_CLAIMED", "INVALID", "NOT_FOUND"}
RECEIVED = "SELECT COALESCE(SUM(quantity), 0) AS units FROM stock_movement WHERE kind = 'RECEIVED'"
HERE = (
    "SELECT COALESCE(SUM(available + held + allocated + quality_control + quarantine +"
    " refurbishing + damaged), 0) AS units FROM stock_level"
)
GONE = "SELECT COALESCE(SUM(shipped + delivered + lost), 0) AS units FROM order_line"


class Day(RuleBasedStateMachine):
    """All operations between an order and its arrival, in any order."""

    fresh: Databases
    runner: asyncio.Runner

    orders = Bundle("orders")

    def run(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        outcome = self.runner.run(work)
        assert {code for code, _ in codes(outcome)} <= EXPECTED, outcome
        return outcome

    @initialize()
    def open(self) -> None:
        async def start() -> Warehouse:
            database = Database(self.fresh())
            await database.open()
            return await open_warehouse(database)

        self.warehouse = self.runner.run(start())
        for sku in ("TEE-S", "TEE-M"):
            self.run(self.warehouse.shop.receive(6, sku))

    @rule(units=st.integers(1, 8), sku=SKUS, at=PLACES)
    def receive(self, units: int, sku: str, at: str) -> None:
        self.run(self.warehouse.shop.receive(units, sku, at))

    @rule(target=orders, cart=CARTS, backorder=st.booleans())
    def place(self, cart: list[tuple[str, int]], backorder: bool) -> Outcome:
        reference = uuid4().hex
        return self.run(self.warehouse.shop.place(*cart, reference=reference, backorder=backorder))

    @rule(queue=st.sampled_from(["PICK", "PACK", "SHIP"]), at=PLACES, by=WORKERS)
    def claim(self, queue: str, at: str, by: Caller) -> None:
        self.run(self.warehouse.claim(queue, at, by=by, limit=2))

    def parcels(self, order: Outcome) -> list[Any]:
        if not order.refs:
            return []
        return [each["id"] for each in self.runner.run(self.warehouse.shop.fulfillments(order))]

    @rule(order=orders, by=WORKERS, missing=st.lists(st.integers(0, 3), min_size=3, max_size=3))
    def pick(self, order: Outcome, by: Caller, missing: list[int]) -> None:
        for parcel in self.parcels(order):
            self.run(self.warehouse.pick(parcel, *self.part_of(parcel, missing), by=by))

    @rule(order=orders, by=WORKERS)
    def pack(self, order: Outcome, by: Caller) -> None:
        for parcel in self.parcels(order):
            self.run(self.warehouse.pack(parcel, by))

    @rule(order=orders, by=WORKERS, units=st.lists(st.integers(0, 2), min_size=3, max_size=3))
    def pack_in_two(self, order: Outcome, by: Caller, units: list[int]) -> None:
        for parcel in self.parcels(order)[:2]:
            first = self.part_of(parcel, units)
            rest = [(line, has - dict(first).get(line, 0)) for line, has in self.lines_of(parcel)]
            parcels = (a_parcel(*first, grams=500), a_parcel(*[each for each in rest if each[1]]))
            self.run(self.warehouse.pack(parcel, by, *parcels))

    @rule(order=orders, by=WORKERS, units=st.lists(st.integers(0, 2), min_size=3, max_size=3))
    def split(self, order: Outcome, by: Caller, units: list[int]) -> None:
        for parcel in self.parcels(order)[:2]:
            self.run(self.warehouse.split(parcel, *self.part_of(parcel, units), by=by))

    def lines_of(self, parcel: object) -> list[tuple[object, int]]:
        found = self.runner.run(
            rows(
                self.warehouse.database,
                "SELECT order_line_id, quantity FROM fulfillment_line"
                " WHERE fulfillment_id = $1 ORDER BY id",
                parcel,
            )
        )
        return [(line["order_line_id"], line["quantity"]) for line in found]

    def part_of(self, parcel: object, most: list[int]) -> list[tuple[object, int]]:
        """At most so many units of each line of a parcel."""
        lines = zip(self.lines_of(parcel), most, strict=False)
        return [(line, min(units, has)) for (line, has), units in lines if min(units, has)]

    @rule(order=orders, by=WORKERS)
    def ship(self, order: Outcome, by: Caller) -> None:
        for parcel in self.parcels(order)[:1]:
            self.run(self.warehouse.shop.ship(parcel, by))

    @rule(order=orders, to=PLACES)
    def reroute(self, order: Outcome, to: str) -> None:
        for parcel in self.parcels(order)[:1]:
            self.run(self.warehouse.reroute(parcel, to))

    @rule(order=orders, minutes=st.sampled_from([None, 1, 9]), is_whole=st.booleans())
    def hold(self, order: Outcome, minutes: int | None, is_whole: bool) -> None:
        clock = self.warehouse.shop.clock
        until = None if minutes is None else clock.now + timedelta(minutes=minutes)
        if is_whole and order.refs:
            self.run(self.warehouse.hold(order, until=until))
        for parcel in [] if is_whole else self.parcels(order)[:1]:
            self.run(self.warehouse.hold(fulfillment_id=parcel, until=until))

    @rule(chosen=st.integers(0, 5))
    def release(self, chosen: int) -> None:
        holds = self.runner.run(self.warehouse.holds())
        for each in holds[chosen : chosen + 1]:
            self.run(self.warehouse.release_hold(each["id"]))

    @rule(order=orders, part=st.booleans())
    def cancel(self, order: Outcome, part: bool) -> None:
        if order.refs:
            lines = self.runner.run(self.warehouse.shop.lines(order))
            chosen = [(lines[0]["id"], 1)] if part else []
            self.run(self.warehouse.shop.cancel(order, *chosen))

    @rule(status=STATUSES)
    def carrier(self, status: str) -> None:
        self.run(self.warehouse.record_event(status, uuid4().hex))

    @rule(minutes=st.sampled_from([1, 9, 10]))
    def wait(self, minutes: int) -> None:
        self.warehouse.shop.clock.forward(minutes=minutes)
        self.runner.run(self.warehouse.shop.transactions.run(task_claims.release_expired))
        self.runner.run(self.warehouse.release_due())

    @rule()
    def serve(self) -> None:
        self.runner.run(BackorderRounds(self.warehouse.shop.transactions).serve())

    @invariant()
    def the_books_agree(self) -> None:
        if hasattr(self, "warehouse"):
            assert self.runner.run(faults(self.warehouse.database)) == []

    def teardown(self) -> None:
        if hasattr(self, "warehouse"):
            self.runner.run(self._prove())
            self.runner.run(self.warehouse.database.close())
            self.fresh.give_back(self.warehouse.database.url)

    async def _prove(self) -> None:
        database = self.warehouse.database
        [[received], [here], [gone]] = [await rows(database, q) for q in (RECEIVED, HERE, GONE)]
        assert received["units"] == here["units"] + gone["units"]
        assert [str(each) for each in await reconcile(database)] == []


def test_random_warehouse_work_keeps_the_books_consistent(
    fresh_database: Databases, engine: str
) -> None:
    """Received units are in stock or have left; open tasks equal open steps; reconciliation finds
    nothing."""
    with asyncio.Runner() as runner:
        day = type("Day", (Day,), {"fresh": fresh_database, "runner": runner})
        run_machine(
            day,
            settings=settings(
                max_examples=12 if engine == "sqlite" else 5,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
