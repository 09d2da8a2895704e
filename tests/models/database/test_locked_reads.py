"""Guards, a lock and reads in one call: as if they were sent one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from models.database.database import Database, DatabaseLimits
from models.database.locked_reads import FromLock, Interrupted, LockedReads, Routine
from models.database.rows import Row
from models.database.sessions import Session
from models.database.sql import Question
from tests.builders.driver_calls import record_calls

ROUNDS = 4  # PostgreSQL has the function from the third one on
LOCK = "SELECT id AS item_id, code FROM supplier WHERE name = $1 ORDER BY id FOR NO KEY UPDATE"


def question(sql: str, *args: object) -> Question[Any]:
    return Question(sql, args, _plain)


def _plain(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]


def steps(*guarded: str) -> LockedReads:
    """Lock the suppliers named "locked"; the codes in `guarded` must not exist."""
    exists = "SELECT 1 AS one FROM supplier WHERE code = $1"
    of_items = "SELECT code FROM supplier WHERE id = ANY($1::bigint[]) OR code = $2 ORDER BY code"
    return LockedReads(
        [question(exists, code) for code in guarded],
        question(LOCK, "locked"),
        [
            question(of_items, FromLock("item_id"), "other"),
            question("SELECT COUNT(*) AS count FROM supplier WHERE code <> $1", "it's"),
            question("SELECT code FROM supplier WHERE code = $1", "nobody"),
        ],
    )


async def add(session: Session, code: str, name: str = "free") -> None:
    await session.execute("INSERT INTO supplier (code, name) VALUES ($1, $2)", code, name)


async def test_every_round_gives_the_same_answers(
    single: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with single.writer() as session:
        for code in ("b", "a"):
            await add(session, code, "locked")
        await add(session, "other")
        await add(session, "free")
    calls = record_calls(monkeypatch)
    for _ in range(ROUNDS):
        async with single.writer() as session:
            locked, answers = await session.lock_and_ask(steps("x", "y"))
        assert locked == [{"item_id": 1, "code": "b"}, {"item_id": 2, "code": "a"}]
        codes = [{"code": code} for code in ("a", "b", "other")]
        assert answers == (codes, [{"count": 4}], [])
    used = [call for call in calls if "FROM pg_temp.restow_reads" in call]
    assert len(used) == (2 if single.engine == "postgres" else 0)


async def test_a_database_that_refuses_the_function_is_asked_once(
    one: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Routine, "definition", lambda *_: "SELECT 1 / 0")
    calls = record_calls(monkeypatch)
    for _ in range(2 * ROUNDS):
        async with one.writer() as session:
            assert await session.lock_and_ask(steps()) == ([], ([], [{"count": 0}], []))
    assert calls.count("SELECT 1 / 0") == 1


async def test_without_locked_rows_the_reads_get_no_values(single: Database) -> None:
    for _ in range(ROUNDS):
        async with single.writer() as session:
            assert await session.lock_and_ask(steps()) == ([], ([], [{"count": 0}], []))


async def test_a_guard_with_a_row_ends_the_call_before_the_lock(database: Database) -> None:
    async with database.writer() as session:
        await add(session, "taken")
        await add(session, "a", "locked")
    for _ in range(ROUNDS):
        async with database.writer() as session:
            with pytest.raises(Interrupted):
                await session.lock_and_ask(steps("x", "taken", "y"))
            if database.engine == "postgres":  # nothing is locked: another writer does not wait
                async with asyncio.timeout(5), database.writer() as other:
                    await other.execute("UPDATE supplier SET name = name WHERE code = 'a'")
            locked, _ = await session.lock_and_ask(steps("x"))  # the transaction goes on
            assert [row["code"] for row in locked] == ["a"]


async def test_reads_see_what_was_committed_while_the_lock_was_awaited(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(postgres_url, DatabaseLimits(pool=3))
    await database.open()
    try:
        async with database.writer() as session:
            await add(session, "a", "locked")
        calls = record_calls(monkeypatch)
        for number in range(1, 4 * ROUNDS):  # so often that each connection has the function
            async with database.writer() as first:
                await first.fetch(LOCK, "locked")
                waiting = asyncio.create_task(count_after_lock(database))
                await until_blocked(database)
                await add(first, f"new{number}")
            assert await waiting == 1 + number
        assert any("FROM pg_temp.restow_reads" in call for call in calls)
    finally:
        await database.close()


async def count_after_lock(database: Database) -> int:
    async with database.writer() as session:
        _, (_, [row], _) = await session.lock_and_ask(steps())
        return int(row["count"])


async def until_blocked(database: Database) -> None:
    """Wait until a connection of the database waits for a lock."""
    async with database.reading() as session:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        for _ in range(2_000):
            if await session.fetch_value(f"{waits} AND datname = current_database()"):
                return
            await asyncio.sleep(0.005)
    raise AssertionError("no connection waits")
