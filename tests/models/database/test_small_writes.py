"""Writes that PostgreSQL has prepared: the same rows as other writes, and the same refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from models.access import IdempotencyKey
from models.audit import AuditEntry
from models.catalog import Supplier
from models.database.connections import Connection
from models.database.database import Database, DatabaseLimits
from models.database.sessions import DatabaseUnavailable, OutcomeUnknown, UniqueConflict
from models.database.small_writes import ROWS_MAX, small_write
from models.database.sql import WriteStatement

NOW = datetime(2026, 7, 8, 9, 10, 11, 123_456, tzinfo=UTC)
TEXTS = ("", "'", "''; DROP TABLE supplier; --", "\\'", "a\\nb", "é\u2028🙂", "NULL", "$1", "%s")
AUDITS = "SELECT actor, action, subject, before, after, recorded_at FROM audit_entry ORDER BY id"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that the driver executes."""
    found: list[str] = []
    execute = Connection.execute

    async def recorded(self: Connection, query: str, *args: Any, **options: Any) -> Any:
        found.append(query)
        return await execute(self, query, *args, **options)

    monkeypatch.setattr(Connection, "execute", recorded)
    return found


def audit(text: str | None) -> Mapping[str, Any]:
    return {
        "id": uuid4(),
        "at": NOW,
        "actor": text or "",
        "action": text or "",
        "subject": text or "",
        "before": None if text is None else '{"text": "it\'s \\\\ \\"quoted\\""}',
        "after": None,
        "content_digest": "",
        "transaction_id": uuid4(),
        "digest": "",
    }


async def write(database: Database, rows: Mapping[Any, Sequence[Any]], *changes: Any) -> None:
    async with database.writer() as session:
        await session.write_and_commit(rows, changes)


async def test_every_text_is_stored_as_it_is(one: Database, calls: list[str]) -> None:
    for _ in range(2):
        await write(one, {AuditEntry: [audit("first")]})
    rows = [audit(text) for text in (*TEXTS, None)]
    for row in rows:
        await write(one, {AuditEntry: [row]})
    assert sum(call.startswith("EXECUTE ") for call in calls) == len(rows)
    async with one.writer() as session:  # the other way
        await session.write({AuditEntry: rows_again(rows)})
    async with one.reading() as session:
        found = [dict(row) for row in await session.fetch(AUDITS)]
    key = lambda row: str(sorted((k, str(v)) for k, v in row.items()))  # noqa: E731
    stored = sorted((row for row in found if row["actor"] != "first"), key=key)
    assert stored[::2] == stored[1::2]  # each row twice: once by either way
    assert sorted({row["actor"] for row in stored}) == sorted(set(TEXTS))


def rows_again(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The same rows with other ids."""
    return [{**row, "id": uuid4()} for row in rows]


@pytest.mark.parametrize("value", [b"\\x00", ["a"], {"a": 1}, object()])
def test_a_value_without_an_exact_text_is_refused(value: object) -> None:
    columns = (("id", "bigint"), ("name", "text"))
    write = small_write({}, [WriteStatement("supplier", columns, "name = c.name", [(1, value)])])
    assert write is not None
    with pytest.raises(TypeError, match=type(value).__name__):
        _ = write.call


async def test_changes_are_added_to_the_rows_of_their_ids(one: Database, calls: list[str]) -> None:
    await write(one, {Supplier: [{"code": "A", "name": "A"}, {"code": "B", "name": "B"}]})
    columns = (("id", "bigint"), ("name", "text"))
    for number in range(3):
        rows = [(1, f"!{number}"), (2, f"?{number}")]
        await write(one, {}, WriteStatement("supplier", columns, "name = t.name || c.name", rows))
    assert sum(call.startswith("EXECUTE ") for call in calls) == 1
    async with one.reading() as session:
        names = [
            row["name"] for row in await session.fetch("SELECT name FROM supplier ORDER BY id")
        ]
    assert names == ["A!0!1!2", "B?0?1?2"]


async def test_a_refused_write_changes_nothing(one: Database, calls: list[str]) -> None:
    for code in "ABC":
        await write(one, {Supplier: [{"code": code, "name": code}]})
    assert calls[-1].startswith("EXECUTE ")
    calls.clear()
    with pytest.raises(UniqueConflict):
        await write(one, {Supplier: [{"code": "A", "name": "again"}]})
    assert [call.split()[0].rstrip(";") for call in calls] == ["EXECUTE", "ROLLBACK"]
    await write(one, {Supplier: [{"code": "D", "name": "D"}]})
    async with one.reading() as session:
        found = await session.fetch("SELECT code_key FROM supplier ORDER BY id")
    assert [row["code_key"] for row in found] == ["a", "b", "c", "d"]


async def test_a_write_that_was_ended_is_not_unknown(postgres_url: str, calls: list[str]) -> None:
    database = Database(postgres_url, DatabaseLimits(statement=0.5, pool=2))
    await database.open()
    try:
        for code in "ABC":
            await write(database, {Supplier: [{"code": code, "name": code}]})
        assert calls[-1].startswith("EXECUTE ")
        async with database.writer() as other:
            await other.execute("LOCK TABLE supplier")
            with pytest.raises(DatabaseUnavailable) as raised:
                await write(database, {Supplier: [{"code": "D", "name": "D"}]})
        assert not isinstance(raised.value, OutcomeUnknown)
        async with database.reading() as session:
            assert await session.fetch_value("SELECT count(*) FROM supplier") == 3
    finally:
        await database.close()


async def test_many_rows_and_connections_without_statements_use_the_other_way(
    postgres_url: str, calls: list[str]
) -> None:
    pooled = Database(f"{postgres_url}?statement_cache_size=0", DatabaseLimits(pool=1))
    await pooled.open()
    try:
        for _ in range(3):
            await write(pooled, {IdempotencyKey: [key()]})
            await write(pooled, {IdempotencyKey: [key() for _ in range(ROWS_MAX + 1)]})
        assert not [call for call in calls if "EXECUTE" in call or "PREPARE" in call]
        async with pooled.reading() as session:
            found = await session.fetch_value("SELECT count(*) FROM idempotency_key")
            assert found == 3 * (ROWS_MAX + 2)
    finally:
        await pooled.close()


def key() -> Mapping[str, Any]:
    return {
        "id": uuid4(),
        "actor": "a",
        "key": str(uuid4()),
        "action": "x",
        "arguments_hash": "",
        "outcome": "{}",
        "created_at": NOW,
    }
