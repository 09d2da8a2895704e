"""Sessions for a single call: without a transaction, and never for a second call."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from models.database.database import Database
from models.database.session_lock import SnapshotNeeded
from models.database.sessions import Session
from models.database.sql import Question
from models.database.sqlite_session import SqliteSession
from tests.builders.connections import (
    add,
    at_rest,
    connections_of,
    count,
    eventually,
    queued,
    read,
    standing_ready,
)


@pytest.fixture
async def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of all PostgreSQL connections."""
    seen: list[str] = []
    for name in ("fetch", "execute"):
        call = getattr(asyncpg.Connection, name)

        async def noted(self: Any, sql: str, *args: object, _call: Any = call, **how: Any) -> Any:
            seen.append(sql)
            return await _call(self, sql, *args, **how)

        monkeypatch.setattr(asyncpg.Connection, name, noted)
    return seen


async def counted(database: Database) -> int:
    async with database.single() as session:
        return await count(session)


async def test_a_session_for_one_call_refuses_a_second_one(database: Database) -> None:
    async with database.single() as session:
        assert await count(session) == 0
        with pytest.raises(SnapshotNeeded):
            await count(session)
    assert await read(database) == 0


async def test_a_single_call_sees_the_last_commit(database: Database) -> None:
    for number in range(4):
        assert await counted(database) == number
        await add(database, f"S{number}")


async def test_a_failed_statement_leaves_a_usable_connection(one: Database) -> None:
    with pytest.raises(Exception, match="no_such_table"):
        async with one.single() as session:
            await session.fetch("SELECT * FROM no_such_table")
    assert await counted(one) == 0
    assert await read(one) == 0
    await at_rest(one)


async def test_single_calls_make_no_other_calls(one: Database, calls: list[str]) -> None:
    await counted(one)
    calls.clear()
    for _ in range(3):
        assert await counted(one) == 0
    assert [call for call in calls if "plans" not in call.lower()] == [
        "SELECT COUNT(*) FROM supplier"
    ] * 3


async def test_a_prepared_connection_serves_a_single_call_and_is_then_idle(one: Database) -> None:
    assert await read(one) == 0
    await standing_ready(one)
    assert await counted(one) == 0
    await at_rest(one)
    kept = connections_of(one)
    assert (kept.prepared, kept.idle) == (0, 1)
    assert await read(one) == 0


async def test_a_waiting_reader_of_either_kind_gets_the_connection_of_a_single_call(
    one: Database,
) -> None:
    async with one.single() as session:
        assert await count(session) == 0
        waiting = [asyncio.create_task(each(one)) for each in (counted, read, counted, read)]
        await queued(one, 4)
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == [0, 0, 0, 0]
    await at_rest(one)


async def test_a_cancelled_single_call_does_not_return_a_busy_connection(one: Database) -> None:
    opened: list[Session] = []

    async def sleeping() -> None:
        async with one.single() as session:
            opened.append(session)
            await session.fetch("SELECT pg_sleep(10)")

    task = asyncio.create_task(sleeping())
    await eventually(lambda: bool(opened) and opened[0].lock.locked())
    task.cancel()
    await asyncio.wait([task])
    async with asyncio.timeout(5):
        assert await counted(one) == 0


async def test_questions_of_a_single_call_share_a_snapshot(database: Database) -> None:
    asked: Question[Any] = Question("SELECT COUNT(*) AS units FROM supplier", (), list)
    said: list[str] = []
    async with database.single() as session:
        if isinstance(session, SqliteSession):
            raw: Any = session._connection
            await raw._execute(raw._conn.set_trace_callback, said.append)
        assert await session.ask(asked, asked) == ([{"units": 0}], [{"units": 0}])
        if isinstance(session, SqliteSession):
            await raw._execute(raw._conn.set_trace_callback, None)
            verbs = [statement.split()[0] for statement in said]
            assert verbs == ["BEGIN", "SELECT", "SELECT", "COMMIT"]
