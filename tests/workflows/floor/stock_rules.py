"""Rules of the floor machine about stock: receipts, put-away, holds, corrections and counts."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from domain.access.callers import Caller
from tests.builders.floor.counts import ADMIN, CLEO, Place
from tests.builders.warehouse import ANN, BEN, SUE
from tests.workflows.floor.machine import ANY, BINS, FEW, PLACES, SKUS, FloorMachine
from workflows.transactions.outcomes import Outcome

COUNTERS = st.sampled_from([ANN, BEN, CLEO, SUE])
STATES = st.sampled_from(["AVAILABLE", "QUARANTINE", "DAMAGED"])


class StockRules(FloorMachine):
    """Units come, go, and are moved and counted."""

    @rule(units=FEW, sku=SKUS, at=PLACES, into=BINS)
    def receive(self, units: int, sku: str, at: str, into: str | None) -> None:
        if into is None:
            self.perform(self.whole.shop.receive(units, sku, at))
        else:
            self.perform(self.whole.floor.receive_into(units, into, sku, at))

    @rule(units=FEW, sku=SKUS, at=PLACES, into=BINS, source=BINS, by=COUNTERS)
    def put_away(
        self, units: int, sku: str, at: str, into: str | None, source: str | None, by: Caller
    ) -> None:
        to = into or "A-10"
        line = (sku, units, to, source) if source else (sku, units, to)
        self.perform(self.whole.floor.put_away(line, at=at, by=by))

    @rule(delta=st.integers(-3, 3).filter(bool), sku=SKUS, at=PLACES)
    def adjust(self, delta: int, sku: str, at: str) -> None:
        self.perform(self.whole.shop.adjust(delta, sku, at))

    @rule(units=FEW, sku=SKUS, at=PLACES, start=STATES, end=STATES)
    def move(self, units: int, sku: str, at: str, start: str, end: str) -> None:
        self.perform(self.whole.shop.move(units, start, end, sku, at))

    @rule(target=FloorMachine.holds, units=FEW, sku=SKUS)
    def reserve(self, units: int, sku: str) -> Outcome:
        return self.perform(self.whole.shop.hold((sku, units), ttl_seconds=3_600))

    @rule(held=FloorMachine.holds)
    def give_back(self, held: Outcome) -> None:
        if held.refs:
            self.perform(self.whole.shop.release(held))

    @rule(at=PLACES, sku=SKUS)
    def ask_for_a_count(self, at: str, sku: str) -> None:
        self.perform(self.whole.counting.create(at, skus=(sku,)))

    @rule(by=COUNTERS, at=PLACES)
    def claim_counts(self, by: Caller, at: str) -> None:
        self.perform(self.whole.warehouse.claim("COUNT", at, by=by))

    @rule(by=COUNTERS, sku=SKUS, at=PLACES, units=st.integers(0, 6), in_bin=st.integers(0, 4))
    def count(self, by: Caller, sku: str, at: str, units: int, in_bin: int) -> None:
        """Record any numbers, as if they were there."""
        into = "A-2" if at == "LEEDS" else "Y-1"
        places: list[Place] = [(sku, units), *([(sku, in_bin, into)] if in_bin else [])]
        self.perform(self.whole.counting.record(*places, at=at, by=by))
        self.work(self.whole.counting.post_rest())

    @rule(by=COUNTERS, sku=SKUS, at=PLACES, off=st.integers(-1, 1))
    def count_nearly_right(self, by: Caller, sku: str, at: str, off: int) -> None:
        """Record what the books have, or one unit more or less."""
        known = self.work(self.whole.floor.bins(sku, at))
        first = next(iter(known), "")
        counted = {**known, first: max(0, known.get(first, 0) + off)}
        places = [(sku, units, code) if code else (sku, units) for code, units in counted.items()]
        self.perform(self.whole.counting.record(*places, at=at, by=by))
        self.work(self.whole.counting.post_rest())

    @rule(number=ANY, act=st.sampled_from(["approve", "recount", "cancel"]))
    def decide_count(self, number: int, act: str) -> None:
        found = self.find(
            "SELECT l.id, l.count_id FROM stock_count_line l JOIN stock_count c ON c.id ="
            " l.count_id WHERE l.status IN ('OPEN', 'RECOUNT', 'NEEDS_APPROVAL', 'POSTING')"
            " ORDER BY c.created_at, l.item_id"
        )
        if not found:
            return
        line = found[number % len(found)]
        if act == "cancel":
            count = Outcome({"count": str(line["count_id"])})
            self.perform(self.whole.counting.cancel(count))
        else:
            decide = getattr(self.whole.counting, act)
            self.perform(decide(line["id"], by=ADMIN))
        self.work(self.whole.counting.post_rest())
