"""The check of row types finds wrong declarations on both engines."""

from collections.abc import Iterator
from typing import TypedDict

import pytest

from models.database.database import Database
from models.database.rows import Flag
from models.database.sql import question
from tests import row_types

ITEM = "INSERT INTO item (sku, name, returnable, created_at, updated_at)"
ROWS = "SELECT sku, category, returnable FROM item"
NOW = "2026-01-02 03:04:05.000006+00:00"


class Right(TypedDict):
    sku: str
    category: str | None
    returnable: Flag


class Misspelt(TypedDict):
    sku: str
    categry: str | None
    returnable: Flag


class WrongType(TypedDict):
    sku: int
    category: str | None
    returnable: Flag


class NotNull(TypedDict):
    sku: str
    category: str
    returnable: Flag


class LeftJoined(TypedDict):
    sku: str
    code: str


@pytest.fixture
async def filled(database: Database) -> Database:
    """A database with an item."""
    async with database.writer() as session:
        await session.execute(f"{ITEM} VALUES ('MUG', 'Mug', true, '{NOW}', '{NOW}')")
    return database


@pytest.fixture
def found() -> Iterator[list[str]]:
    """Differences found; they do not fail this test."""
    yield row_types.faults
    row_types.faults.clear()


async def test_right_types_are_silent(filled: Database, found: list[str]) -> None:
    async with filled.reading() as session:
        await session.rows(Right, ROWS)
        await session.ask(question(Right, ROWS, (), len))
    assert not found


@pytest.mark.parametrize(
    ("row_type", "fault"),
    [
        (Misspelt, "Misspelt declares categry, returnable, sku; category, returnable, sku in"),
        (WrongType, "WrongType.sku is not 'MUG'"),
        (NotNull, "NotNull.category "),
    ],
)
async def test_wrong_types_are_found(
    filled: Database, found: list[str], row_type: type, fault: str
) -> None:
    async with filled.reading() as session:
        await session.row(row_type, ROWS)
        by_row = found.pop()
        found.clear()
        await session.ask(question(row_type, ROWS, (), len))
    assert fault in by_row
    assert fault in found[-1]


async def test_a_value_is_compared_with_its_type(filled: Database, found: list[str]) -> None:
    async with filled.reading() as session:
        assert await session.value(str, "SELECT sku FROM item") == "MUG"
        assert not found
        await session.value(int, "SELECT sku FROM item")
    assert found[0].startswith("int is declared, 'MUG' was returned")


def test_columns_of_a_left_join_can_be_null() -> None:
    sql = "SELECT i.sku, s.code FROM item i {} JOIN supplier s ON s.id = i.supplier_id"
    assert row_types.nullable_columns(LeftJoined, sql.format("LEFT")) == ("code",)
    assert row_types.nullable_columns(LeftJoined, sql.format("")) == ()
