"""A warehouse on real servers: orders arrive, tablets pick them, and some tablets fail."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from models.database.database import Database
from tests.builders.transactions import rows
from tests.races.pause_gate import PauseGate
from tests.races.server_processes import Cluster, TradingClient
from tests.subscriptions.log.facts import until

OPEN_MAX = 240  # more than a page of a snapshot
IDLE_CLAIMS_PER_SECOND = 25  # of all tablets together while they find no task
CLAIM = """mutation($at: String!, $limit: Int!) {
  taskClaim(queue: PICK, locationCode: $at, limit: $limit) {
    tasks { id subject { id } } userErrors { code } } }"""
PICK = """mutation($id: ID!) { fulfillmentPick(fulfillmentId: $id) {
  fulfillment { status } userErrors { code } } }"""
PACK = "mutation($id: ID!) { fulfillmentPack(fulfillmentId: $id) { userErrors { code } } }"
PACKED_AT_ONCE = 0.9  # the others are packed by people at the bench, or later


class WarehouseLoad:
    """Orders arrive while tablets pick them, and some tablets fail."""

    def __init__(
        self,
        cluster: Cluster,
        client: TradingClient,
        database: Database,
        *,
        tablets: int,
        parcels: int,
    ) -> None:
        self.cluster = cluster
        self.client = client
        self.parcels = parcels
        self.gate = PauseGate()
        self.placed = 0
        self.done: list[str] = []
        self.dead: list[str] = []
        self.is_over = False
        self._database = database
        self.chance = random.Random(50)
        self._tablets = 0
        self._idle_seconds = tablets / IDLE_CLAIMS_PER_SECOND

    async def take_orders(self) -> None:
        """Place all orders, 20 at a time, while the queue has room."""
        while self.placed < self.parcels:
            few = range(self.placed, min(self.placed + 20, self.parcels))
            async with self.gate.step():
                places = (self.client.place(self.basket(n), f"W-{n}", at=n) for n in few)
                self.placed += len(await asyncio.gather(*places))
            await until(lambda: self.placed - len(self.done) <= OPEN_MAX, seconds=120)

    def basket(self, number: int) -> Mapping[str, int]:
        """The units of the order with this number."""
        return {"TEE": 1}

    async def work(self) -> None:
        """Run a tablet; after a failure replace it by a new one with its own key."""
        while not self.is_over:
            self._tablets += 1
            number = self._tablets
            key = await self.cluster.a_key(number, "WAREHOUSE")
            try:
                await self._pick(number, key)
            except TimeoutError:
                self.dead.append(f"warehouse-{number}")

    async def _pick(self, number: int, key: str) -> None:
        """Claim and pick until all tasks are done. Raises TimeoutError when the tablet fails."""
        while not self.is_over:
            given = {"at": self.client.own("LEEDS"), "limit": 1 + number % 4}
            claimed = (await self.ask(CLAIM, given, number, key))["tasks"]
            if not claimed:
                await asyncio.sleep(self._idle_seconds)
            for task in claimed:
                if self.chance.random() < 0.01:
                    raise TimeoutError
                await self.finish(task["subject"]["id"], number, key)
                self.done.append(task["id"])
                if self.chance.random() < PACKED_AT_ONCE:
                    await self.ask(PACK, {"id": task["subject"]["id"]}, number, key)

    async def finish(self, parcel: str, number: int, key: str) -> None:
        """Pick a parcel. Raises TimeoutError when the tablet fails."""
        done = await self.ask(PICK, {"id": parcel}, number, key)
        assert done["userErrors"] == []

    async def ask(self, query: str, given: Mapping[str, Any], at: int, key: str) -> Any:
        """Send a request; the tablet may fail before the answer arrives."""
        seconds_left = self.chance.uniform(0, 0.02) if self.chance.random() < 0.02 else None
        async with self.gate.step(), asyncio.timeout(seconds_left):
            return await self.cluster.ask(query, given, at=at, by=key)

    async def sweep(self) -> None:
        """Expire the claims of failed tablets, until all tasks are done."""
        while not self.is_over:
            await asyncio.sleep(0.5)
            over = datetime.now(UTC) - timedelta(seconds=1)
            async with self._database.writer() as session:
                for actor in self.dead:
                    await session.execute(
                        "UPDATE task SET lease_until_at = $1"
                        " WHERE claimed_by = $2 AND status = 'CLAIMED' AND lease_until_at > $1",
                        over,
                        actor,
                    )
            if self.placed == self.parcels:
                live = await rows(
                    self._database,
                    "SELECT id FROM task WHERE status IN ('OPEN', 'CLAIMED') AND queue = 'PICK'",
                )
                self.is_over = not live
