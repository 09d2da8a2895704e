"""People who pack parcels, put units away and count them on real servers, at random."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

from tests.races.pause_gate import PauseGate
from tests.races.server_processes import RECEIVE, WAREHOUSE, Cluster, TradingClient
from tests.races.warehouse_load import PACK

SKUS = tuple(f"SHIRT-{number}" for number in range(8))
PUT_AWAY = "mutation($i: PutAwayInput!) { stockPutAway(input: $i) { userErrors { code } } }"
CREATE = """mutation($i: StockCountCreateInput!) { stockCountCreate(input: $i) {
  count { id } userErrors { code } } }"""
RECORD = """mutation($i: StockCountRecordInput!) { stockCountRecord(input: $i) {
  lines { id status } userErrors { code } } }"""
CANCEL = """mutation($id: ID!) { stockCountCancel(id: $id, note: "Not today.") {
  userErrors { code } } }"""
CLAIM = """mutation($queue: QueueKind!, $at: String!) {
  taskClaim(queue: $queue, locationCode: $at, limit: 3) {
    tasks { id subject { id } } userErrors { code } } }"""
RELEASE = "mutation($id: ID!) { taskRelease(id: $id) { userErrors { code } } }"
STEPS_PER_SECOND = 20


class FloorLoad:
    """Work on the queues PACK, PUTAWAY and COUNT of a location."""

    def __init__(self, cluster: Cluster, client: TradingClient, gate: PauseGate) -> None:
        self._cluster = cluster
        self._client = client
        self._gate = gate
        self._chance = random.Random(7)
        self._counts: list[str] = []
        self._held: list[str] = []
        self.at = client.own("LEEDS")
        self.bin = client.own("A-1")

    async def work(self, is_over: Callable[[], bool]) -> None:
        """Take random steps until the load is over; a step may be refused."""
        place = {"code": self.bin, "name": "Bin", "kind": "BIN", "parentCode": self.at}
        assert (await self._ask(WAREHOUSE, i=place))["userErrors"] == []
        steps = (self._receive, self._put_away, self._create, self._record, self._cancel)
        while not is_over():
            async with self._gate.step():
                await self._chance.choice((*steps, self._claim, self._claim, self._release))()
            await asyncio.sleep(1 / STEPS_PER_SECOND)

    async def _ask(self, query: str, **given: Any) -> Mapping[str, Any]:
        return await self._cluster.ask(query, given, at=self._chance.randrange(2))

    def _sku(self) -> str:
        return self._client.own(self._chance.choice(SKUS))

    async def _receive(self) -> None:
        line = {"sku": self._sku(), "quantity": self._chance.randint(1, 3)}
        await self._ask(RECEIVE, i={"locationCode": self.at, "reference": "PO-2", "lines": [line]})

    async def _put_away(self) -> None:
        line = {"sku": self._sku(), "quantity": self._chance.randint(1, 3), "binCode": self.bin}
        await self._ask(PUT_AWAY, i={"locationCode": self.at, "lines": [line]})

    async def _create(self) -> None:
        named = {"locationCode": self.at, "skus": [self._sku(), self._sku()]}
        made = (await self._ask(CREATE, i=named))["count"]
        self._counts += [made["id"]] if made else []

    async def _record(self) -> None:
        place = {"sku": self._sku(), "quantity": self._chance.randint(0, 6)}
        await self._ask(RECORD, i={"locationCode": self.at, "places": [place]})

    async def _cancel(self) -> None:
        if self._counts:
            await self._ask(CANCEL, id=self._counts.pop(0))

    async def _claim(self) -> None:
        """Claim tasks of a queue; parcels are packed at once, mostly."""
        queue = self._chance.choice(("PACK", "PACK", "PUTAWAY", "COUNT"))
        for task in (await self._ask(CLAIM, queue=queue, at=self.at))["tasks"]:
            if queue == "PACK" and self._chance.random() < 0.9:
                await self._ask(PACK, id=task["subject"]["id"])
            else:
                self._held.append(task["id"])

    async def _release(self) -> None:
        if self._held:
            await self._ask(RELEASE, id=self._held.pop(0))
