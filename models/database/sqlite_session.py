"""A session on a connection of SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.sqlite.client import SqliteClient
from tortoise.models import Model

from models.database.errors import DatabaseUnavailable, OutcomeUnknown, refuse_sqlite
from models.database.keys import key_columns, keys_in
from models.database.locked_reads import Interrupted, LockedReads
from models.database.orm_clients import SqliteSessionClient
from models.database.sessions import Session
from models.database.sql import (
    Question,
    Row,
    Rows,
    WriteStatement,
    columns_of,
    for_each,
    for_sqlite,
)
from models.database.sqlite_values import decoders, encode, encoded_column
from models.migrations.dialect import Engine


def _names(cursor: sqlite3.Cursor) -> tuple[str, ...]:
    return tuple(column[0] for column in cursor.description or ())


def _answer(question: Question[Any], names: tuple[str, ...], rows: list[Sequence[Any]]) -> Any:
    if question.kept is None:
        return question.read(_rows(names, rows))
    return question.kept.find(tuple(map(tuple, rows)), lambda: question.read(_rows(names, rows)))


def _rows(names: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> Sequence[Row]:
    decode_all = decoders(names)
    return [
        {
            name: value if decode is None or value is None else decode(value)
            for name, value, decode in zip(names, row, decode_all, strict=True)
        }
        for row in rows
    ]


def _asked(
    raw: sqlite3.Connection, asked: Sequence[tuple[str, Sequence[object]]]
) -> list[tuple[tuple[str, ...], list[Sequence[Any]]]]:
    cursors = [raw.execute(sql, values) for sql, values in asked]
    return [(_names(cursor), cursor.fetchall()) for cursor in cursors]


Statement = tuple[str, list[tuple[object, ...]]]  # with the values of each row
Found = tuple[tuple[str, ...], list[Sequence[Any]]]  # names of columns, and rows


class SqliteSession(Session):
    """A session on one of Tortoise's SQLite connections; each call is one call to its thread."""

    engine: Engine = "sqlite"

    def __init__(self, parent: SqliteClient, calls_max: int | None = None) -> None:
        super().__init__(calls_max)
        if parent._connection is None:
            raise DatabaseUnavailable("the database is closed")
        self._parent = parent
        self._connection = parent._connection

    @cached_property
    def client(self) -> BaseDBAsyncClient:
        return SqliteSessionClient(self._parent, self.lock)

    async def _call(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        async with self.lock:
            try:
                run: Callable[[Callable[[], Any]], Awaitable[Any]] = self._connection._execute
                return await run(lambda: work(self._connection._conn))
            except sqlite3.Error as error:
                refuse_sqlite(error)

    async def end(self) -> None:
        """Commit the open transaction, if there is one, and end the session."""
        await self._call(lambda raw: raw.commit() if raw.in_transaction else None)
        self.lock.end()

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        values = [encode(arg) for arg in args]

        def work(raw: sqlite3.Connection) -> tuple[tuple[str, ...], list[Sequence[Any]]]:
            cursor = raw.execute(for_sqlite(sql), values)
            return _names(cursor), cursor.fetchall()

        names, rows = await self._call(work)
        return _rows(names, rows)

    async def pages(self, sql: str, size: int) -> AsyncIterator[Sequence[Row]]:
        cursor = await self._call(lambda raw: raw.execute(for_sqlite(sql)))
        while rows := await self._call(lambda _: cursor.fetchmany(size)):
            yield _rows(_names(cursor), rows)
        await self._call(lambda _: cursor.close())

    async def execute(self, sql: str, *args: object) -> int:
        values = [encode(arg) for arg in args]
        count: int = await self._call(lambda raw: raw.execute(for_sqlite(sql), values).rowcount)
        return max(count, 0)

    async def execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        values = [[encode(value) for value in row] for row in rows]
        await self._call(lambda raw: raw.executemany(for_sqlite(sql), values))

    async def ask(self, *questions: Question[Any]) -> tuple[Any, ...]:
        asked = [(for_sqlite(q.sql), [encode(arg) for arg in q.args]) for q in questions]

        def work(raw: sqlite3.Connection) -> list[tuple[tuple[str, ...], list[Sequence[Any]]]]:
            if raw.in_transaction:
                return _asked(raw, asked)
            raw.execute("BEGIN")  # all results are from one snapshot
            try:
                return _asked(raw, asked)
            finally:
                raw.commit()

        found = await self._call(work)
        return tuple(_answer(each, *rows) for each, rows in zip(questions, found, strict=True))

    async def lock_and_ask(self, reads: LockedReads) -> tuple[Any, tuple[Any, ...]]:
        def asked(raw: sqlite3.Connection, question: Question[Any]) -> Found:
            cursor = raw.execute(for_sqlite(question.sql), list(map(encode, question.args)))
            return _names(cursor), cursor.fetchall()

        def work(raw: sqlite3.Connection) -> tuple[Any, tuple[Any, ...]]:
            if any(asked(raw, guard)[1] for guard in reads.guards):
                raise Interrupted
            rows = _rows(*asked(raw, reads.lock))
            answers = [(each, asked(raw, each)) for each in reads.reads_after(rows)]
            return reads.lock.read(rows), tuple(_answer(each, *found) for each, found in answers)

        found: tuple[Any, tuple[Any, ...]] = await self._call(work)
        return found

    async def write(
        self, rows: Mapping[type[Model], Rows], changes: Sequence[WriteStatement] = ()
    ) -> None:
        statements = self._statements(rows, changes)
        if statements:
            await self._call(lambda raw: _run_all(raw, statements))

    async def write_and_commit(
        self, rows: Mapping[type[Model], Rows], changes: Sequence[WriteStatement] = ()
    ) -> None:
        statements = self._statements(rows, changes)
        is_written = False

        def work(raw: sqlite3.Connection) -> None:
            nonlocal is_written
            _run_all(raw, statements)
            is_written = True
            commit_now(raw)

        try:
            await self._call(work)
        except DatabaseUnavailable as error:
            if not is_written:
                raise
            raise OutcomeUnknown("the database failed while committing") from error
        self.is_committed = True

    @staticmethod
    def _statements(
        rows: Mapping[type[Model], Rows], changes: Sequence[WriteStatement]
    ) -> list[Statement]:
        statements: list[Statement] = []
        for model, of_model in rows.items():
            if of_model:
                names = tuple(of_model[0])
                keys = key_columns(model, names)
                columns = columns_of(model, (*names, *(key for _, key in keys)))
                placeholders = ", ".join("?" * len(columns))
                named = ", ".join(column for column, _ in columns)
                sql = f"INSERT INTO {model._meta.db_table} ({named}) VALUES ({placeholders})"
                values = [
                    encoded_column([row[name] for row in of_model], kind)
                    for name, (_, kind) in zip(names, columns, strict=False)
                ]
                values += [keys_in(of_model, code) for code, _ in keys]
                statements.append((sql, list(zip(*values, strict=True))))
        for change in changes:
            sql = for_each(change.table, change.columns, change.assignments)
            if change.rows:
                statements.append((sql, [tuple(map(encode, row)) for row in change.rows]))
        return statements


def commit_now(raw: sqlite3.Connection) -> None:
    """Commit the open transaction."""
    raw.execute("COMMIT")


def _run_all(raw: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    for sql, values in statements:
        raw.executemany(sql, values)
