"""Values that a version stores by a Python function, because SQL cannot compute them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import asyncpg

from models.migrations.dialect import Engine

PAGE = 5_000


class Backfill(Protocol):
    """The values of one version, stored after its statements.

    The methods return None, or the refusal: why the version cannot be applied to this database.
    """

    @property
    def finish(self) -> Callable[[Engine], Iterator[str]]:
        """The statements that follow when the values are stored, such as those for indexes."""
        ...

    def sqlite(self, connection: sqlite3.Connection) -> str | None:
        """Store the values in SQLite."""
        ...

    async def postgres(self, connection: asyncpg.Connection[Any]) -> str | None:
        """Store the values in PostgreSQL."""
        ...


class ComputedRows(NamedTuple):
    """Rows (key, column) of a table that a version adds, one for each row of `source`.

    The key is the row's id; `value` computes the text from its `columns`.
    """

    table: str
    key: str
    column: str
    source: str
    columns: Sequence[str]
    value: Callable[..., str]
    finish: Callable[[Engine], Iterator[str]]

    def sqlite(self, connection: sqlite3.Connection) -> None:
        """Add the rows by a function that SQLite calls for each row of the source."""
        connection.create_function("computed", len(self.columns), self.value, deterministic=True)
        connection.execute(
            f"INSERT INTO {self.table} ({self.key}, {self.column})"
            f" SELECT id, computed({', '.join(self.columns)}) FROM {self.source} ORDER BY id"
        )

    async def postgres(self, connection: asyncpg.Connection[Any]) -> None:
        """Add the rows page by page, in the order of ids."""
        read = (
            f"SELECT id, {', '.join(self.columns)} FROM {self.source} WHERE id > $1"
            f" ORDER BY id LIMIT {PAGE}"
        )
        write = (
            f"INSERT INTO {self.table} ({self.key}, {self.column})"
            " SELECT * FROM unnest($1::bigint[], $2::text[])"
        )
        last = -1
        while rows := await connection.fetch(read, last):
            last = rows[-1]["id"]
            values = [self.value(*(row[name] for name in self.columns)) for row in rows]
            await connection.execute(write, [row["id"] for row in rows], values)
