"""Deliveries to a warehouse, many readers of its events, and the delay of these events."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.races.readers import Reader, Run
from tests.races.server_processes import RECEIVE, Cluster, TradingClient
from tests.races.sockets import Subscription, subscribed
from tests.subscriptions.log.facts import until

SKUS = 100  # events of a round that the readers do not subscribe to
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
WIDE = "so_that_a_stalled_client_has_soon_taken_all_it_can_hold"
READ = """subscription ($after: String) { events(types: ["stock.changed"], after: $after) {
  cursor occurredAt } }"""
EXACT = f"""subscription ($after: String) {{ events(types: ["stock.changed"], after: $after) {{
  cursor {" ".join(f"{WIDE}_{n}: type" for n in range(60))} }} }}"""
FOLDED = f"""subscription ($after: String) {{ stockChanged(after: $after) {{
  cursor level {{ id available {" ".join(f"{WIDE}_{n}: held" for n in range(60))} }} }} }}"""


class SlowReaderLoad:
    """A server, its readers, and the deliveries whose events they receive."""

    def __init__(self, cluster: Cluster, client: TradingClient, *, readers: int) -> None:
        self.cluster = cluster
        self.client = client
        self.readers = [Reader() for _ in range(readers)]
        self.resident_most = 0
        self._delivered = 0

    @asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        """Let all readers subscribe to LEEDS, with an API key of their own.

        Two more readers use the documents of the stalled clients, so that every run executes them.
        """
        key = await self.cluster.a_key(1, "WAREHOUSE", locations=[self.client.own("LEEDS")])
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(_cancelled_at_the_end())
            for reader in self.readers:
                stream = await stack.enter_async_context(
                    subscribed(self.cluster.ports[0], READ, key, after="0")
                )
                tasks.append(asyncio.create_task(reader.run(stream)))
            for document in (EXACT, FOLDED):
                stream = await stack.enter_async_context(
                    subscribed(self.cluster.ports[0], document, after="0")
                )
                tasks.append(asyncio.create_task(_drain(stream)))
            await self._all_received()
            yield

    async def run(self, rounds: int, pause: float) -> Run:
        """Deliver to LEEDS, for all readers, and in larger amounts to YORK;

        `pause` is in seconds.
        """
        for reader in self.readers:
            reader.seconds = []
        for _ in range(rounds):
            await self._deliver("YORK", SKUS)
            await self._deliver("LEEDS", 1)
            self.resident_most = max(self.resident_most, self.resident())
            await asyncio.sleep(pause)
        self._delivered += rounds
        await self._all_received()
        return Run([second for reader in self.readers for second in reader.seconds])

    async def _all_received(self) -> None:
        count = SKUS + self._delivered  # the first stock, and the deliveries since
        await until(lambda: all(len(r.cursors) == count for r in self.readers), seconds=120)

    async def _deliver(self, place: str, skus: int) -> None:
        lines = [{"sku": self.client.own(f"S{n}"), "quantity": 1} for n in range(skus)]
        given = {"locationCode": self.client.own(place), "reference": "PO", "lines": lines}
        assert (await self.cluster.ask(RECEIVE, {"i": given}))["userErrors"] == []

    def resident(self) -> int:
        """Resident memory of the server in bytes; 0 if the system does not report it."""
        statistics = Path(f"/proc/{self.cluster.pids()[0]}/statm")
        return int(statistics.read_text().split()[1]) * PAGE_BYTES if statistics.exists() else 0


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
