"""Base of the machine that performs random operations of the floor, and what must always hold."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant

import workflows.orders.picks as picks
from models.database.database import Database
from tests.builders.books import faults
from tests.builders.floor.whole import WholeFloor, open_whole_floor
from tests.builders.transactions import codes, rows
from tests.builders.warehouse import ANN, BEN, SUE
from tests.databases import Databases
from tests.workflows.floor.table_digests import Digest, TableDigests
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

T = TypeVar("T")

SKUS = st.sampled_from(["TEE-M", "TEE-M", "TEE-S"])
PLACES = st.sampled_from(["LEEDS", "LEEDS", "YORK"])
WORKERS = st.sampled_from([ANN, ANN, BEN, SUE])
FEW = st.integers(1, 4)
ANY = st.integers(0, 30)
# Two bins of LEEDS, the one of YORK, and no bin.
BINS = st.sampled_from(["B-1", "A-2", "Y-1", None])
EXPECTED = {
    "ALREADY_EXISTS",
    "APPROVAL_REQUIRED",
    "ILLEGAL_TRANSITION",
    "INSUFFICIENT_STOCK",
    "INVALID",
    "LIMIT_EXCEEDED",
    "NOT_FOUND",
    "OVER_RETURN",
    "SCAN_MISMATCH",
    "SELF_APPROVAL",
    "TASK_NOT_CLAIMED",
}
# Calls of scans are counted also if all their scans are refused.
WRITTEN_ANYHOW = {"scan_call"}
_OUTSIDE = """
SELECT COALESCE(SUM(CASE WHEN from_state IS NULL THEN quantity ELSE -quantity END), 0) AS units
FROM stock_movement WHERE from_state IS NULL OR to_state IS NULL
"""
_HERE = """
SELECT COALESCE(SUM(available + held + allocated + quality_control + quarantine + refurbishing
  + damaged), 0) AS units FROM stock_level
"""


class FloorMachine(RuleBasedStateMachine):
    """A floor, the operations on it, and its invariants; the rules are in the subclasses."""

    fresh: Databases
    runner: asyncio.Runner
    orders = Bundle("orders")
    holds = Bundle("holds")
    transfers = Bundle("transfers")

    @initialize(tees=st.integers(2, 9), is_binned=st.booleans())
    def open(self, tees: int, is_binned: bool) -> None:
        async def start() -> WholeFloor:
            database = Database(self.fresh())
            await database.open()
            return await open_whole_floor(database)

        self.whole = self.runner.run(start())
        self.digests = TableDigests(self.whole.database)
        self.digest: Digest | None = None
        for sku in ("TEE-M", "TEE-S"):
            if is_binned:
                self.perform(self.whole.floor.receive_into(tees, "A-2", sku))
            else:
                self.perform(self.whole.shop.receive(tees, sku))

    def perform(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        """Perform an operation; if it is refused, nothing has changed."""
        self.whole.shop.clock.forward(seconds=1)
        before = self.digest or self.runner.run(self.digests.read())
        outcome = self.runner.run(work)
        assert {code for code, _ in codes(outcome)} <= EXPECTED, outcome
        self.digest = None
        is_refused = bool(outcome.refusals) and not _has_done(outcome)
        if is_refused and before["unbooked_pick"][0] == 0:
            self.digest = self.runner.run(self.digests.read())
            changed = {name for name, content in self.digest.items() if content != before[name]}
            assert changed <= WRITTEN_ANYHOW, (changed, outcome)
        return outcome

    def work(self, job: Coroutine[Any, Any, T]) -> T:
        """Run a job or a query that may change something."""
        self.digest = None
        return self.runner.run(job)

    def find(self, sql: str, *args: object) -> list[dict[str, Any]]:
        """Rows of a query."""
        return self.runner.run(rows(self.whole.database, sql, *args))

    def parcel(self, number: int, *statuses: str) -> Any:
        """The id of one of the fulfillments in these statuses; None: there is none."""
        found = self.find("SELECT id, status FROM fulfillment ORDER BY created_at, number")
        chosen = [row["id"] for row in found if row["status"] in statuses]
        return chosen[number % len(chosen)] if chosen else None

    def lines_of(self, parcel: object) -> list[tuple[Any, int]]:
        """(order line, units) of a fulfillment."""
        found = self.find(
            "SELECT order_line_id, quantity FROM fulfillment_line WHERE fulfillment_id = $1"
            " ORDER BY id",
            parcel,
        )
        return [(line["order_line_id"], line["quantity"]) for line in found]

    def part_of(self, parcel: object, most: list[int]) -> list[tuple[Any, int]]:
        """At most so many units of each line of a parcel."""
        lines = zip(self.lines_of(parcel), most, strict=False)
        return [(line, min(units, has)) for (line, has), units in lines if min(units, has)]

    @invariant()
    def the_books_agree(self) -> None:
        if hasattr(self, "whole"):
            assert self.runner.run(faults(self.whole.database)) == []

    def teardown(self) -> None:
        if hasattr(self, "whole"):
            try:
                self.runner.run(self._prove())
            finally:
                self.digests.close()
                self.runner.run(self.whole.database.close())
                self.fresh.give_back(self.whole.database.url)

    async def _prove(self) -> None:
        """The proofs hold while picks wait to be booked, and after that."""
        database = self.whole.database
        assert [str(each) for each in await reconcile(database)] == []
        if await picks.book_waiting(self.whole.shop.transactions):
            assert [str(each) for each in await reconcile(database)] == []
            assert await faults(database) == []
        [[moved], [here]] = [await rows(database, sql) for sql in (_OUTSIDE, _HERE)]
        assert moved["units"] == here["units"]


def _has_done(outcome: Outcome) -> bool:
    """True if a part of an operation was performed whose parts stand by themselves."""
    return any(
        each is not None
        for parts in outcome.refs.values()
        if isinstance(parts, list)
        for each in parts
    )
