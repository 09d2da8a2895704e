"""One SKU is scanned, put away, counted, bought and transferred at once, at two servers.

Each unit stays in one place, nothing deadlocks, and streams show what a query shows.
RESTOW_LONG=1 runs 40 times as many operations.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from models.database.database import Database
from tests.builders.transactions import rows
from tests.races.floor.floor_client import (
    ARRIVE,
    CANCEL,
    PUT_AWAY,
    RECORD,
    SCAN,
    SEND,
    SHIP,
    SHIP_TRANSFER,
    FloorClient,
    differences,
    until_rows,
)
from tests.races.server_processes import Json
from tests.races.sockets import Subscription, subscribed

TURNS = 200 if os.environ.get("RESTOW_LONG") == "1" else 5  # of each worker
WORKERS = 2  # of each kind
RECEIVED = 40 * WORKERS * TURNS
BINS = ("A-1", "A-2", "A-3")
# Another worker was faster, or the units are not where this one looked for them.
ALLOWED = {
    "INSUFFICIENT_STOCK",
    "SCAN_MISMATCH",
    "ILLEGAL_TRANSITION",
    "TASK_NOT_CLAIMED",
    "INVALID",
}
_LEVEL = """id available held allocated quarantine picked missing unbinned incoming
  item { sku } location { code }"""
STREAM = f"""subscription($skus: [String!]) {{
  stockChanged(skus: $skus, snapshot: true) {{ level {{ {_LEVEL} }} }} }}"""
# Units on hand beyond those that were received.
ON_HAND = """SELECT
  (SELECT COALESCE(SUM(variance), 0) FROM stock_count_line WHERE status = 'POSTED')
  + (SELECT COALESCE(SUM(extra - in_transit - lost), 0) FROM transfer_line)
  - (SELECT COALESCE(SUM(l.quantity), 0) FROM fulfillment_line l
     JOIN fulfillment f ON f.id = l.fulfillment_id WHERE f.status = 'SHIPPED') AS units"""
ALL_DONE = """SELECT 1 AS is_done WHERE NOT EXISTS (SELECT 1 FROM unbooked_pick)
  AND NOT EXISTS (SELECT 1 FROM stock_count_line WHERE status = 'POSTING')"""


class Workers:
    """Workers of each kind on one SKU, and the codes of their refusals."""

    def __init__(self, client: FloorClient) -> None:
        self.client = client
        self.refused: Counter[str] = Counter()
        self.done = 0
        self._chance = random.Random(50)
        self._sku = client.own("TEE")

    async def run(self) -> None:
        """Let all workers do their turns at once."""
        kinds: list[Callable[[str, int], Awaitable[None]]] = [
            self.scan, self.put_away, self.count, self.buy, self.send,
        ]  # fmt: skip
        await asyncio.gather(
            *(
                self._turns(partial(kind, f"{kind.__name__}-{number}"), number)
                for kind in kinds
                for number in range(WORKERS)
            )
        )

    async def _turns(self, work: Callable[[int], Awaitable[None]], number: int) -> None:
        for turn in range(TURNS):
            await work(number + turn)

    async def _do(self, query: str, at: int, **variables: Any) -> Json | None:
        """The payload, or None if the request was refused."""
        payload = await self.client.do(query, at=at, **variables)
        codes = [each["code"] for each in payload["userErrors"]]
        assert set(codes) <= ALLOWED, payload
        self.refused.update(codes)
        if codes:
            return None
        self.done += 1
        return payload

    def _place(self) -> str:
        return self.client.own(self._chance.choice(("LEEDS", "YORK")))

    async def scan(self, name: str, at: int) -> None:
        """Order, scan the units one by one at both servers, then ship or cancel."""
        placed = await self.client.order({"TEE": 3}, f"{name}-{at}", at=at)
        if placed["userErrors"]:
            return
        order = placed["order"]
        for parcel in order["fulfillments"]:
            place = parcel["location"]["code"]
            scan = {"code": self._sku, "fulfillmentId": parcel["id"]}
            if place == self.client.own("LEEDS"):
                scan["binCode"] = self._chance.choice(BINS)
            given = {"place": place, "scans": [scan]}
            await asyncio.gather(*(self._do(SCAN, at + n, **given) for n in range(4)))
        if self._chance.random() < 0.3:
            await self._do(CANCEL, at, id=order["id"])
            return
        for parcel in order["fulfillments"]:
            given = {"fulfillmentId": parcel["id"], "carrier": "DHL", "trackingNumber": name}
            await self._do(SHIP, at + 1, i=given)

    async def put_away(self, name: str, at: int) -> None:
        """Put units into a bin, from the unbinned ones or from another bin."""
        into, source = self._chance.sample(BINS, 2)
        line: Json = {"sku": self._sku, "quantity": self._chance.randint(1, 4), "binCode": into}
        if self._chance.random() < 0.5:
            line["fromBinCode"] = source
        given = {"locationCode": self.client.own("LEEDS"), "lines": [line]}
        await self._do(PUT_AWAY, at, i=given)

    async def count(self, name: str, at: int) -> None:
        """Record two units fewer than a reader has seen on the shelf."""
        levels = await self.client.levels("TEE", at=at)
        level = self._chance.choice(list(levels.values()))
        shelf = level["available"] + level["held"] + level["allocated"] - level["picked"]
        place = {"sku": self._sku, "quantity": max(0, shelf - self._chance.randint(0, 2))}
        given = {"locationCode": level["location"]["code"], "places": [place]}
        await self._do(RECORD, at, i=given)

    async def buy(self, name: str, at: int) -> None:
        """Hold units, and order them."""
        held = await self.client.hold({"TEE": 2}, at=at)
        if held["userErrors"]:
            return
        hold = held["reservation"]["id"]
        placed = await self.client.place({"TEE": 2}, f"{name}-{at}", at=at + 1, hold=hold)
        self.refused.update(each["code"] for each in placed["userErrors"])

    async def send(self, name: str, at: int) -> None:
        """Send units to the other location, and receive them at two desks."""
        origin, destination = self._chance.sample(("LEEDS", "YORK"), 2)
        units = {"sku": self._sku, "quantity": self._chance.randint(1, 3)}
        ends = {
            "originCode": self.client.own(origin),
            "destinationCode": self.client.own(destination),
        }
        created = await self._do(SEND, at, i={**ends, "lines": [units]})
        if created is None:
            return
        transfer = created["transfer"]["id"]
        if await self._do(SHIP_TRANSFER, at + 1, i={"transferId": transfer}) is None:
            return
        given = {"transferId": transfer, "locationCode": self.client.own(destination)}
        one = {**given, "lines": [{**units, "quantity": 1}]}
        await asyncio.gather(*(self._do(ARRIVE, at + desk, i=one) for desk in range(2)))


@asynccontextmanager
async def stock_screen(client: FloorClient, at: int) -> AsyncIterator[dict[str, Json]]:
    """The levels of the SKU as a stream of this server shows them."""
    shown: dict[str, Json] = {}

    async def follow(stream: Subscription) -> None:
        while True:
            level = (await stream.next())["level"]
            shown[f"{level['location']['code']} {level['item']['sku']}"] = level

    port = client.cluster.ports[at % len(client.cluster.ports)]
    async with subscribed(port, STREAM, skus=[client.own("TEE")]) as stream:
        following = asyncio.create_task(follow(stream))
        yield shown
        following.cancel()


async def test_one_sku_in_all_hands_at_once(
    client: FloorClient, database: Database, report_figure: Callable[[str], None]
) -> None:
    await client.furnish(["TEE"], {"LEEDS": RECEIVED, "YORK": RECEIVED})
    await client.believe_counts()
    await client.bins("LEEDS", *BINS)
    workers = Workers(client)
    async with stock_screen(client, 0) as first, stock_screen(client, 1) as second:
        await workers.run()
        await until_rows(database, ALL_DONE)
        async with asyncio.timeout(60):
            truth = await client.levels("TEE")
            while first != truth or second != truth:
                await asyncio.sleep(0.05)
                truth = await client.levels("TEE")
    states = ("available", "held", "allocated", "quarantine")
    [more] = await rows(database, ON_HAND)
    on_hand = sum(level[each] for level in truth.values() for each in states)
    assert on_hand == 2 * RECEIVED + more["units"]
    assert await differences(database) == []
    report_figure(f"hot SKU: {workers.done} operations done, refused {dict(workers.refused)}")
