"""Prepared snapshots of the pool: as fresh as new ones, and available for any use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest

import models.database.pool as pool
import tests.kept_connections as kept_connections
from models.database.database import Database
from models.database.sessions import DatabaseUnavailable
from tests.builders.connections import (
    add,
    at_rest,
    connections_of,
    count,
    eventually,
    read,
    standing_ready,
)

Watcher: TypeAlias = "asyncpg.Connection[Any]"
STATE = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    f" AND application_name <> '{kept_connections.NAME}' AND {{}}"
)
STANDS_READY = "state = 'idle in transaction'"
HOLDS_BACK = "state = 'idle in transaction' AND backend_xmin IS NOT NULL"


@pytest.fixture
async def watcher(postgres_url: str) -> AsyncIterator[Watcher]:
    """A separate connection to observe the others."""
    connection = await asyncpg.connect(postgres_url)
    try:
        yield connection
    finally:
        await connection.close()


async def until(watcher: Watcher, condition: str, wanted: int) -> None:
    for _ in range(1_000):
        if await watcher.fetchval(STATE.format(condition)) == wanted:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not {wanted}: {condition}")


async def test_a_snapshot_that_stood_ready_shows_what_is_true_when_it_is_read(
    one: Database,
    watcher: Watcher,
) -> None:
    assert await read(one) == 0
    await standing_ready(one)
    assert await watcher.fetchval(STATE.format(HOLDS_BACK)) == 0
    await watcher.execute("INSERT INTO supplier (code, name) VALUES ('A', 'A')")
    assert await read(one) == 1


async def test_a_snapshot_stays_as_it_was_when_it_was_first_read(
    one: Database,
    watcher: Watcher,
) -> None:
    for number in range(3):  # the first snapshot is begun for its reader, the others are prepared
        async with one.snapshot() as session:
            assert await count(session) == number
            await watcher.execute("INSERT INTO supplier (code, name) VALUES ($1, $1)", f"S{number}")
            assert await count(session) == number
        await standing_ready(one)


async def test_single_writes_and_reads_use_the_prepared_connection(
    one: Database,
    watcher: Watcher,
) -> None:
    for number in range(3):
        assert await read(one) == number
        await standing_ready(one)
        async with asyncio.timeout(5):
            await add(one, f"S{number}")
        assert await read(one) == number + 1
        await standing_ready(one)
        async with asyncio.timeout(5), one.reading() as session:
            assert await count(session) == number + 1
            # The read is not in the prepared snapshot's transaction: it sees rows committed now.
            await watcher.execute("INSERT INTO supplier (code, name) VALUES ('X', 'X')")
            assert await count(session) == number + 2
        await watcher.execute("DELETE FROM supplier WHERE code = 'X'")


async def test_a_snapshot_that_cannot_be_begun_is_refused_and_tried_once(
    one: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    async def execute(_: object, sql: str) -> None:
        calls.append(sql)
        raise asyncpg.ProtocolViolationError

    with monkeypatch.context() as patch:
        patch.setattr(pool.ConnectionPool, "must_renew_plans", lambda *_: False)
        patch.setattr(asyncpg.Connection, "execute", execute)
        with pytest.raises(DatabaseUnavailable):
            await read(one)
    assert calls == [pool.SNAPSHOT]
    await at_rest(one)
    assert await read(one) == 0


async def test_one_that_turns_out_broken_when_it_is_needed_is_replaced(
    one: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has closed the connection, and this process has not noticed yet."""
    await read(one)
    await standing_ready(one)
    execute = asyncpg.Connection.execute

    async def broken(self: Any, sql: str, *args: object) -> object:
        if sql == "ROLLBACK":
            raise asyncpg.ConnectionDoesNotExistError
        return await execute(self, sql, *args)

    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Connection, "execute", broken)
        async with asyncio.timeout(5):
            await add(one, "A")
    assert await read(one) == 1


async def test_a_writer_that_is_given_up_while_it_begins_leaves_nothing_to_the_next(
    one: Database,
) -> None:
    """Otherwise the next writer would write in a transaction that is rolled back, and report
    success."""
    confirmed: list[str] = []

    async def begin() -> None:
        async with one.writer():
            await asyncio.Event().wait()

    async def write(code: str) -> None:
        async with one.brief_writer(lambda: confirmed.append(code)) as session:
            await session.execute("INSERT INTO supplier (code, name) VALUES ($1, $1)", code)

    for turns in range(8):
        given_up = asyncio.create_task(begin())
        for _ in range(turns):
            await asyncio.sleep(0)
        next_one = asyncio.create_task(write(f"S{turns}"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
        async with asyncio.timeout(5):
            await next_one
    assert await read(one) == len(confirmed) == 8


async def test_after_a_restart_no_caller_waits_for_prepared_snapshots(
    one: Database, watcher: Watcher
) -> None:
    for use in (lambda: add(one, "A"), lambda: add(one, "B"), lambda: read(one)):
        await read(one)
        await standing_ready(one)
        ready_pid = connections_of(one)._ready["snapshot"][0][1].get_server_pid()
        await watcher.execute("SELECT pg_terminate_backend($1)", ready_pid)
        # The pool replaces the connection by itself; the new one is idle.
        await eventually(lambda: connections_of(one)._pool.get_idle_size() == 1)
        started = asyncio.get_running_loop().time()
        await use()
        assert asyncio.get_running_loop().time() - started < pool.READY_SECONDS / 2


async def test_an_unused_snapshot_connection_is_released(
    one: Database,
    watcher: Watcher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "READY_SECONDS", 0.05)
    for _ in range(2):
        await read(one)
        await until(watcher, STANDS_READY, 0)
        await until(watcher, "state = 'idle' AND pid <> pg_backend_pid()", 1)


async def test_a_connection_that_broke_while_it_stood_ready_is_replaced(
    one: Database,
    watcher: Watcher,
) -> None:
    for use in (read, lambda database: add(database, "A")):
        await read(one)
        await standing_ready(one)
        found = await watcher.fetchval(STATE.replace("count(*)", "max(pid)").format(STANDS_READY))
        assert await watcher.fetchval("SELECT pg_terminate_backend($1)", found)
        await until(watcher, f"pid = {found}", 0)
        # The server's last message may arrive before the end of the connection.
        [(_, ready)] = connections_of(one)._ready["snapshot"]
        await eventually(lambda ready=ready: not pool._is_open(ready))  # type: ignore[misc]
        async with asyncio.timeout(5):
            await use(one)
