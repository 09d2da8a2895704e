"""Tablets that scan each unit of their parcels, and send each batch of scans twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

from models.database.database import Database
from tests.races.floor.floor_client import LINES, SCAN, FloorClient
from tests.races.server_processes import Json
from tests.races.warehouse_load import WarehouseLoad

SKUS = ("TEE", "COAT", "HAT", "SCARF")
BATCH_MAX = 4
# A unit that a lost request of a tablet has counted; a key that is still in use.
ALLOWED = {"SCAN_MISMATCH", "IDEMPOTENCY_IN_PROGRESS"}


def baskets(parcels: int, units: int) -> list[Mapping[str, int]]:
    """The contents of all parcels, which have these units together, spread over the SKUs."""
    sizes = [units // parcels + (number < units % parcels) for number in range(parcels)]
    return [
        Counter(SKUS[(number + each) % len(SKUS)] for each in range(size))
        for number, size in enumerate(sizes)
    ]


class ScanLoad(WarehouseLoad):
    """A warehouse whose tablets scan. Each batch is sent twice, and some requests are dropped."""

    def __init__(
        self,
        client: FloorClient,
        database: Database,
        *,
        tablets: int,
        contents: list[Mapping[str, int]],
    ) -> None:
        super().__init__(client.cluster, client, database, tablets=tablets, parcels=len(contents))
        self.dropped = self.repeated = 0
        self._contents = contents

    def basket(self, number: int) -> Mapping[str, int]:
        return self._contents[number]

    async def finish(self, parcel: str, number: int, key: str) -> None:
        """Scan what is left of a parcel. Raises TimeoutError when the tablet fails."""
        while True:
            shown = await self.ask(LINES, {"id": parcel}, number, key)
            left = [
                line["sku"]
                for line in shown["lines"]
                for _ in range(line["quantity"] - line["picked"])
            ]
            if not left:
                assert shown["status"] == "PICKED"
                return
            batch = self.chance.sample(left, min(len(left), self.chance.randint(1, BATCH_MAX)))
            await self._send_twice(parcel, batch, number, key)

    async def _send_twice(self, parcel: str, batch: list[str], number: int, key: str) -> None:
        """Send a batch at two servers at once, and again until there is an answer."""
        scans = [{"code": sku, "fulfillmentId": parcel} for sku in batch]
        given = {"place": self.client.own("LEEDS"), "scans": scans}
        once = uuid4().hex
        answers: list[Json] = []
        while not answers:
            sent = (self._send(given, at, key, once) for at in (number, number + 1))
            answers = [each for each in await asyncio.gather(*sent) if each is not None]
        assert all(each["results"] == answers[0]["results"] for each in answers)
        self.repeated += sum(each["replayed"] for each in answers)

    async def _send(self, given: Mapping[str, Any], at: int, key: str, once: str) -> Json | None:
        """The answer to a batch; None if the connection was dropped, or the key is in use."""
        seconds = self.chance.uniform(0, 0.02) if self.chance.random() < 0.1 else None
        with suppress(TimeoutError):
            async with self.gate.step(), asyncio.timeout(seconds):
                answer = await self.cluster.ask(SCAN, given, at=at, by=key, key=once)
            codes = {each["code"] for each in answer["userErrors"]}
            assert codes <= ALLOWED, answer
            return None if "IDEMPOTENCY_IN_PROGRESS" in codes else answer
        self.dropped += 1
        return None
