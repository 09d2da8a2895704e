"""Session: one database connection, with the same interface on both engines.

SQL is written once, with `$1 … $n`. Tortoise owns the connections and the models. A session uses
its connection both for plain SQL (`fetch`, `execute`, `insert`) and for querysets (`client`).
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast, overload

import asyncpg
import orjson
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.sqlite.client import SqliteClient
from tortoise.models import Model

from models.database.errors import CheckFailed as CheckFailed  # what sessions raise
from models.database.errors import Contention as Contention
from models.database.errors import DatabaseError as DatabaseError
from models.database.errors import DatabaseUnavailable as DatabaseUnavailable
from models.database.errors import UniqueConflict as UniqueConflict
from models.database.errors import refuse_sqlite, translated_postgres
from models.database.keys import key_columns, keys_in
from models.database.orm_clients import PostgresClient, SqliteSessionClient
from models.database.rows import RowT, ValueT
from models.database.session_lock import SessionLock
from models.database.sql import (
    AnswerT,
    Question,
    Rows,
    Shape,
    WriteStatement,
    asking,
    columns_of,
    for_each,
    for_sqlite,
    writing,
)
from models.database.sql import Row as Row  # what sessions speak in
from models.database.sqlite_values import decoder, decoders, encode, encoded_column
from models.migrations.dialect import Engine

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")


class Session(ABC):
    """A connection with one statement at a time; concurrent calls wait for each other.

    SQL is PostgreSQL's: `= ANY($1::bigint[])` takes a list; `FOR UPDATE` locks rows on PostgreSQL.
    """

    engine: Engine

    def __init__(self, calls_max: int | None = None) -> None:
        self.lock = SessionLock(calls_max)

    @property
    @abstractmethod
    def client(self) -> BaseDBAsyncClient:
        """Runs querysets on this session: `Supplier.filter(…).using_db(session.client)`."""

    @abstractmethod
    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        """All rows. On both engines instants are aware datetimes and ids are UUIDs."""

    @abstractmethod
    async def execute(self, sql: str, *args: object) -> int:
        """Execute and return the number of affected rows."""

    @abstractmethod
    async def execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Execute the same statement once per row of arguments, in order."""

    @overload
    async def ask(self, a: Question[A], b: Question[B], c: Question[C], /) -> tuple[A, B, C]: ...

    @overload
    async def ask(
        self,
        a: Question[A],
        b: Question[B],
        c: Question[C],
        d: Question[D],
        e: Question[E],
        f: Question[F],
        /,
    ) -> tuple[A, B, C, D, E, F]: ...

    @overload
    async def ask(self, *questions: Question[Any]) -> tuple[Any, ...]: ...

    @abstractmethod
    async def ask(self, *questions: Question[Any]) -> tuple[Any, ...]:
        """The results of several questions, in one round trip and from one snapshot."""

    async def answer(self, question: Question[AnswerT]) -> AnswerT:
        """The result of one question."""
        return question.read(await self.fetch(question.sql, *question.args))

    @abstractmethod
    async def write(
        self, rows: Mapping[type[Model], Rows], changes: Sequence[WriteStatement] = ()
    ) -> None:
        """Insert rows of several models and change others, in one call.

        All rows of a model have the same columns. Foreign keys between them are checked at the end.
        JSON columns take a JSON string. Raises UniqueConflict or CheckFailed.
        """

    async def insert(self, model: type[Model], rows: Rows) -> None:
        """Insert rows of one model."""
        await self.write({model: rows})

    @abstractmethod
    def pages(self, sql: str, size: int) -> AsyncIterator[Sequence[Row]]:
        """All rows of a large result, `size` at a time; one result at a time per transaction."""

    def rows(self, row_type: type[RowT], sql: str, *args: object) -> Awaitable[Sequence[RowT]]:
        """All rows, of a declared type (see models/database/rows.py)."""
        return cast("Awaitable[Sequence[RowT]]", self.fetch(sql, *args))

    async def row(self, row_type: type[RowT], sql: str, *args: object) -> RowT | None:
        """The first row, of a declared type, or None."""
        rows = await self.rows(row_type, sql, *args)
        return rows[0] if rows else None

    def value(self, value_type: type[ValueT], sql: str, *args: object) -> Awaitable[ValueT | None]:
        """The first column of the first row, of a declared type, or None."""
        return cast("Awaitable[ValueT | None]", self.fetch_value(sql, *args))

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        """The first row, or None."""
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None

    async def fetch_value(self, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        row = await self.fetch_one(sql, *args)
        return None if row is None else next(iter(row.values()))


class PostgresSession(Session):
    """A session on an asyncpg connection of Tortoise's pool."""

    engine: Engine = "postgres"

    def __init__(
        self,
        parent: AsyncpgDBClient,
        connection: asyncpg.Connection[Any],
        calls_max: int | None = None,
    ) -> None:
        super().__init__(calls_max)
        self._parent = parent
        self._connection = connection

    @cached_property
    def client(self) -> BaseDBAsyncClient:
        return PostgresClient(self._parent, self._connection, self.lock)

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        async with self.lock:
            with translated_postgres():
                rows: Sequence[Row] = await self._connection.fetch(sql, *args)
                return rows

    async def pages(self, sql: str, size: int) -> AsyncIterator[Sequence[Row]]:
        await self.execute(f"DECLARE pages NO SCROLL CURSOR FOR {sql}")
        while rows := await self.fetch(f"FETCH {size} FROM pages"):
            yield rows
        await self.execute("CLOSE pages")

    async def execute(self, sql: str, *args: object) -> int:
        async with self.lock:
            with translated_postgres():
                status = await self._connection.execute(sql, *args)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        async with self.lock:
            with translated_postgres():
                await self._connection.executemany(sql, rows)

    async def ask(self, *questions: Question[Any]) -> tuple[Any, ...]:
        sql = asking(tuple((each.sql, len(each.args)) for each in questions))
        args = [arg for each in questions for arg in each.args]
        async with self.lock:
            with translated_postgres():
                found = await self._connection.fetchrow(sql, *args)
        assert found is not None
        return tuple(
            each.read(_of_json(orjson.loads(text)))
            for each, text in zip(questions, found, strict=True)
        )

    async def write(
        self, rows: Mapping[type[Model], Rows], changes: Sequence[WriteStatement] = ()
    ) -> None:
        shapes: list[Shape] = []
        arrays: list[Any] = []
        for model, of_model in rows.items():
            if of_model:
                names = tuple(of_model[0])
                keys = key_columns(model, names)
                named = (*names, *(key for _, key in keys))
                shapes.append((model._meta.db_table, columns_of(model, named), None))
                arrays += [[row[name] for row in of_model] for name in names]
                arrays += [keys_in(of_model, code) for code, _ in keys]
        for change in changes:
            if change.rows:
                shapes.append((change.table, change.columns, change.assignments))
                arrays += zip(*change.rows, strict=True)
        if not shapes:
            return
        async with self.lock:
            with translated_postgres():
                await self._connection.execute(writing(tuple(shapes)), *arrays)


def _of_json(rows: Sequence[dict[str, Any]]) -> Sequence[Row]:
    """Decode instants and ids of rows that were returned as JSON."""
    if rows:
        for name in rows[0]:
            decode = decoder(name)
            if decode is not None:
                for row in rows:
                    row[name] = decode(row[name])
    return rows


def _names(cursor: sqlite3.Cursor) -> tuple[str, ...]:
    return tuple(column[0] for column in cursor.description or ())


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
        return tuple(each.read(_rows(*rows)) for each, rows in zip(questions, found, strict=True))

    async def write(
        self, rows: Mapping[type[Model], Rows], changes: Sequence[WriteStatement] = ()
    ) -> None:
        statements: list[tuple[str, list[tuple[object, ...]]]] = []
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
            statements.append((sql, [tuple(map(encode, row)) for row in change.rows]))

        def work(raw: sqlite3.Connection) -> None:
            for sql, values in statements:
                raw.executemany(sql, values)

        if any(values for _, values in statements):
            await self._call(work)
