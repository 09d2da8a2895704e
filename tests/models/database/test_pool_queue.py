"""Queue for connections: served in order, despite cancelled waiters and broken connections."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from models.database.database import Database, DatabaseLimits
from models.database.sessions import DatabaseUnavailable
from tests.builders.connections import (
    add,
    at_rest,
    connections_of,
    count,
    queued,
    read,
)


async def test_waiters_are_served_before_a_snapshot_is_prepared(one: Database) -> None:
    async with one.snapshot() as session:
        await count(session)
        waiting = asyncio.create_task(add(one, "A"))
        await queued(one, 1)
    async with asyncio.timeout(5):
        await waiting
    assert await read(one) == 1


async def test_waiters_are_served_in_order_for_any_kind_of_use(one: Database) -> None:
    served: list[str] = []

    async def write(name: str) -> None:
        async with one.writer() as session:
            await session.execute("INSERT INTO supplier (code, name) VALUES ($1, $1)", name)
        served.append(name)

    async def look(name: str) -> None:
        async with one.snapshot() as session:
            await count(session)
        served.append(name)

    async with one.snapshot() as session:
        await count(session)
        tasks = []
        for name, work in {"a": look, "b": write, "c": look, "d": look, "e": write}.items():
            tasks.append(asyncio.create_task(work(name)))
            await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks)
    assert served == ["a", "b", "c", "d", "e"]
    assert await read(one) == 2


@pytest.mark.parametrize("iterations", range(6))
async def test_a_connection_given_to_a_cancelled_waiter_goes_to_the_next(
    one: Database, iterations: int
) -> None:
    """The first waiter is cancelled around the event-loop iteration in which it gets the
    connection."""
    async with one.snapshot() as session:
        await count(session)
        leaving = [asyncio.create_task(read(one)) for _ in range(3)]
        staying = asyncio.create_task(read(one))
        await queued(one, 4)
    for _ in range(iterations):
        await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait(leaving)
        assert await staying == 0
    await at_rest(one)


async def test_a_connection_given_to_a_waiter_cancelled_at_once_is_released(one: Database) -> None:
    kept = connections_of(one)
    connection = await kept.acquire()
    leaving = asyncio.create_task(kept.acquire())
    await queued(one, 1)
    await kept.release(connection)  # goes to the waiter, which has not run since
    assert kept._taken == 1
    leaving.cancel()
    await asyncio.wait([leaving])
    await at_rest(one)
    assert kept._taken == 0


async def test_room_given_to_a_waiter_cancelled_at_once_goes_to_the_next(
    one: Database,
) -> None:
    kept = connections_of(one)
    connection = await kept.acquire()
    leaving, staying = (asyncio.create_task(kept.acquire()) for _ in range(2))
    await queued(one, 2)
    kept._make_room()  # as if a connection had gone to the pool
    leaving.cancel()
    await asyncio.sleep(0)
    await kept._pool.release(connection)
    async with asyncio.timeout(5):
        await kept.release(await staying)
    assert kept._taken == 0


async def test_a_connection_that_breaks_before_its_waiter_gets_it_is_replaced(
    one: Database,
) -> None:
    kept = connections_of(one)
    for wait in (kept.acquire, kept.acquire_snapshot):
        connection = await kept.acquire()
        waiting = asyncio.create_task(wait())
        await queued(one, 1)
        await kept.release(connection)
        connection._con.terminate()
        async with asyncio.timeout(5):
            other = await waiting
            assert await other.fetchval("SELECT 1") == 1
        await kept.reset(other)
        assert kept._taken == 0


async def test_a_connection_that_cannot_be_made_leaves_its_place_to_the_next(
    one: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    kept = connections_of(one)
    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Pool, "acquire", refuse)
        for use in (one.snapshot, one.reading, one.writer):
            with pytest.raises(DatabaseUnavailable):
                async with use():
                    raise AssertionError("there is none")
    assert kept._taken == 0
    assert await read(one) == 0


async def test_no_caller_waits_longer_than_allowed(postgres_url: str) -> None:
    database = Database(postgres_url, DatabaseLimits(pool=1, acquire=0.1))
    await database.open()
    try:
        async with database.snapshot() as session:
            await count(session)
            for wait in (database.snapshot, database.reading, database.writer):
                with pytest.raises(DatabaseUnavailable):
                    async with wait():
                        raise AssertionError("there is only one")
        assert await read(database) == 0
    finally:
        await database.close()


async def test_many_share_few(postgres_url: str) -> None:
    database = Database(postgres_url, DatabaseLimits(pool=3))
    await database.open()
    try:

        async def client(number: int) -> None:
            for turn in range(10):
                if (number + turn) % 3 == 0:
                    await add(database, f"{number}-{turn}")
                elif (number + turn) % 3 == 1:
                    await read(database)
                else:
                    async with database.reading() as session:
                        await count(session)

        async with asyncio.timeout(30):
            await asyncio.gather(*(client(number) for number in range(30)))
        assert await read(database) == 100
        await at_rest(database)
    finally:
        await database.close()
