"""Clients that take nothing among many that do: folded or ended, and nobody else loses anything.

RESTOW_LONG=1: 480 that read and 20 that do not. Whether those who read are slower is told, and
asserted by nobody: a run with those who do not stands between two without them.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from websockets.exceptions import WebSocketException

from models.database import Database
from schema.types.node import encode
from tests.builders.transactions import rows
from tests.races.house import RECEIVE, House, Stall
from tests.races.sockets import Refused, Subscription, narrow, subscribed
from tests.subscriptions.log import opened, until

READERS, STALLED, ROUNDS, SECONDS = (
    (480, 20, 24, 0.25) if os.environ.get("RESTOW_LONG") == "1" else (20, 4, 12, 0.05)
)
SKUS = 100  # facts of a round that only the stalled ones asked for
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
GROWTH_MAX = 100 * 2**20
FAT = " ".join(f"d{number}: data" for number in range(60))
READ = """subscription ($after: String) { events(types: ["stock.changed"], after: $after) {
  cursor occurredAt } }"""
EXACT = f"""subscription ($after: String) {{ events(types: ["stock.changed"], after: $after) {{
  cursor {FAT} }} }}"""
FOLDED = """subscription ($after: String) { stockChanged(after: $after) {
  cursor level { id available onHand held item { sku name } location { code name } } } }"""
CHANGES = """SELECT p.position, e.subject_key, l.code AS location
FROM event e JOIN event_position p ON p.event_id = e.id JOIN location l ON l.id = e.location_id
WHERE e.type = 'stock.changed' ORDER BY p.position"""
LEVELS = "SELECT id, available FROM stock_level"


@dataclass(slots=True)
class Reader:
    """One that reads, and how late what it reads is."""

    cursors: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    async def run(self, stream: Subscription) -> None:
        """Until cancelled."""
        while True:
            event = await stream.next()
            occurred = datetime.fromisoformat(event["occurredAt"])
            self.cursors.append(event["cursor"])
            self.seconds.append(time.time() - occurred.timestamp())


@dataclass(slots=True)
class Run:
    """What those who read met in one run."""

    seconds: list[float]

    @property
    def median(self) -> float:
        """Of half of what came, the lag was below it."""
        return statistics.median(self.seconds)

    @property
    def late(self) -> float:
        """Of 99 in 100."""
        return statistics.quantiles(self.seconds, n=100)[98]


class Yard:
    """One server, those who read at it, and the deliveries that they hear of."""

    def __init__(self, house: House, stall: Stall, database: Database) -> None:
        self.house = house
        self.stall = stall
        self.database = database
        self.readers = [Reader() for _ in range(READERS)]
        self.resident_most = 0
        self._delivered = 0

    @asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        """All of them read what happens at LEEDS, with a key of their own.

        Two more read what the stalled ones will ask for, so that it is executed in every run.
        """
        key = await self.house.a_key(1, "WAREHOUSE", locations=[self.stall.own("LEEDS")])
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(_cancelled_at_the_end())
            for reader in self.readers:
                stream = await stack.enter_async_context(
                    subscribed(self.house.ports[0], READ, key, after="0")
                )
                tasks.append(asyncio.create_task(reader.run(stream)))
            for document in (EXACT, FOLDED):
                stream = await stack.enter_async_context(
                    subscribed(self.house.ports[0], document, after="0")
                )
                tasks.append(asyncio.create_task(_drain(stream)))
            await self._heard()
            yield

    async def run(self) -> Run:
        """Deliveries to LEEDS, which all hear of, beside large ones to YORK."""
        for reader in self.readers:
            reader.seconds = []
        for _ in range(ROUNDS):
            await self._deliver("YORK", SKUS)
            await self._deliver("LEEDS", 1)
            self.resident_most = max(self.resident_most, self.resident())
            await asyncio.sleep(SECONDS)
        self._delivered += ROUNDS
        await self._heard()
        return Run([second for reader in self.readers for second in reader.seconds])

    async def _heard(self) -> None:
        count = SKUS + self._delivered  # the first stock, and what came since
        await until(lambda: all(len(r.cursors) == count for r in self.readers), seconds=120)

    async def _deliver(self, place: str, skus: int) -> None:
        lines = [{"sku": self.stall.own(f"S{n}"), "quantity": 1} for n in range(skus)]
        given = {"locationCode": self.stall.own(place), "reference": "PO", "lines": lines}
        assert (await self.house.ask(RECEIVE, {"i": given}))["userErrors"] == []

    def resident(self) -> int:
        """Bytes of memory that the server has; 0 where the system does not say."""
        told = Path(f"/proc/{self.house.pids()[0]}/statm")
        return int(told.read_text().split()[1]) * PAGE_BYTES if told.exists() else 0


@asynccontextmanager
async def _cancelled_at_the_end() -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks: list[asyncio.Task[None]] = []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _drain(stream: Subscription) -> None:
    while True:
        await stream.next()


async def read_on(stream: Subscription, cursors: list[str], last: str) -> str:
    """Read what was left for a client, up to a cursor; how its stream went on."""
    try:
        while not cursors or cursors[-1] != last:
            async with asyncio.timeout(60):
                cursors.append((await stream.next())["cursor"])
    except Refused as refused:
        told = refused.details
        is_told = (refused.code, told.get("cursor")) == ("RATE_LIMITED", cursors[-1])
        return "closed with its cursor" if is_told else str(refused)
    except WebSocketException:
        return "given up"
    return "kept"


async def check_exact(port: int, streams: list[Subscription], log: list[str]) -> list[str]:
    """Each was ended, and goes on behind what it had: in all it has every fact once."""
    ways = []
    for stream in streams:
        cursors: list[str] = []
        ways.append(await read_on(stream, cursors, log[-1]))
        assert ways[-1] in ("closed with its cursor", "given up")
        async with subscribed(port, EXACT, after=cursors[-1]) as again:
            assert await read_on(again, cursors, log[-1]) == "kept"
        assert cursors == log
    return ways


async def check_folded(streams: list[Subscription], truth: dict[str, int], most: int) -> list[str]:
    """Each is told less than happened, and the latest of every level."""
    ways = []
    for stream in streams:
        shown: dict[str, int] = {}
        counted = 0
        try:
            while shown != truth:
                async with asyncio.timeout(60):
                    level = (await stream.next())["level"]
                shown[level["id"]] = level["available"]
                counted += 1
            ways.append("folded")
        except WebSocketException:
            ways.append("given up")
        assert 0 < counted < most
    return ways


async def test_those_who_take_nothing_harm_nobody(
    postgres_url: str, tell: Callable[[str], None]
) -> None:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened(postgres_url))
        house = await stack.enter_async_context(House(postgres_url))
        port = house.ports[0]
        stall = Stall(house, "yard")
        await stall.furnish([f"S{n}" for n in range(SKUS)], {"LEEDS": 1, "YORK": 1})
        yard = Yard(house, stall, database)
        await stack.enter_async_context(yard.read())
        before, resident = await yard.run(), yard.resident()
        start = (await rows(database, CHANGES))[-1]["position"]
        stalled = [
            await stack.enter_async_context(
                subscribed(port, document, sock=narrow(port), after=str(start))
            )
            for document in (EXACT, FOLDED)
            for _ in range(STALLED // 2)
        ]
        yard.resident_most = 0
        during = await yard.run()
        grown = yard.resident_most - resident
        changes = await rows(database, CHANGES)
        leeds = [str(row["position"]) for row in changes if row["location"] == stall.own("LEEDS")]
        assert all(reader.cursors == leeds for reader in yard.readers)
        missed = [row for row in changes if row["position"] > start]
        changed = {row["subject_key"] for row in missed}
        truth = {
            str(encode("StockLevel", row["id"])): row["available"]
            for row in await rows(database, LEVELS)
            if str(row["id"]) in changed
        }
        log = [str(row["position"]) for row in missed]
        ways = Counter(await check_exact(port, stalled[: STALLED // 2], log))
        ways.update(await check_folded(stalled[STALLED // 2 :], truth, len(log)))
        after = await yard.run()
    assert grown < GROWTH_MAX
    lags = [f"{run.median * 1e3:.0f}/{run.late * 1e3:.0f}" for run in (before, during, after)]
    tell(
        f"slow clients: {READERS} readers lost nothing; lag p50/p99 {lags[1]} ms, without the"
        f" {STALLED} stalled {lags[0]} before and {lags[2]} after; {grown / 2**20:.0f} MB more at"
        f" {resident / 2**20:.0f}; of {len(log)} facts the stalled were {dict(ways)}"
    )
