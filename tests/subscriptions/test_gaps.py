"""Readers that come and go, on several relays, while servers restart: nothing missing or twice.

RESTOW_LONG=1 runs for a minute instead of a few seconds.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import pytest

from domain.access import Role, holder
from domain.errors import RequestError
from models.migrations.runner import migrate
from models.queries.event_log import LoggedEvent
from models.sessions import DatabaseError
from subscriptions.live import Live
from tests import servers
from tests.conftest import session_directory
from tests.subscriptions.log import opened, until
from tests.subscriptions.test_log_under_load import check_causes, table_of, writing
from tests.subscriptions.writers import a_live, prepare

ADMIN = holder(Role.ADMIN, actor="root")
SECONDS = 60.0 if os.environ.get("RESTOW_LONG") == "1" else 5.0
READERS = 6
WRITERS = 3


@pytest.fixture
def own_servers() -> Iterator[tuple[servers.Server, servers.Server]]:
    """A PostgreSQL and a Redis of this test's own, to be stopped and started."""
    directory = session_directory()
    made = (
        servers.PostgresServer(directory / "postgres-gaps"),
        servers.RedisServer(directory / "redis-gaps"),
    )
    yield made
    for server in made:
        server.stop()


@asynccontextmanager
async def running(live: Live[Any]) -> AsyncIterator[Live[Any]]:
    """The live side of a process."""
    await live.start()
    try:
        yield live
    finally:
        await live.stop()


async def read(lives: list[Live[Any]], seed: int, got: list[LoggedEvent]) -> None:
    """Read, leave at random, resume behind the last cursor anywhere; until cancelled."""
    chance = random.Random(seed)
    while True:
        after = got[-1].cursor if got else "0"
        try:
            async with asyncio.timeout(chance.uniform(0.05, 1.5)):
                stream = chance.choice(lives).streams.events(ADMIN, after=after)
                async with aclosing(stream) as events:
                    async for event in events:
                        got.append(event)
        except (TimeoutError, DatabaseError, RequestError):
            await asyncio.sleep(chance.uniform(0, 0.1))


async def test_every_reader_has_the_whole_log_in_order(
    own_servers: tuple[servers.Server, servers.Server],
) -> None:
    postgres, redis = own_servers
    url, redis_url = postgres.start(), redis.start()
    await migrate(url)
    logs: list[list[LoggedEvent]] = [[] for _ in range(READERS)]
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened(url))
        await prepare(database)
        lives = [
            await stack.enter_async_context(running(a_live(database, redis_url))) for _ in range(2)
        ]
        async with asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(read(lives, seed, got)) for seed, got in enumerate(logs)]
            async with AsyncExitStack() as processes:
                for seed in range(WRITERS):
                    await processes.enter_async_context(writing(url, seed, redis_url))
                await until(lambda: all(logs), seconds=30)
                for server in (redis, postgres):
                    await asyncio.sleep(SECONDS / 3)
                    server.stop()
                    await asyncio.sleep(0.3)
                    server.start()
                before = len(logs[0])
                await until(lambda: len(logs[0]) > before + 20, seconds=30)
                await asyncio.sleep(SECONDS / 3)
            table: list[LoggedEvent] = []
            async with asyncio.timeout(30):
                while not table or any(len(got) < len(table) for got in logs):
                    await asyncio.sleep(0.5)
                    table = await table_of(database)
            for reader in readers:
                reader.cancel()
    assert [event.position for event in table] == list(range(1, len(table) + 1))
    for got in logs:
        assert got == table
    check_causes(table)
