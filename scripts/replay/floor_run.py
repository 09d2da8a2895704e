"""Replay in which every order goes over the warehouse floor: bins, scans, counts, transfers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any, Final

import scripts.replay.floor.documents as documents
import scripts.replay.floor.figures as figures
import scripts.replay.floor.plan as plan
import scripts.replay.return_documents as return_documents
from scripts.replay.client import ApiFailed
from scripts.replay.event_file import LONDON, Correction, Order
from scripts.replay.floor.counting import StockWork
from scripts.replay.floor.parcels import ParcelWork
from scripts.replay.floor.shelves import Shelves
from scripts.replay.floor.workers import FloorDone, Worker, hire
from scripts.replay.order_plan import CASE, WAREHOUSE, Week
from scripts.replay.order_run import Placed, Replay, Replayed

DRAIN_SECONDS: Final = 120.0


class FloorReplay(Replay):
    """Each day its orders are placed, picked, packed and dispatched, and levels are counted."""

    async def run(self) -> Replayed:
        """Replay the file, then read the figures of the floor."""
        self._since = datetime.now(UTC)
        self._shelves, self._floor = Shelves(), FloorDone()
        self._parcels = ParcelWork(self._shelves, self._floor)
        self._stock = StockWork(self._api, self._shelves, self._floor)
        self._delivered: set[str] = set()
        done = await super().run()
        done.parcels = self._floor.parcels
        done.floor = await figures.read(self._api, self._since, self._floor, self._shelves)
        return done

    async def _open(self) -> None:
        """Create the keys of the workers, and have labels bought when parcels are packed."""
        self._workers = await hire(self._api)
        self._approver = Worker(self._api, "approver")
        policy = {"input": plan.policy()}
        await self._api.mutate(return_documents.POLICY, policy, key="replay-floor-policy")

    def _locations(self) -> Sequence[Mapping[str, Any]]:
        return plan.location_inputs(super()._locations()[0])

    def _desk(self) -> str | None:
        return plan.DESK

    async def _deliver(self, week: Week, costs: Mapping[str, int]) -> None:
        """Receive the delivery in both locations, bring the reserve over, and put all away."""
        delivery = {**week.delivery}
        for sku, units in self._shelves.lost.items():
            delivery[sku] = delivery.get(sku, 0) + units
        self._shelves.lost.clear()
        for sku in delivery.keys() - self._delivered:
            delivery[sku] += CASE
        self._delivered |= delivery.keys()
        reserved = {sku: n for sku, n in delivery.items() if plan.is_from_reserve(sku)}
        direct = {sku: n for sku, n in delivery.items() if sku not in reserved}
        for location, received in ((WAREHOUSE, direct), (plan.RESERVE, reserved)):
            await self._receive(location, received, week, costs)
            for sku, units in received.items():
                self._shelves.add(sku, units, location)
        if reserved:
            await self._stock.transfer(reserved, f"WEEK-{week.starts_on}", self._workers[0])
        await self._all_workers(self._stock.put_away)

    async def _trade(self, week: Week) -> None:
        for day, orders, corrections in _days(week):
            await self._all_of(map(self._order, orders))
            await self._all_of(
                self._correct(each, f"{day}-{n}") for n, each in enumerate(corrections)
            )
            await self._ship_all()
            await self._stock.ask_for_counts(str(day))
            await self._stock.count(self._workers, self._approver)
        await self._drain()
        await self._stock.count(self._workers, self._approver)

    async def _send(self, order: Order, placed: Placed) -> None:
        """Leave the parcels of an order to the floor."""
        self._parcels.names[placed.id] = f"{order.channel}-{order.reference}"

    def _corrected(self, correction: Correction) -> None:
        self._shelves.add(correction.sku, correction.delta)

    async def _end_week(self) -> None:
        """Put the returned units away."""
        for sku, units in self._returns.done.restocked.items():
            self._shelves.add(sku, units)
        self._returns.done.restocked.clear()
        await self._all_workers(self._stock.put_away)

    async def _ship_all(self) -> None:
        for step in (self._parcels.pick, self._parcels.pack, self._parcels.ship):
            await self._all_workers(step)

    async def _all_workers(self, step: Callable[[Worker], Awaitable[int]]) -> None:
        """Let all workers repeat a step until each finds nothing more to do."""

        async def work(worker: Worker) -> None:
            while await step(worker):
                pass

        await self._all_of(map(work, self._workers))

    async def _drain(self) -> None:
        """Ship what is left: parcels of backordered units come when a job has allocated them."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while True:
            await self._ship_all()
            left = (await self._api.ask(documents.UNSHIPPED, {}))["orders"]["nodes"]
            if not left:
                break
            if time.monotonic() > deadline:
                raise ApiFailed(f"order {left[0]['number']} is still {left[0]['status']}")
            await asyncio.sleep(0.5)
        for reference, sold in self._sold.items():
            at = self._floor.shipped_at.get(sold.id)
            if at is not None:
                self._sold[reference] = replace(sold, shipped_at=at)


def _days(week: Week) -> Iterator[tuple[date, list[Order], list[Correction]]]:
    """The orders and the corrections of each day of a week."""
    events: list[Order | Correction] = [*week.orders, *week.corrections]

    def day(event: Order | Correction) -> date:
        at = event.placed_at if isinstance(event, Order) else event.at
        return at.astimezone(LONDON).date()

    for each, found in groupby(sorted(events, key=day), key=day):
        of_day = list(found)
        orders = [event for event in of_day if isinstance(event, Order)]
        yield each, orders, [event for event in of_day if isinstance(event, Correction)]
