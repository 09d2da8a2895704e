"""Random sequences of stock, holds and orders with a moving clock: no unit and no cost is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

import workflows.reservations.expiry as reservation_expiry
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.books import faults
from tests.builders.store import Shop, open_shop
from tests.builders.transactions import codes
from tests.databases import Databases
from workflows.transactions.outcomes import Outcome

SKUS = st.sampled_from(["TEE-S", "TEE-M", "COAT"])
PLACES = st.sampled_from(["LEEDS", "YORK"])
CHANNELS = st.sampled_from(["web", "market"])
UNITS = st.integers(1, 12)
CARTS = st.lists(st.tuples(SKUS, st.integers(1, 6)), min_size=1, max_size=3)
EXPECTED = {
    "INSUFFICIENT_STOCK",
    "RESERVATION_EXPIRED",
    "ILLEGAL_TRANSITION",
    "LIMIT_EXCEEDED",
}


class Trade(RuleBasedStateMachine):
    """All operations on stock, holds and orders, in any order."""

    fresh: Databases
    runner: asyncio.Runner

    holds = Bundle("holds")
    orders = Bundle("orders")

    def run(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        outcome = self.runner.run(work)
        assert {code for code, _ in codes(outcome)} <= EXPECTED, outcome
        return outcome

    @initialize(buffer=st.integers(0, 3), protected=st.integers(0, 3))
    def open(self, buffer: int, protected: int) -> None:
        async def start() -> Shop:
            database = Database(self.fresh())
            await database.open()
            shop = await open_shop(database, safety_buffer=buffer)
            rules = {"protected": [{"channel": "web", "category": "coats", "units": protected}]}
            await shop.publish(PolicyKind.ROUTING, rules)
            return shop

        self.shop = self.runner.run(start())

    @rule(units=UNITS, sku=SKUS, at=PLACES)
    def receive(self, units: int, sku: str, at: str) -> None:
        self.run(self.shop.receive(units, sku, at))

    @rule(delta=st.integers(-4, 4).filter(bool), sku=SKUS, at=PLACES)
    def adjust(self, delta: int, sku: str, at: str) -> None:
        self.run(self.shop.adjust(delta, sku, at))

    @rule(units=st.integers(1, 4), sku=SKUS, at=PLACES, back=st.booleans())
    def move(self, units: int, sku: str, at: str, back: bool) -> None:
        ends = ("QUARANTINE", "AVAILABLE") if back else ("AVAILABLE", "QUARANTINE")
        self.run(self.shop.move(units, *ends, sku, at))

    @rule(target=holds, cart=CARTS, channel=CHANNELS, ttl=st.sampled_from([30, 300]))
    def hold(self, cart: list[tuple[str, int]], channel: str, ttl: int) -> tuple[Outcome, str]:
        return self.run(self.shop.hold(*cart, channel=channel, ttl_seconds=ttl)), channel

    @rule(held=holds)
    def release(self, held: tuple[Outcome, str]) -> None:
        if held[0].refs:
            self.run(self.shop.release(held[0]))

    @rule(held=holds, seconds=st.sampled_from([10, 100, 1000]))
    def extend(self, held: tuple[Outcome, str], seconds: int) -> None:
        if held[0].refs:
            self.run(self.shop.extend(held[0], seconds))

    @rule(target=orders, cart=CARTS, channel=CHANNELS, backorder=st.booleans())
    def place(self, cart: list[tuple[str, int]], channel: str, backorder: bool) -> Outcome:
        reference = uuid4().hex
        return self.run(
            self.shop.place(*cart, channel=channel, reference=reference, backorder=backorder)
        )

    @rule(target=orders, held=holds, cart=CARTS)
    def place_held(self, held: tuple[Outcome, str], cart: list[tuple[str, int]]) -> Outcome:
        hold = held[0] if held[0].refs else None
        return self.run(self.shop.place(*cart, channel=held[1], reference=uuid4().hex, hold=hold))

    @rule(order=orders, part=st.booleans())
    def cancel(self, order: Outcome, part: bool) -> None:
        if order.refs:
            lines = self.runner.run(self.shop.lines(order))
            chosen = [(lines[0]["id"], 1)] if part else []
            self.run(self.shop.cancel(order, *chosen))

    @rule(order=orders)
    def ship(self, order: Outcome) -> None:
        if order.refs:
            for parcel in self.runner.run(self.shop.fulfillments(order))[:1]:
                self.run(self.shop.ship(parcel["id"]))

    @rule(seconds=st.sampled_from([5, 60, 600]))
    def wait(self, seconds: int) -> None:
        self.shop.clock.forward(seconds=seconds)

    @rule()
    def sweep(self) -> None:
        self.runner.run(reservation_expiry.sweep(self.shop.transactions))

    @rule(sku=SKUS, channel=CHANNELS)
    def what_is_shown_can_be_held_and_no_more(self, sku: str, channel: str) -> None:
        shown = self.runner.run(self.shop.atp(sku, channel))
        assert self.run(self.shop.hold((sku, shown + 1), channel=channel)).refusals
        if shown:
            held = self.run(self.shop.hold((sku, shown), channel=channel))
            assert not held.refusals
            assert self.runner.run(self.shop.atp(sku, channel)) == 0
            self.run(self.shop.release(held))

    @invariant()
    def the_books_agree(self) -> None:
        if hasattr(self, "shop"):
            assert self.runner.run(faults(self.shop.database)) == []

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            self.runner.run(self.shop.database.close())
            self.fresh.give_back(self.shop.database.url)


def test_random_trade_keeps_the_books_consistent(fresh_database: Databases, engine: str) -> None:
    """Levels equal movements, claims equal lines, the displayed ATP can be held, the books
    balance."""
    with asyncio.Runner() as runner:
        trade = type("Trade", (Trade,), {"fresh": fresh_database, "runner": runner})
        run_machine(
            trade,
            settings=settings(
                max_examples=12 if engine == "sqlite" else 6,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
