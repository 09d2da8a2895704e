"""Connections are clean when lent, whatever happened to the previous user."""

import asyncio
from contextlib import AbstractAsyncContextManager

import pytest

from models.database.database import Database
from models.database.session_lock import SessionOver
from models.database.sessions import Session

# more than there are connections, so that each connection is used again
READS = 12
STEPS_MAX = 12


async def _count(session: Session) -> int:
    found: int = await session.fetch_value("SELECT COUNT(*) FROM supplier")
    return found


async def test_a_reader_that_was_cancelled_leaves_nothing_open(database: Database) -> None:
    async def read() -> None:
        async with database.snapshot() as session:
            await _count(session)

    # Cancelled at every step: waiting for the connection, beginning, reading, ending.
    for steps in range(STEPS_MAX):
        for _ in range(READS):
            task = asyncio.create_task(read())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
    async with database.writer() as session:
        await session.execute("INSERT INTO supplier (code, name) VALUES ('ACME', 'Acme')")
    for _ in range(READS):
        async with database.snapshot() as session:
            assert await _count(session) == 1
        async with database.reading() as session:
            assert await _count(session) == 1


async def test_two_reads_of_a_snapshot_where_one_is_cancelled(database: Database) -> None:
    for _ in range(READS):
        async with database.snapshot() as session:
            lost = asyncio.create_task(_count(session))
            await asyncio.sleep(0)
            lost.cancel()
            await asyncio.wait([lost])
            if database.engine == "sqlite":  # PostgreSQL aborts the whole snapshot
                assert await _count(session) == 0


@pytest.mark.parametrize("way", ["snapshot", "reading", "writer"])
async def test_a_read_that_outlives_its_session_affects_no_other(
    database: Database, way: str
) -> None:
    async def read_twice(session: Session) -> None:
        await _count(session)
        await _count(session)

    for steps in range(STEPS_MAX):
        left: list[asyncio.Task[None]] = []
        for _ in range(READS):
            opened: AbstractAsyncContextManager[Session] = getattr(database, way)()
            async with opened as session:
                left += [asyncio.create_task(read_twice(session)) for _ in range(3)]
                for _ in range(steps):
                    await asyncio.sleep(0)
            with pytest.raises(SessionOver):
                await _count(session)
            async with database.reading() as other:
                assert await _count(other) == 0
        ends = await asyncio.gather(*left, return_exceptions=True)
        assert {type(end) for end in ends} <= {type(None), SessionOver}
