"""Readers that connect, leave and resume on several servers while Redis and PostgreSQL restart.

Every reader receives the complete log. RESTOW_LONG=1 runs for a minute instead of five seconds.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.exceptions import WebSocketException

from models.database.database import Database
from models.migrations.runner import migrate
from models.queries.events.event_log import LoggedEvent
from tests import servers
from tests.conftest import session_directory
from tests.races.server_processes import Cluster
from tests.races.sockets import Refused, subscribed
from tests.subscriptions.log.facts import note, opened, transactions, until
from tests.subscriptions.log.test_log_under_load import check_causes, table_of, writing
from tests.subscriptions.log.writers import prepare
from workflows.transactions.transaction import Transaction

SECONDS = 60.0 if os.environ.get("RESTOW_LONG") == "1" else 5.0
READERS = 6
WRITERS = 3
PROCESSES = 2
EVENTS = """subscription ($after: String) { events(after: $after) {
  cursor id type occurredAt actor subject subjectVersion data } }"""
# Errors that a reader may receive while the database is down, or if it read too slowly.
PASSING = ("UNAVAILABLE", "RATE_LIMITED")

Json = dict[str, Any]


@pytest.fixture
def own_servers() -> Iterator[tuple[servers.Server, servers.Server]]:
    """A PostgreSQL and a Redis of this test's own, which it may stop and start."""
    directory = session_directory()
    made = (
        servers.PostgresServer(directory / "postgres-gaps"),
        servers.RedisServer(directory / "redis-gaps"),
    )
    yield made
    for server in made:
        server.stop()


class Reader:
    """Reads, disconnects at random with or without a close frame, and resumes on any server."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.got: list[Json] = []
        self.visits = 0
        self._cluster = cluster
        self._chance = random.Random(seed)

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._chance.uniform(0.05, 2.0)):
                    await self._visit()
            except (TimeoutError, OSError, WebSocketException):
                await asyncio.sleep(self._chance.uniform(0, 0.1))
            except Refused as refused:
                if refused.code not in PASSING:
                    raise
                await asyncio.sleep(0.1)

    async def _visit(self) -> None:
        after = self.got[-1]["cursor"] if self.got else "0"
        port = self._chance.choice(self._cluster.ports)
        is_abrupt = self._chance.random() < 0.5
        async with subscribed(port, EVENTS, after=after) as stream:
            self.visits += 1
            try:
                while True:
                    self.got.append(await stream.next())
            finally:
                if is_abrupt:
                    stream.drop()


async def write_for_long(
    database: Database, has_written: asyncio.Event, is_enough: asyncio.Event
) -> None:
    """Write an event early in a transaction that commits after many later transactions."""

    async def work(tx: Transaction) -> None:
        note(tx, 1, subject=("Item", 999), data={"saw": {}})
        tx.outbox.add_rows()
        await tx.flush()
        tx.outbox.events.clear()
        has_written.set()
        await is_enough.wait()

    await transactions(database).run(work)


async def test_every_reader_has_the_whole_log_in_order(
    own_servers: tuple[servers.Server, servers.Server], report_figure: Callable[[str], None]
) -> None:
    postgres, redis = own_servers
    url, redis_url = postgres.start(), redis.start()
    await migrate(url)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened(url))
        await prepare(database)
        cluster = await stack.enter_async_context(
            Cluster(url, processes=PROCESSES, broadcast=redis_url)
        )
        readers = [Reader(cluster, seed) for seed in range(READERS)]
        first = readers[0].got
        async with asyncio.TaskGroup() as tasks:
            reading = [tasks.create_task(reader.run()) for reader in readers]
            async with AsyncExitStack() as processes:
                for seed in range(WRITERS):
                    await processes.enter_async_context(writing(url, seed, redis_url))
                await until(lambda: all(reader.got for reader in readers), seconds=30)
                has_written, is_enough = asyncio.Event(), asyncio.Event()
                long = tasks.create_task(write_for_long(database, has_written, is_enough))
                await has_written.wait()
                earlier = len(first)
                await asyncio.sleep(SECONDS / 3)
                # Also on a slow machine, other transactions must pass the long one.
                await until(lambda: len(first) > earlier + 20, seconds=30)
                await _restart(redis)
                is_enough.set()
                await long
                await asyncio.sleep(SECONDS / 3)
                await _restart(postgres)
                before = len(first)
                await until(lambda: len(first) > before + 20, seconds=30)
                await asyncio.sleep(SECONDS / 3)
            table: list[LoggedEvent] = []
            async with asyncio.timeout(60):
                while not table or any(len(reader.got) < len(table) for reader in readers):
                    await asyncio.sleep(0.5)
                    table = await table_of(database)
            for task in reading:
                task.cancel()
    assert [event.position for event in table] == list(range(1, len(table) + 1))
    for reader in readers:
        assert [each["cursor"] for each in reader.got] == [event.cursor for event in table]
        assert all(_equals(event, each) for event, each in zip(table, reader.got, strict=True))
        assert reader.got == first
    check_causes([event for event in table if "saw" in event.data])
    visits = sum(reader.visits for reader in readers)
    report_figure(
        f"gaps: {len(table)} facts, each once in {READERS} logs, in {visits} visits to {PROCESSES}"
    )


async def _restart(server: servers.Server) -> None:
    server.stop()
    await asyncio.sleep(0.3)
    server.start()


def _equals(event: LoggedEvent, received: Json) -> bool:
    """True if what the reader received equals this event."""
    return (received["type"], received["actor"], received["subjectVersion"], received["data"]) == (
        event.type,
        event.actor,
        event.subject_version,
        dict(event.data),
    )
