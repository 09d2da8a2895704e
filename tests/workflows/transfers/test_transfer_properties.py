"""Random transfers beside sales lose no unit and no cost; every open step has its task."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from models.database.database import Database
from tests.builders.books import faults
from tests.builders.floor.transfers import Transfers, open_transfers
from tests.builders.transactions import codes, rows
from tests.builders.warehouse import SUE
from tests.databases import Databases
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

SKUS = st.sampled_from(["TEE-M", "COAT"])
PLACES = st.sampled_from(["LEEDS", "YORK"])
FEW = st.integers(0, 3)
EXPECTED = {"INSUFFICIENT_STOCK", "ILLEGAL_TRANSITION", "INVALID", "NOT_FOUND"}
HERE = (
    "SELECT COALESCE(SUM(available + held + allocated + quality_control + quarantine +"
    " refurbishing + damaged), 0) AS units FROM stock_level"
)
AWAY = "SELECT COALESCE(SUM(in_transit + lost - extra), 0) AS units FROM transfer_line"
RECEIVED = "SELECT SUM(quantity) AS units FROM stock_movement WHERE kind = 'RECEIVED'"


class Van(RuleBasedStateMachine):
    """Transfers in both directions, in any order of their steps."""

    fresh: Databases
    runner: asyncio.Runner

    transfers = Bundle("transfers")

    def run(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        outcome = self.runner.run(work)
        assert {code for code, _ in codes(outcome)} <= EXPECTED, outcome
        return outcome

    @initialize()
    def open(self) -> None:
        async def start() -> Transfers:
            database = Database(self.fresh())
            await database.open()
            return await open_transfers(database)

        self.desk = self.runner.run(start())

    @rule(target=transfers, units=st.integers(1, 4), sku=SKUS, place=PLACES)
    def create(self, units: int, sku: str, place: str) -> Outcome:
        to = "YORK" if place == "LEEDS" else "LEEDS"
        return self.run(self.desk.create((sku, units), origin=place, to=to))

    @rule(transfer=transfers, sku=SKUS, short=FEW)
    def ship(self, transfer: Outcome, sku: str, short: int) -> None:
        if transfer.refs:
            self.run(self.desk.ship(transfer, *([(sku, short)] if short else []), by=SUE))

    @rule(transfer=transfers, sku=SKUS, good=FEW, damaged=FEW, place=PLACES)
    def receive(self, transfer: Outcome, sku: str, good: int, damaged: int, place: str) -> None:
        if transfer.refs:
            self.run(self.desk.receive(transfer, (sku, good, damaged), at=place, by=SUE))

    @rule(transfer=transfers, sku=SKUS, units=st.integers(1, 2))
    def write_off(self, transfer: Outcome, sku: str, units: int) -> None:
        if transfer.refs:
            self.run(self.desk.write_off(transfer, (sku, units), by=SUE))

    @rule(transfer=transfers)
    def cancel(self, transfer: Outcome) -> None:
        if transfer.refs:
            self.run(self.desk.cancel(transfer))

    @rule(sku=SKUS, units=st.integers(1, 3))
    def sell(self, sku: str, units: int) -> None:
        place = self.desk.warehouse.shop.place
        self.run(place((sku, units), reference=uuid4().hex, backorder=True))

    @invariant()
    def the_books_agree(self) -> None:
        if hasattr(self, "desk"):
            assert self.runner.run(faults(self.desk.database)) == []

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.runner.run(self._prove())
            self.runner.run(self.desk.database.close())
            self.fresh.give_back(self.desk.database.url)

    async def _prove(self) -> None:
        database = self.desk.database
        [[here], [away], [received]] = [await rows(database, q) for q in (HERE, AWAY, RECEIVED)]
        assert here["units"] + away["units"] == received["units"]
        assert [str(each) for each in await reconcile(database)] == []


def test_random_transfers_keep_the_books_consistent(fresh_database: Databases, engine: str) -> None:
    """Received units, and extra ones, are in stock, in transit, or lost."""
    with asyncio.Runner() as runner:
        van = type("Van", (Van,), {"fresh": fresh_database, "runner": runner})
        run_machine(
            van,
            settings=settings(
                max_examples=10 if engine == "sqlite" else 4,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
