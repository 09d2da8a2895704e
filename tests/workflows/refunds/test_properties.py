"""Random sequences on paid orders, returns and refunds: books balance, no double payment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

import models.queries.proofs.invariants as invariants
from domain.access.callers import Role, holder
from domain.policies.policies import PolicyKind
from domain.policies.refunds import Tender
from domain.values.money import Money
from integrations.errors import IntegrationTimeout, IntegrationUnavailable
from integrations.payments.gateway import PaymentEventType as Told
from models.database.database import Database
from tests.builders.refunds import FAILED, PENDING, SUCCEEDED, RefundDesk, open_refund_desk
from tests.builders.transactions import codes, rows
from tests.databases import Databases
from workflows.orders.commands import Payment
from workflows.refunds.payout_attempts import PayoutTerms
from workflows.transactions.outcomes import Outcome

LONG = os.environ.get("RESTOW_LONG") == "1"
SKUS = st.sampled_from(["TEE-S", "TEE-M", "COAT"])
CARTS = st.lists(st.tuples(SKUS, st.integers(1, 4)), min_size=1, max_size=2)
GRADES = st.sampled_from(["NEW", "USED", "DAMAGED", "DEFECTIVE", "COUNTERFEIT"])
ACTORS = st.sampled_from(["fiona", "fred", "faye", "clara"])
ANSWERS = st.sampled_from(
    [
        SUCCEEDED,
        SUCCEEDED,
        PENDING,
        FAILED,
        IntegrationTimeout("silent"),
        IntegrationUnavailable("down"),
    ]
)
PICKS = st.integers(0, 50)
EVIDENCE = st.sampled_from(
    [["INSPECTED"], ["AUTHORIZED", "INSPECTED"], ["RECEIVED"], ["RECEIVED", "INSPECTED"]]
)
EXPECTED = {
    "INSUFFICIENT_STOCK",
    "ILLEGAL_TRANSITION",
    "INVALID",
    "OVER_RETURN",
    "NOT_FOUND",
    "REFUND_EXCEEDS_BALANCE",
    "SELF_APPROVAL",
    "PERIOD_CLOSED",
    "NOT_RETURNABLE",
    "RETURN_WINDOW_CLOSED",
}
# No sequencer runs here, so positions are not proven; every other proof must hold after each step.
PROOFS = [each for each in invariants.PROOFS if "position" not in each.name]


class Counter(RuleBasedStateMachine):
    """All operations on an order's money, in any order."""

    fresh: Databases
    runner: asyncio.Runner

    orders = Bundle("orders")
    returns = Bundle("returns")

    def run(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        self.refund_desk.shop.clock.forward(seconds=1)
        outcome = self.runner.run(work)
        assert {code for code, _ in codes(outcome)} <= EXPECTED, outcome
        return outcome

    @initialize(fee=st.sampled_from([0.0, 0.1]), evidence=EVIDENCE, top=st.sampled_from([0, 1]))
    def open(self, fee: float, evidence: list[str], top: int) -> None:
        async def start() -> RefundDesk:
            database = Database(self.fresh())
            await database.open()
            refund_desk = await open_refund_desk(
                database, terms=PayoutTerms(claim=timedelta(seconds=5))
            )
            rules = {
                "evidence": evidence,
                "deductions": {"USED": 0.2, "DAMAGED": 0.33},
                "approvalFor": ["COUNTERFEIT"],
                "restockingFee": fee,
                "bands": {
                    "GBP": [{"upTo": "15.00", "approvers": top}, {"upTo": None, "approvers": 2}]
                },
            }
            await refund_desk.shop.publish(PolicyKind.REFUND, rules)
            return refund_desk

        self.refund_desk = self.runner.run(start())
        self.before: dict[Any, str] = {}

    @rule(
        target=orders,
        cart=CARTS,
        odd=st.integers(0, 99),
        shipping=st.integers(0, 700),
        paid=st.sampled_from(["all", "part", "two"]),
        sent=st.sampled_from([0, 9, 9]),
    )
    def place(
        self, cart: list[tuple[str, int]], odd: int, shipping: int, paid: str, sent: int
    ) -> Outcome:
        total = sum(units * 1000 for _, units in cart) + shipping
        amounts = {
            "all": [total],
            "part": [1 + total * odd // 100],
            "two": [total // 3, total // 2],
        }
        payments = tuple(
            Payment(f"p{number}", Money(amount, "GBP"))
            for number, amount in enumerate(amounts[paid])
        )
        order = self.run(
            self.refund_desk.shop.place(
                *cart, reference=uuid4().hex, shipping=Money(shipping, "GBP"), payments=payments
            )
        )
        self._ship(order, sent)
        return order

    @rule(order=orders)
    def ship(self, order: Outcome) -> None:
        self._ship(order, 1)

    def _ship(self, order: Outcome, parcels: int) -> None:
        if order.refs:
            for parcel in self.runner.run(self.refund_desk.shop.fulfillments(order))[:parcels]:
                self.run(self.refund_desk.shop.ship(parcel["id"]))

    @rule(order=orders, part=st.booleans())
    def cancel_order(self, order: Outcome, part: bool) -> None:
        if order.refs:
            lines = self.runner.run(self.refund_desk.shop.lines(order))
            self.run(self.refund_desk.shop.cancel(order, *([(lines[0]["id"], 1)] if part else [])))

    @rule(target=returns, order=orders, units=st.integers(1, 3))
    def ask(self, order: Outcome, units: int) -> Outcome:
        return self.request(order, units)

    def request(self, order: Outcome, units: int) -> Outcome:
        if not order.refs:
            return order
        [sku] = self.runner.run(
            rows(
                self.refund_desk.database,
                "SELECT i.sku FROM order_line l JOIN item i ON i.id = l.item_id"
                " WHERE l.order_id = $1 AND l.line_no = 0",
                self.runner.run(self.refund_desk.shop.order(order))["id"],
            )
        )
        return self.run(self.refund_desk.desk.request(order, (sku["sku"], units)))

    @rule(a_return=returns, units=st.integers(1, 3), complete=st.booleans())
    def take_in(self, a_return: Outcome, units: int, complete: bool) -> None:
        self.receive(a_return, units, complete)

    def receive(self, a_return: Outcome, units: int, complete: bool) -> None:
        if "return" in a_return.refs:
            groups = self.runner.run(self.refund_desk.desk.groups(a_return))
            sku = groups[0]["sku"]
            self.run(self.refund_desk.desk.receive(a_return, (sku, units), complete=complete))

    @rule(a_return=returns, grade=GRADES)
    def check(self, a_return: Outcome, grade: str) -> None:
        self.inspect(a_return, grade)

    def inspect(self, a_return: Outcome, grade: str) -> None:
        if "return" in a_return.refs:
            for group in self.runner.run(self.refund_desk.desk.groups(a_return)):
                if group["state"] == "RECEIVED":
                    self.run(self.refund_desk.desk.inspect(a_return, (group["id"], 1, grade)))
                    return

    @rule(order=orders, units=st.integers(1, 4), grades=st.lists(GRADES, min_size=1, max_size=3))
    def send_back(self, order: Outcome, units: int, grades: list[str]) -> None:
        a_return = self.request(order, units)
        if "return" in a_return.refs:
            self.receive(a_return, units, False)
            for grade in grades:
                self.inspect(a_return, grade)

    @rule(order=orders, minor=st.integers(1, 3000), tender=st.sampled_from(Tender))
    def goodwill(self, order: Outcome, minor: int, tender: Tender) -> None:
        if order.refs:
            self.run(self.refund_desk.create(order, "", money=Money(minor, "GBP"), tender=tender))

    @rule(pick=PICKS, actors=st.lists(ACTORS, min_size=1, max_size=3, unique=True))
    def approve(self, pick: int, actors: list[str]) -> None:
        refund = self._pick(pick, "NEEDS_APPROVAL")
        for actor in actors if refund is not None else ():
            self.run(self.refund_desk.approve(refund, by=holder(Role.ADMIN, actor=actor)))

    @rule(pick=PICKS)
    def retry(self, pick: int) -> None:
        refund = self._pick(pick, "FAILED")
        if refund is not None:
            self.run(self.refund_desk.retry(refund))

    @rule(pick=PICKS, actor=ACTORS, act=st.sampled_from(["approve", "reject", "cancel", "retry"]))
    def decide(self, pick: int, actor: str, act: str) -> None:
        refund = self._pick(pick)
        if refund is not None:
            by = holder(Role.ADMIN, actor=actor)
            self.run(getattr(self.refund_desk, act)(refund, by=by))

    @rule(
        pick=PICKS,
        actor=ACTORS,
        succeeded=st.booleans(),
        status=st.sampled_from([None, "UNKNOWN", "FAILED"]),
        attempt=st.sampled_from([None, None, 1, 2]),
    )
    def settle(
        self, pick: int, actor: str, succeeded: bool, status: str | None, attempt: int | None
    ) -> None:
        refund = self._pick(pick, status)
        if refund is not None:
            by = holder(Role.ADMIN, actor=actor)
            settled = self.refund_desk.settle(refund, succeeded=succeeded, by=by, attempt=attempt)
            self.run(settled)

    @rule(answer=ANSWERS, found=ANSWERS, known=st.booleans())
    def pay(self, answer: Any, found: Any, known: bool) -> None:
        self.refund_desk.gateway.answers = [answer]
        self.refund_desk.gateway.found = [found if known else None]
        self.refund_desk.shop.clock.forward(seconds=10)
        self.runner.run(self.refund_desk.pay())

    @rule(pick=PICKS, reported=st.sampled_from(Told), attempt=st.sampled_from([-1, -1, 0]))
    def webhook(self, pick: int, reported: Told, attempt: int) -> None:
        refund = self._pick(pick)
        if refund is not None and self.runner.run(self.refund_desk.attempts(refund)):
            message = (refund, reported, uuid4().hex, attempt)
            self.runner.run(self.refund_desk.receive_webhook(*message))

    @rule(hours=st.sampled_from([1, 20]))
    def wait(self, hours: int) -> None:
        self.refund_desk.shop.clock.forward(hours=hours)

    @rule(back=st.integers(0, 3))
    def close_books(self, back: int) -> None:
        through = self.refund_desk.shop.clock.now - timedelta(hours=back)
        self.run(self.refund_desk.close_books(through))

    def _pick(self, number: int, status: str | None = None) -> Any:
        found = self.runner.run(self.refund_desk.refunds())
        chosen = [each for each in found if status in (None, each["status"])]
        return chosen[number % len(chosen)] if chosen else None

    @invariant()
    def every_proof_holds(self) -> None:
        if hasattr(self, "refund_desk"):
            assert self.runner.run(self._faults()) == []

    async def _faults(self) -> list[str]:
        found = []
        async with self.refund_desk.database.snapshot() as session:
            for proof in PROOFS:
                for row in await invariants.differences(session, proof):
                    found.append(f"{proof.name}: {dict(row)}")
        return found

    @invariant()
    def what_is_over_stays_over(self) -> None:
        if not hasattr(self, "refund_desk"):
            return
        for refund in self.runner.run(self.refund_desk.refunds()):
            before, now = self.before.get(refund["id"]), refund["status"]
            if before in ("REJECTED", "CANCELLED", "REVERSED"):
                assert now == before
            if before == "SUCCEEDED":
                assert now in ("SUCCEEDED", "REVERSED")
            self.before[refund["id"]] = now

    def teardown(self) -> None:
        if hasattr(self, "refund_desk"):
            self.runner.run(self.refund_desk.database.close())
            self.fresh.give_back(self.refund_desk.database.url)


def test_random_refunds_keep_the_books_consistent(fresh_database: Databases, engine: str) -> None:
    """After each step: refunds ≤ captured per payment, liability = open refunds, trial balance
    zero."""
    with asyncio.Runner() as runner:
        counter = type("Counter", (Counter,), {"fresh": fresh_database, "runner": runner})
        ordinary = 12 if engine == "sqlite" else 5
        run_machine(
            counter,
            settings=settings(
                max_examples=200 if LONG else ordinary,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
