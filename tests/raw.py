"""Databases in plain SQL, without the program's code: empty, fill, and read them."""

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from models.migrations.runner import sqlite_path

RELEASED = Path(__file__).parent / "released"


def _is_sqlite(database_url: str) -> bool:
    return urlsplit(database_url).scheme == "sqlite"


async def empty(database_url: str) -> None:
    """Remove everything from a database, including its tables."""
    if _is_sqlite(database_url):
        path = sqlite_path(database_url)
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()
        return
    await execute(database_url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


async def execute(database_url: str, *statements: str) -> None:
    """Run statements in one transaction, with foreign keys enforced."""
    if _is_sqlite(database_url):
        connection = sqlite3.connect(sqlite_path(database_url), isolation_level=None)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN")
            for statement in statements:
                connection.execute(statement)
            connection.execute("COMMIT")
        finally:
            connection.close()
        return
    pg = await asyncpg.connect(database_url.replace("postgres://", "postgresql://", 1))
    try:
        async with pg.transaction():
            for statement in statements:
                await pg.execute(statement)
    finally:
        await pg.close()


async def rows(database_url: str, sql: str) -> list[tuple[object, ...]]:
    """Rows of a query."""
    [found] = await all_rows(database_url, [sql])
    return found


async def all_rows(database_url: str, queries: Iterable[str]) -> list[list[tuple[object, ...]]]:
    """Rows of each of these queries."""
    if _is_sqlite(database_url):
        connection = sqlite3.connect(sqlite_path(database_url))
        try:
            return [[tuple(row) for row in connection.execute(sql)] for sql in queries]
        finally:
            connection.close()
    pg = await asyncpg.connect(database_url.replace("postgres://", "postgresql://", 1))
    try:
        return [[tuple(row) for row in await pg.fetch(sql)] for sql in queries]
    finally:
        await pg.close()


# Names that a version changed: (old, new), in the statements of earlier versions.
RENAMED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "0010_standard_names": (
        ("FULFILMENT_PARTNER", "FULFILLMENT_PARTNER"),
        ("inspection_look", "inspection"),
        ("looked_at", "inspected_at"),
    ),
}


def renamed(text: str, versions: Iterable[str]) -> str:
    """A name, value or statement of an earlier version, as it is called after these versions."""
    for version in versions:
        for old, new in RENAMED.get(version, ()):
            text = re.sub(rf"\b{old}\b", new, text)
    return text


def released_rows(versions: Sequence[str]) -> list[str]:
    """Statements that insert rows into every table of these versions, in their order."""
    files = [RELEASED / f"{version}.sql" for version in versions]
    lines = [line for file in files if file.exists() for line in file.read_text().splitlines()]
    statements = [line.removesuffix(";") for line in lines if line and not line.startswith("--")]
    return [renamed(statement, versions) for statement in statements]


async def contents(
    database_url: str, columns: Iterable[tuple[str, str]]
) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the tables in these (table, column) pairs, with those columns."""
    names: dict[str, list[str]] = {}
    for table, column in sorted(columns):
        names.setdefault(table, []).append(column)
    selects = [f"SELECT {', '.join(cols)} FROM {table}" for table, cols in names.items()]
    found = await all_rows(database_url, selects)
    return {table: sorted(each, key=repr) for table, each in zip(names, found, strict=True)}
