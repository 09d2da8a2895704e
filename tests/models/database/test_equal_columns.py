"""Writes of many rows: a column whose values are equal is sent once, and is stored in each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from models.audit import AuditEntry
from models.catalog import Supplier
from models.database.database import Database
from models.database.sql import WriteStatement, shortened

NOW = datetime(2026, 7, 8, 9, 10, 11, 123_456, tzinfo=UTC)
ROWS = 40
READ = "SELECT before, actor, recorded_at, transaction_id FROM audit_entry ORDER BY id"
# Texts of the column `before` by the number of the row: equal, none, and null at either end.
COLUMNS: Mapping[str, Callable[[int], str | None]] = {
    "equal": lambda _: '{"a": 1}',
    "null": lambda _: None,
    "different": lambda number: f'{{"a": {number}}}',
    "null at the ends": lambda number: None if number in (0, ROWS - 1) else '{"a": 1}',
    "null at the end": lambda number: None if number == ROWS - 1 else '{"a": 1}',
    "null within": lambda number: None if number == 7 else '{"a": 1}',
    "different within": lambda number: '{"a": 2}' if number == 7 else '{"a": 1}',
}


def audits(before: Callable[[int], str | None]) -> Sequence[Mapping[str, object]]:
    return [
        {
            "id": UUID(int=number),
            "at": NOW,
            "actor": "a",
            "action": "b",
            "subject": str(number),
            "before": before(number),
            "after": None,
            "content_digest": "",
            "transaction_id": UUID(int=9),
            "digest": "",
        }
        for number in range(ROWS)
    ]


@pytest.mark.parametrize("name", COLUMNS)
async def test_equal_values_are_stored_in_each_row(one: Database, name: str) -> None:
    rows = audits(COLUMNS[name])
    async with one.writer() as session:
        await session.write({AuditEntry: rows})
    async with one.reading() as session:
        found = [tuple(row.values()) for row in await session.fetch(READ)]
    expected = [(row["before"], row["actor"], row["at"], row["transaction_id"]) for row in rows]
    assert found == expected


async def test_equal_values_change_each_row(one: Database) -> None:
    rows = [{"code": f"S{number}", "name": str(number)} for number in range(ROWS)]
    columns = (("id", "bigint"), ("name", "text"))
    async with one.writer() as session:
        await session.write({Supplier: rows})
        ids = await session.fetch("SELECT id FROM supplier ORDER BY id")
        changes = [(row["id"], "same") for row in ids[1:]]
        await session.write({}, [WriteStatement("supplier", columns, "name = c.name", changes)])
        names = await session.fetch("SELECT name FROM supplier ORDER BY id")
    assert [row["name"] for row in names] == ["0"] + ["same"] * (ROWS - 1)


def test_the_first_column_is_never_shortened() -> None:
    assert shortened([[1, 1, 1], [2, 2, 2], [3, 4, 3], [None, None, None]]) == [
        [1, 1, 1],
        [2],
        [3, 4, 3],
        [None],
    ]
