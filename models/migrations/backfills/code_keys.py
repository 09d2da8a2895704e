"""Fills the comparison keys of the codes that a database holds, and finds codes that are the same.

SQL cannot compute the keys: `lower` of SQLite knows ASCII only, and neither engine folds case as
Unicode does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import asyncpg

from domain.values.codes import comparison_key
from models.migrations.dialect import Engine

PAGE = 5_000
COLLISIONS_MAX = 10


class CodeColumn(NamedTuple):
    """A column with codes. Its keys are in the column of the same name with `_key` at the end."""

    table: str
    code: str

    @property
    def key(self) -> str:
        return f"{self.code}_key"


class UniqueCode(NamedTuple):
    """A code that must be unique among the rows of `where` with the same values of `within`."""

    column: CodeColumn
    within: tuple[str, ...] = ()
    where: str = "1 = 1"

    @property
    def collisions(self) -> str:
        """SQL for two codes of each group of rows with the same key."""
        column = self.column
        return (
            f"SELECT MIN({column.code}) AS one, MAX({column.code}) AS other FROM {column.table}"
            f" WHERE {column.key} IS NOT NULL AND {self.where}"
            f" GROUP BY {', '.join((*self.within, column.key))} HAVING COUNT(*) > 1"
            f" ORDER BY 1 LIMIT {COLLISIONS_MAX}"
        )

    def collision(self, one: str, other: str) -> str:
        """Two codes that are the same, in words."""
        return f"{self.column.table}.{self.column.code} {one!r} and {other!r}"


class CodeKeys(NamedTuple):
    """The keys that a version introduces: columns to fill, uniqueness to check before `finish`."""

    columns: Sequence[CodeColumn]
    unique: Sequence[UniqueCode]
    finish: Callable[[Engine], Iterator[str]]

    def sqlite(self, connection: sqlite3.Connection) -> str | None:
        """Fill the keys; codes that collide are the refusal."""
        connection.create_function("comparison_key", 1, comparison_key, deterministic=True)
        for table, code in self.columns:
            connection.execute(
                f"UPDATE {table} SET {code}_key = comparison_key({code}) WHERE {code} IS NOT NULL"
            )
        return _refusal(
            unique.collision(*row)
            for unique in self.unique
            for row in connection.execute(unique.collisions).fetchall()
        )

    async def postgres(self, connection: asyncpg.Connection[Any]) -> str | None:
        """Fill the keys, page by page; codes that collide are the refusal."""
        for column in self.columns:
            await _fill(connection, column)
        found = [
            unique.collision(row["one"], row["other"])
            for unique in self.unique
            for row in await connection.fetch(unique.collisions)
        ]
        return _refusal(found)


def _refusal(collisions: Iterable[str]) -> str | None:
    if not (named := "; ".join(collisions)):
        return None
    return (
        f"compares codes without case, so these are the same: {named}. Nothing was changed. "
        "Rename one of each with SQL, then start again"
    )


async def _fill(connection: asyncpg.Connection[Any], column: CodeColumn) -> None:
    table, code = column
    kind = await connection.fetchval(f"SELECT pg_typeof(id)::text FROM {table} LIMIT 1")
    update = (
        f"UPDATE {table} t SET {column.key} = c.key"
        f" FROM unnest($1::{kind}[], $2::text[]) AS c(id, key) WHERE t.id = c.id"
    )
    pages = connection.cursor(
        f"SELECT id, {code} AS code FROM {table} WHERE {code} IS NOT NULL", prefetch=PAGE
    )
    ids: list[Any] = []
    found: list[str] = []
    async for row in pages:
        ids.append(row["id"])
        found.append(comparison_key(row["code"]))
        if len(ids) >= PAGE:
            await connection.execute(update, ids, found)
            ids, found = [], []
    if ids:
        await connection.execute(update, ids, found)
