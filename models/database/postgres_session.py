"""A session on a connection of PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import orjson
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.database.connections import Connection, has_prepared
from models.database.errors import (
    DatabaseUnavailable,
    OutcomeUnknown,
    is_refusal,
    translated_postgres,
)
from models.database.keys import key_columns, keys_in
from models.database.locked_reads import Interrupted, LockedReads, routine_of
from models.database.orm_clients import PostgresClient
from models.database.sessions import Session
from models.database.small_writes import small_write
from models.database.sql import (
    Question,
    Row,
    Rows,
    Shape,
    WriteStatement,
    asking,
    columns_of,
    shortened,
    writing,
)
from models.database.sqlite_values import decoded_columns
from models.migrations.dialect import Engine


class PostgresSession(Session):
    """A session on an asyncpg connection of Tortoise's pool."""

    engine: Engine = "postgres"

    def __init__(
        self,
        parent: AsyncpgDBClient,
        connection: Connection,
        calls_max: int | None = None,
        begin_next: Callable[[], str] = lambda: "",
    ) -> None:
        super().__init__(calls_max)
        self._parent = parent
        self._connection = connection
        self._begin_next = begin_next

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
        return tuple(_answer(each, text) for each, text in zip(questions, found, strict=True))

    async def lock_and_ask(self, reads: LockedReads) -> tuple[Any, tuple[Any, ...]]:
        routine = routine_of(reads)
        if not has_prepared(self._connection, routine):
            return await super().lock_and_ask(reads)
        async with self.lock:
            with translated_postgres():
                found = await self._connection.fetchrow(routine.call, *reads.args)
        assert found is not None
        interrupted, *texts = found
        if interrupted:
            raise Interrupted
        locked, *answers = (
            _answer(step, text)
            for step, text in zip((reads.lock, *reads.reads), texts, strict=True)
        )
        return locked, tuple(answers)

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
                columns = [[row[name] for row in of_model] for name in names]
                columns += [keys_in(of_model, code) for code, _ in keys]
                arrays += shortened(columns)
        for change in changes:
            if change.rows:
                shapes.append((change.table, change.columns, change.assignments))
                arrays += shortened(zip(*change.rows, strict=True))
        if not shapes:
            return
        async with self.lock:
            with translated_postgres():
                await self._connection.execute(writing(tuple(shapes)), *arrays)

    async def write_and_commit(
        self, rows: Mapping[type[Model], Rows], changes: Sequence[WriteStatement] = ()
    ) -> None:
        write = small_write(rows, changes)
        if write is None or not has_prepared(self._connection, write.prepared):
            await super().write_and_commit(rows, changes)
            return
        try:
            await self.execute(f"{write.call}; {self._commit}")
        except DatabaseUnavailable as error:
            if is_refusal(error.__cause__):
                raise
            raise OutcomeUnknown("the connection was lost while committing") from error
        self.is_committed = True

    @property
    def _commit(self) -> str:
        """The end of this transaction, and the beginning of the next one on the connection."""
        return f"COMMIT{self._begin_next()}"


def _answer(question: Question[Any], text: str) -> Any:
    """The answer to a question whose rows were returned as JSON."""
    if question.kept is None:
        return question.read(_of_json(orjson.loads(text)))
    return question.kept.find(text, lambda: question.read(_of_json(orjson.loads(text))))


def _of_json(rows: Sequence[dict[str, Any]]) -> Sequence[Row]:
    """Decode instants and ids of rows that were returned as JSON."""
    if rows:
        for name, decode in decoded_columns(tuple(rows[0])):
            for row in rows:
                row[name] = decode(row[name])
    return rows
