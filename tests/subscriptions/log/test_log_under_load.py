"""The log with several writing processes, long and short transactions, and one process killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from pathlib import Path

import models.queries.events.event_log as event_log
from domain.access.callers import Role, holder
from models.database.database import Database
from models.queries.events.event_log import LoggedEvent
from tests.subscriptions.log.facts import opened, until
from tests.subscriptions.log.writers import a_live, prepare

ADMIN = holder(Role.ADMIN, actor="root")
EVENTS = 600


@asynccontextmanager
async def writing(
    url: str, seed: int, broadcast_url: str | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a writing process, killed at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.subscriptions.log.writers", url, str(seed), broadcast_url or
        url, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def table_of(database: Database) -> list[LoggedEvent]:
    """All events of the log."""
    async with database.reading() as session:
        return await event_log.events_after(session, 0, 1_000_000)


async def poll(database: Database, positions: list[int]) -> None:
    """Read the log continuously from the last known position."""
    last = 0
    while True:
        async with database.reading() as session:
            page = await event_log.events_after(session, last, 10_000)
        positions.extend(event.position for event in page)
        last = positions[-1] if positions else 0


async def test_no_gap_no_repeat_and_causes_come_first(postgres_url: str) -> None:
    async with opened(postgres_url) as database:
        await prepare(database)
        live = a_live(database, postgres_url)
        polled: list[int] = []
        streamed: list[LoggedEvent] = []

        async def follow() -> None:
            async with aclosing(live.streams.events(ADMIN, after="0")) as stream:
                async for event in stream:
                    streamed.append(event)

        readers = [asyncio.create_task(poll(database, polled))]
        async with writing(postgres_url, 1), writing(postgres_url, 2) as victim:
            # then one of the writers assigns the positions
            await until(lambda: len(polled) > 0, seconds=60)
            await live.start()
            readers.append(asyncio.create_task(follow()))
            async with writing(postgres_url, 3):
                await until(lambda: len(polled) > EVENTS / 2, seconds=60)
                victim.send_signal(signal.SIGKILL)
                await until(lambda: len(polled) > EVENTS, seconds=60)
        await _until_numbered(database)
        log = await table_of(database)
        await until(lambda: len(streamed) >= len(log) and len(polled) >= len(log))
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        await live.stop()
        async with database.reading() as session:
            within = await session.fetch_value("SELECT count(*) FROM numbered_within")
    assert within > 0
    assert [event.position for event in log] == list(range(1, len(log) + 1))
    assert polled == list(range(1, len(log) + 1))
    assert streamed == log
    check_causes(log)


async def _until_numbered(database: Database) -> None:
    async with asyncio.timeout(10):
        while True:
            async with database.reading() as session:
                if not await event_log.has_pending(session):
                    return
            await asyncio.sleep(0.05)


def check_causes(log: list[LoggedEvent]) -> None:
    """Assert that each event comes after all events that its transaction could see."""
    steps: dict[str, int] = {}
    is_behind_a_younger = 0
    for event in log:
        for chain, step in event.data["saw"].items():
            assert steps.get(chain, 0) >= step, event
        assert event.data["number"] == steps.get(event.subject_key, 0) + 1
        steps[event.subject_key] = event.data["number"]
    for before, behind in pairwise(log):
        is_behind_a_younger += behind.id < before.id
    assert is_behind_a_younger, "no transaction was long enough to be passed by another"
