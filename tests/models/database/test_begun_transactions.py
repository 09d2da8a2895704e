"""Writing transactions that the pool has begun ahead: as good as new ones, and free for any use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest

import models.database.plan_cache as plan_cache
import models.database.pool as pool
from models.catalog import Supplier
from models.database.database import Database
from tests.builders.connections import add, connections_of, eventually, read

Watcher: TypeAlias = "asyncpg.Connection[Any]"
BEGUN = """
SELECT pid, backend_xid, backend_xmin FROM pg_stat_activity
WHERE state = 'idle in transaction' AND datname = current_database()
"""


@pytest.fixture
async def watcher(postgres_url: str) -> AsyncIterator[Watcher]:
    """A separate connection to observe the others."""
    connection = await asyncpg.connect(postgres_url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep prepared transactions for longer than a test takes."""
    monkeypatch.setattr(pool, "READY_SECONDS", 60.0)
    monkeypatch.setattr(plan_cache, "RENEW_SECONDS_MIN", 60.0)


async def begun(database: Database, watcher: Watcher, code: str) -> Any:
    """Write until a transaction waits prepared; return its row of pg_stat_activity."""
    await add(database, f"{code}1")
    await add(database, f"{code}2")
    assert connections_of(database).begun == 1
    [row] = await watcher.fetch(BEGUN)
    return row


async def test_a_begun_transaction_holds_nothing_and_sees_what_was_committed_since(
    one: Database, watcher: Watcher
) -> None:
    waiting = await begun(one, watcher, "A")
    assert (waiting["backend_xid"], waiting["backend_xmin"]) == (None, None)
    await watcher.execute("INSERT INTO supplier (code, name) VALUES ('B', 'B')")
    async with one.writer() as session:
        assert await session.fetch_value("SELECT pg_backend_pid()") == waiting["pid"]
        assert await session.fetch_value("SELECT count(*) FROM supplier") == 3
        await watcher.execute("INSERT INTO supplier (code, name) VALUES ('C', 'C')")
        assert await session.fetch_value("SELECT count(*) FROM supplier") == 4  # READ COMMITTED


async def test_other_callers_take_over_the_only_connection(one: Database, watcher: Watcher) -> None:
    for number in range(3):
        await begun(one, watcher, f"A{number}-")
        assert await read(one) == 2 * (number + 1)
        await eventually(lambda: connections_of(one).prepared == 1)
    await begun(one, watcher, "B")
    async with one.reading() as session:
        assert await session.fetch_value("SELECT count(*) FROM supplier") == 8


async def test_a_begun_transaction_that_broke_is_replaced(one: Database, watcher: Watcher) -> None:
    waiting = await begun(one, watcher, "A")
    [(_, connection)] = connections_of(one)._ready["transaction"]
    assert await watcher.fetchval("SELECT pg_terminate_backend($1)", waiting["pid"])
    await eventually(lambda: not pool._is_open(connection))
    await add(one, "B")
    assert await read(one) == 3


async def test_an_unused_transaction_is_ended(
    one: Database, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "READY_SECONDS", 0.05)
    async with one.writer() as session:
        pid = await session.fetch_value("SELECT pg_backend_pid()")
    await add(one, "A")
    await eventually(lambda: connections_of(one).begun == 0)
    state = "SELECT state FROM pg_stat_activity WHERE pid = $1"
    for _ in range(1_000):
        if await watcher.fetchval(state, pid) == "idle":
            break
    else:
        raise AssertionError("the transaction was not ended")


async def test_a_refused_write_leaves_nothing_and_the_next_one_works(
    one: Database, watcher: Watcher
) -> None:
    await begun(one, watcher, "A")
    with pytest.raises(ZeroDivisionError):
        await fail(one)
    assert await read(one) == 2
    await add(one, "C")
    assert await read(one) == 3


async def fail(database: Database) -> None:
    """Write, then fail before the commit."""
    async with database.writer() as session:
        await session.write({Supplier: [{"code": "B", "name": "B"}]})
        raise ZeroDivisionError
