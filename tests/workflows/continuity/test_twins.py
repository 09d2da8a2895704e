"""Nothing is left of measures: a shop that had some ends as its twin that never had any.

Both shops see the same receipts, holds, orders and cancellations. One starts and ends runs of the
measures of stock and parcels between them. In the end all runs are over, the same large receipt
serves every backorder in both, and their units, orders, holds and availability are compared.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.database.database import Database
from tests.builders.store import open_shop
from tests.builders.transactions import rows
from tests.databases import Databases
from tests.workflows.continuity.playbooks import Playbooks
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
SKUS = ("TEE-S", "TEE-M")
PLACES = ("LEEDS", "YORK")
CHANNELS = ("web", "market")
MEASURES: dict[str, dict[str, Any]] = {
    "BUFFER": {"BUFFER": 3},
    "STOP": {"STOP_SALE": True},
    "TAKE": {"QUARANTINE": True},
    "HOLD": {"HOLD_PARCELS": True},
    "CAP": {"CAP_LOCATION": 1},
    "LATE": {"DELAY_PROMISES": 2},
    "RECALL": {"STOP_SALE": True, "QUARANTINE": True, "HOLD_PARCELS": True},
}
PLENTY = 500
# Sums over the locations: where an order is served may differ while a measure holds.
UNITS = (
    "SELECT i.sku, SUM(s.available) AS available, SUM(s.held) AS held,"
    " SUM(s.allocated) AS allocated, SUM(s.quarantine) AS quarantine"
    " FROM stock_level s JOIN item i ON i.id = s.item_id GROUP BY i.sku ORDER BY i.sku"
)
LINES = (
    "SELECT o.external_reference, o.status, l.backordered, l.allocated, l.cancelled"
    " FROM order_line l JOIN sales_order o ON o.id = l.order_id ORDER BY o.external_reference"
)
HELD = "SELECT COUNT(*) AS number FROM fulfillment WHERE status = 'ON_HOLD'"


Step = tuple[Any, ...]
_SKU, _UNITS, _WHICH = st.sampled_from(SKUS), st.integers(1, 6), st.integers(0, 99)
TRADE = st.one_of(
    st.tuples(st.just("receive"), _SKU, st.sampled_from(PLACES), _UNITS),
    st.tuples(st.just("place"), _SKU, st.sampled_from(CHANNELS), _UNITS),
    st.tuples(st.just("cancel"), _WHICH),
    st.tuples(st.just("hold"), _SKU, _UNITS),
)
PLAYED = st.one_of(
    st.tuples(st.just("start"), st.sampled_from(sorted(MEASURES)), _SKU, st.booleans()),
    st.tuples(st.just("end"), _WHICH, st.booleans()),
)


@dataclass
class World:
    """A shop that follows a script; `is_measured`: its playbooks, too."""

    playbooks: Playbooks
    is_measured: bool
    orders: list[Outcome] = field(default_factory=list)
    runs: list[Outcome] = field(default_factory=list)
    placed: int = 0

    async def follow(self, step: Step) -> None:
        kind, *facts = step
        if kind in ("start", "end"):
            if self.is_measured:
                await (self._start(*facts) if kind == "start" else self._end(*facts))
            return
        shop = self.playbooks.shop
        if kind == "receive":
            sku, place, units = facts
            assert not (await shop.receive(units, sku, place)).refusals
        elif kind == "place":
            sku, channel, units = facts
            self.placed += 1
            reference = f"W-{self.placed}"
            order = await shop.place(
                (sku, units), channel=channel, reference=reference, backorder=True
            )
            assert not order.refusals
            self.orders.append(order)
        elif kind == "cancel" and self.orders:
            order = self.orders.pop(facts[0] % len(self.orders))
            assert not (await shop.cancel(order)).refusals
        elif kind == "hold":
            held = await shop.hold((facts[0], facts[1]))
            if not held.refusals:
                assert not (await shop.release(held)).refusals

    async def _start(self, name: str, sku: str, moves: bool) -> None:
        named: dict[str, Any] = {"skus": (sku,)}
        if name in ("CAP", "LATE"):
            named = {"locations": ("LEEDS",)}
        run = await self.playbooks.start(name, **named)
        assert not run.refusals, run.refusals
        self.runs.append(run)
        if moves:
            await self.playbooks.move()

    async def _end(self, which: int, moves: bool) -> None:
        if self.runs:
            run = self.runs.pop(which % len(self.runs))
            assert not (await self.playbooks.end(run)).refusals
        if moves:
            await self.playbooks.move()

    async def state(self) -> tuple[Any, ...]:
        """The state after all runs have ended and every backorder was served."""
        while self.runs:
            await self._end(0, moves=False)
        await self.playbooks.move()
        shop, database = self.playbooks.shop, self.playbooks.database
        for sku in SKUS:
            assert not (await shop.receive(PLENTY, sku)).refusals
        await self.playbooks.serve()
        assert await reconcile(database) == []
        promised = [await shop.atp(sku, channel) for sku in SKUS for channel in CHANNELS]
        return (promised, *[await rows(database, sql) for sql in (UNITS, LINES, HELD)])


async def state_after(fresh: Databases, script: list[Step], *, is_measured: bool) -> Any:
    """The last state of a shop that followed this script."""
    database = Database(fresh())
    await database.open()
    try:
        playbooks = Playbooks(await open_shop(database))
        for sku in SKUS:
            await playbooks.shop.receive(8, sku)
            await playbooks.shop.receive(4, sku, "YORK")
        await playbooks.publish_all(MEASURES)
        world = World(playbooks, is_measured)
        for step in script:
            await world.follow(step)
        return await world.state()
    finally:
        await database.close()
        fresh.give_back(database.url)


def test_both_worlds_end_alike(fresh_database: Databases) -> None:
    @settings(
        max_examples=200 if IS_LONG else 5,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.one_of(TRADE, PLAYED), min_size=6, max_size=40 if IS_LONG else 16))
    def alike(script: list[Step]) -> None:
        measured, plain = (
            asyncio.run(state_after(fresh_database, script, is_measured=each))
            for each in (True, False)
        )
        assert measured == plain

    alike()
