"""Digests of all tables, to prove that a refused command changed nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from models.database.database import Database
from models.migrations.runner import sqlite_path
from tests.builders.transactions import rows

_SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
_POSTGRES_TABLES = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
# Each insertion and update writes a row with the number of its transaction; a deletion leaves one
# row less.
_WRITTEN = (
    "SELECT '{0}' AS name, count(*) AS number, COALESCE(sum(xmin::text::bigint), 0) AS written"
    ' FROM "{0}"'
)

Digest = Mapping[str, tuple[int, int]]


class TableDigests:
    """Number of rows of each table, and a number that changes with any change of a row."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._question: str | None = None
        self._file: sqlite3.Connection | None = None
        self._tables: list[str] = []

    async def read(self) -> Digest:
        """The present digests by table."""
        if self._database.url.startswith("sqlite"):
            return self._of_sqlite()
        if self._question is None:
            names = [row["name"] for row in await rows(self._database, _POSTGRES_TABLES)]
            self._question = " UNION ALL ".join(_WRITTEN.format(name) for name in names)
        found = await rows(self._database, self._question)
        return {row["name"]: (int(row["number"]), int(row["written"])) for row in found}

    def _of_sqlite(self) -> Digest:
        if self._file is None:
            self._file = sqlite3.connect(sqlite_path(self._database.url))
            self._tables = [name for (name,) in self._file.execute(_SQLITE_TABLES)]
        found = {}
        for table in self._tables:
            content = self._file.execute(f'SELECT * FROM "{table}"').fetchall()
            found[table] = (len(content), hash(tuple(content)))
        return found

    def close(self) -> None:
        """Close the connection of a SQLite database."""
        if self._file is not None:
            self._file.close()
