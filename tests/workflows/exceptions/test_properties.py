"""Random facts and a moving clock: what the desk shows follows the conditions of its kinds.

- At most one exception is open for each kind and subject, and only while its condition holds.
- After a sweep one is open for each subject that is due, unless a person resolved it; that silence
  ends when the condition has been false once.
- A condition that comes back within an hour opens the same exception again, and later a new one.
- An exception escalates once until it is assigned, and never while it waits.
RESTOW_LONG=1 runs 120 sequences of 50 steps on each engine.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

import workflows.exceptions.escalation as escalation
import workflows.exceptions.handling as handling
from models.database.database import Database
from tests.builders.floor.counts import ADMIN, ANN, BEN, CLEO
from tests.builders.floor.whole import WholeFloor, open_whole_floor
from tests.builders.transactions import codes, rows
from tests.builders.warehouse import SUE
from tests.databases import Databases
from tests.workflows.exceptions.desk_conditions import DUE, HOLDS, due, holding
from tests.workflows.exceptions.sweeps import sweep
from workflows.exceptions.handling import (
    AssignException,
    ResolveException,
    StartException,
    WaitException,
)
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome, Request

T = TypeVar("T")

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
SEQUENCES = {"sqlite": 4, "postgres": 2}
ANY = st.integers(0, 20)
FEW = st.integers(1, 3)
LIVE = "status NOT IN ('RESOLVED', 'AUTO_RESOLVED')"
HOUR = timedelta(hours=1)
_NEWEST = f"""
SELECT kind, subject_key, id, status, resolved_at FROM operational_exception
ORDER BY ({LIVE}), opened_at, id
"""


class Facts(RuleBasedStateMachine):
    """A store, the facts on its floor, and the people at the desk."""

    fresh: Databases
    runner: asyncio.Runner

    @initialize()
    def open(self) -> None:
        async def start() -> WholeFloor:
            database = Database(self.fresh())
            await database.open()
            whole = await open_whole_floor(database)
            async with database.writer() as session:
                await session.execute("UPDATE channel SET kind = 'MARKETPLACE' WHERE code='market'")
            return whole

        self.whole = self.runner.run(start())
        # The newest exception of each (kind, subject), and subjects that a person has silenced.
        self.newest: dict[tuple[str, str], dict[str, Any]] = {}
        self.silenced: set[tuple[str, str]] = set()
        self.perform(self.whole.floor.receive_into(6, "A-2"))

    def read(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def find(self, sql: str, *args: object) -> list[dict[str, Any]]:
        return self.read(rows(self.whole.database, sql, *args))

    def one(self, number: int, sql: str) -> dict[str, Any] | None:
        """One of the rows of a query."""
        found = self.find(sql)
        return found[number % len(found)] if found else None

    def perform(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        outcome = self.read(work)
        assert "INTERNAL" not in {code for code, _ in codes(outcome)}
        self.compare()
        self.whole.shop.clock.forward(seconds=1)
        return outcome

    # ─── facts

    @rule(units=FEW, channel=st.sampled_from(["web", "market"]))
    def place(self, units: int, channel: str) -> None:
        place = self.whole.shop.place
        self.perform(
            place(("TEE-M", units), channel=channel, reference=uuid4().hex, backorder=True)
        )

    @rule(number=ANY)
    def cancel(self, number: int) -> None:
        order = self.one(number, "SELECT id FROM sales_order ORDER BY placed_at, number")
        if order is not None:
            self.perform(self.whole.shop.cancel(Outcome({"order": str(order["id"])})))

    @rule(number=ANY, short=st.integers(0, 1), is_shipped=st.booleans())
    def pick(self, number: int, short: int, is_shipped: bool) -> None:
        line = self.one(
            number,
            "SELECT f.id, l.order_line_id FROM fulfillment f JOIN fulfillment_line l"
            " ON l.fulfillment_id = f.id WHERE f.status = 'OPEN' AND l.quantity > 0"
            " ORDER BY f.created_at, f.number",
        )
        if line is not None:
            missing = [(line["order_line_id"], short)] if short else []
            self.perform(self.whole.warehouse.pick(line["id"], *missing, by=ADMIN))
            if is_shipped:
                self.perform(self.whole.shop.ship(line["id"], tracking_number=uuid4().hex))

    @rule(
        number=ANY,
        status=st.sampled_from(
            ["IN_TRANSIT", "DELIVERY_FAILED", "DELIVERED", "LOST", "RETURNED_TO_SENDER"]
        ),
    )
    def carrier(self, number: int, status: str) -> None:
        parcel = self.one(
            number,
            "SELECT tracking_number FROM fulfillment WHERE tracking_number IS NOT NULL"
            " ORDER BY created_at, number",
        )
        if parcel is not None:
            record = self.whole.warehouse.record_event
            self.perform(record(status, uuid4().hex, number=parcel["tracking_number"]))

    @rule(number=ANY, is_endless=st.booleans())
    def hold(self, number: int, is_endless: bool) -> None:
        order = self.one(number, "SELECT id FROM sales_order ORDER BY placed_at, number")
        if order is not None:
            until = None if is_endless else self.whole.shop.clock.now + timedelta(days=3)
            placed = Outcome({"order": str(order["id"])})
            self.perform(self.whole.warehouse.hold(placed, until=until))

    @rule(number=ANY)
    def release(self, number: int) -> None:
        live = "SELECT id FROM fulfillment_hold WHERE released_at IS NULL ORDER BY placed_at, id"
        held = self.one(number, live)
        if held is not None:
            self.perform(self.whole.warehouse.release_hold(held["id"]))

    @rule(units=FEW, at=st.sampled_from(["LEEDS", "YORK"]))
    def receive(self, units: int, at: str) -> None:
        self.perform(self.whole.shop.receive(units, at=at))

    @rule(at=st.sampled_from(["LEEDS", "YORK"]))
    def put_away_all(self, at: str) -> None:
        unbinned = self.read(self.whole.floor.bins("TEE-M", at)).get("", 0)
        if unbinned:
            into = "A-2" if at == "LEEDS" else "Y-1"
            self.perform(self.whole.floor.put_away(("TEE-M", unbinned, into), at=at))

    @rule(off=st.integers(-3, 1), by=st.sampled_from([ANN, BEN, CLEO]))
    def count(self, off: int, by: Any) -> None:
        known = self.read(self.whole.floor.bins("TEE-M"))
        units = max(0, sum(known.values()) + off)
        self.perform(self.whole.counting.record(("TEE-M", units), by=by))
        self.read(self.whole.counting.post_rest())

    @rule()
    def approve_counts(self) -> None:
        waiting = "SELECT id FROM stock_count_line WHERE status = 'NEEDS_APPROVAL' ORDER BY id"
        for line in self.find(waiting):
            self.perform(self.whole.counting.approve(line["id"], by=ADMIN))

    @rule(number=ANY, units=FEW)
    def ask_back(self, number: int, units: int) -> None:
        order = self.one(
            number, "SELECT id FROM sales_order WHERE status = 'SHIPPED' ORDER BY placed_at, number"
        )
        if order is not None:
            placed = Outcome({"order": str(order["id"])})
            self.perform(self.whole.returns.request(placed, ("TEE-M", units)))

    @rule(number=ANY, act=st.sampled_from(["receive", "receive", "cancel", "inspect"]))
    def follow_return(self, number: int, act: str) -> None:
        found = self.one(number, "SELECT id FROM customer_return ORDER BY requested_at, rma_number")
        if found is None:
            return
        made, desk = Outcome({"return": str(found["id"])}), self.whole.returns
        if act == "receive":
            self.perform(desk.receive(made, ("TEE-M", 1)))
        elif act == "cancel":
            self.perform(desk.cancel(made))
        else:
            for group in self.read(desk.groups(made)):
                if group["state"] == "RECEIVED":
                    self.perform(desk.inspect(made, (group["id"], group["quantity"], "NEW")))

    @rule(units=FEW)
    def send(self, units: int) -> None:
        transfer = self.perform(self.whole.transfers.create(("TEE-M", units)))
        if transfer.refs:
            self.perform(self.whole.transfers.ship(transfer))

    @rule(number=ANY, good=st.integers(0, 4), act=st.sampled_from(["part", "complete", "lost"]))
    def unload(self, number: int, good: int, act: str) -> None:
        found = self.one(
            number,
            "SELECT id FROM transfer WHERE status IN ('IN_TRANSIT', 'PARTIALLY_RECEIVED')"
            " ORDER BY requested_at, number",
        )
        if found is None:
            return
        transfer, desk = Outcome({"transfer": str(found["id"])}), self.whole.transfers
        if act == "lost":
            self.perform(desk.write_off(transfer, ("TEE-M", 1), by=SUE))
        else:
            line, is_complete = ("TEE-M", good), act == "complete"
            self.perform(desk.receive(transfer, line, complete=is_complete, by=SUE))

    # ─── the clock

    @rule(minutes=st.sampled_from([20, 59, 61, 180, 540, 1_500, 4_400]))
    def wait(self, minutes: int) -> None:
        self.whole.shop.clock.forward(minutes=minutes)

    @rule()
    def sweep(self) -> None:
        self.read(self.whole.warehouse.release_due())
        self.compare()
        self.read(sweep(self.whole.shop.transactions))
        self.compare()
        database, now = self.whole.database, self.whole.shop.clock.now
        for kind in DUE:
            shown = {
                row["subject_key"].partition(":")[2]
                for row in self.find(f"SELECT * FROM operational_exception WHERE {LIVE}")
                if row["kind"] == kind
            }
            silent = {subject for of, subject in self.silenced if of == kind}
            assert self.read(due(database, kind, now)) <= shown | silent, kind

    @rule()
    def escalate(self) -> None:
        transactions, now = self.whole.shop.transactions, self.whole.shop.clock.now
        self.read(transactions.run(escalation.resume))
        self.read(transactions.run(escalation.escalate_overdue))
        self.compare()
        late = "SELECT id, status, due_at FROM operational_exception"
        for row in self.find(late):
            is_counting = row["status"] in ("OPEN", "ASSIGNED", "IN_PROGRESS")
            assert not is_counting or row["due_at"] >= now, row

    # ─── people

    @rule(number=ANY, act=st.sampled_from(["assign", "start", "wait", "resolve"]))
    def handle(self, number: int, act: str) -> None:
        found = self.one(
            number, f"SELECT * FROM operational_exception WHERE {LIVE} ORDER BY opened_at, id"
        )
        if found is None:
            return
        key, until = found["id"], self.whole.shop.clock.now + timedelta(hours=3)
        commands: dict[str, tuple[Any, Any]] = {
            "assign": (handling.assign, AssignException(key, "SUPPORT")),
            "start": (handling.start, StartException(key)),
            "wait": (handling.wait, WaitException(key, until, "For the supplier.")),
            "resolve": (handling.resolve, ResolveException(key, "Seen.")),
        }
        action, command = commands[act]
        outcome = self.read(self.whole.shop.transactions.perform(action, Request(command, ADMIN)))
        if act == "resolve" and not outcome.refusals:
            self.silenced.add((found["kind"], found["subject_key"].partition(":")[2]))
        self.compare()

    # ─── what must hold

    def compare(self) -> None:
        """Compare the desk with the conditions, and with what it showed before."""
        now = self.whole.shop.clock.now
        live = self.find(f"SELECT * FROM operational_exception WHERE {LIVE}")
        count = Counter((row["kind"], row["subject_key"]) for row in live)
        assert not [key for key, rows_of in count.items() if rows_of > 1], count
        for kind in HOLDS:
            holds = self.read(holding(self.whole.database, kind))
            shown = {row["subject_key"].partition(":")[2] for row in live if row["kind"] == kind}
            assert shown <= holds, (kind, shown - holds)
            self.silenced -= {
                each for each in self.silenced if each[0] == kind and each[1] not in holds
            }
        for row in self.find(_NEWEST):
            self._follow(row, now)

    def _follow(self, row: dict[str, Any], now: Any) -> None:
        """Compare the newest exception of a subject with the one that it had before."""
        subject = (row["kind"], row["subject_key"])
        before = self.newest.get(subject)
        is_live = row["status"] not in ("RESOLVED", "AUTO_RESOLVED")
        if before is not None and before["status"] == "AUTO_RESOLVED" and is_live:
            is_soon = before["resolved_at"] > now - HOUR
            assert (before["id"] == row["id"]) is is_soon, (before, row)
        if before is not None and before["status"] == "RESOLVED" and is_live:
            assert before["id"] != row["id"], row
        self.newest[subject] = row

    def teardown(self) -> None:
        if not hasattr(self, "whole"):
            return
        try:
            self._check_histories()
            assert [str(each) for each in self.read(reconcile(self.whole.database))] == []
        finally:
            self.read(self.whole.database.close())
            self.fresh.give_back(self.whole.database.url)

    def _check_histories(self) -> None:
        """No exception escalates twice without an assignment between, nor while it waits."""
        last: dict[UUID, str] = {}
        steps = "SELECT exception_id, action FROM exception_step ORDER BY id"
        for step in self.find(steps):
            key, action = step["exception_id"], step["action"]
            if action == "ESCALATED":
                assert last.get(key) not in ("ESCALATED", "WAITING"), step
            last[key] = action


def test_the_desk_follows_its_conditions(fresh_database: Databases, engine: str) -> None:
    with asyncio.Runner() as runner:
        facts = type("Facts", (Facts,), {"fresh": fresh_database, "runner": runner})
        run_machine(
            facts,
            settings=settings(
                max_examples=120 if IS_LONG else SEQUENCES[engine],
                stateful_step_count=50 if IS_LONG else 30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
