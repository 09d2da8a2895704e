"""Rules of the floor machine about transfers between LEEDS and YORK."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.builders.warehouse import SUE
from tests.workflows.floor.machine import BINS, FEW, PLACES, SKUS, FloorMachine
from workflows.transactions.outcomes import Outcome

SOME = st.integers(0, 3)


class TransferRules(FloorMachine):
    """Transfers in both directions, in any order of their steps."""

    @rule(target=FloorMachine.transfers, units=FEW, sku=SKUS, origin=PLACES)
    def request(self, units: int, sku: str, origin: str) -> Outcome:
        to = "YORK" if origin == "LEEDS" else "LEEDS"
        return self.perform(self.whole.transfers.create((sku, units), origin=origin, to=to))

    @rule(transfer=FloorMachine.transfers, sku=SKUS, short=SOME)
    def send(self, transfer: Outcome, sku: str, short: int) -> None:
        if transfer.refs:
            lacking = [(sku, short)] if short else []
            self.perform(self.whole.transfers.ship(transfer, *lacking, by=SUE))

    @rule(
        transfer=FloorMachine.transfers,
        sku=SKUS,
        good=SOME,
        damaged=SOME,
        at=PLACES,
        into=BINS,
        complete=st.booleans(),
    )
    def unload(
        self,
        transfer: Outcome,
        sku: str,
        good: int,
        damaged: int,
        at: str,
        into: str | None,
        complete: bool,
    ) -> None:
        if transfer.refs:
            line = (sku, good, damaged, into)
            unload = self.whole.transfers.receive
            self.perform(unload(transfer, line, at=at, complete=complete, by=SUE))

    @rule(transfer=FloorMachine.transfers, sku=SKUS, units=st.integers(1, 2))
    def write_off(self, transfer: Outcome, sku: str, units: int) -> None:
        if transfer.refs:
            self.perform(self.whole.transfers.write_off(transfer, (sku, units), by=SUE))

    @rule(transfer=FloorMachine.transfers)
    def call_off(self, transfer: Outcome) -> None:
        if transfer.refs:
            self.perform(self.whole.transfers.cancel(transfer))
