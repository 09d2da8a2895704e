"""Session: one database connection, with the same interface on both engines.

SQL is written once, with `$1 … $n`. Tortoise owns the connections and the models. A session uses
its connection both for plain SQL (`fetch`, `execute`, `insert`) and for querysets (`client`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, TypeVar, cast, overload

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.database.errors import CheckFailed as CheckFailed  # what sessions raise
from models.database.errors import Contention as Contention
from models.database.errors import DatabaseError as DatabaseError
from models.database.errors import DatabaseUnavailable as DatabaseUnavailable
from models.database.errors import OutcomeUnknown as OutcomeUnknown
from models.database.errors import StorageFull as StorageFull
from models.database.errors import UniqueConflict as UniqueConflict
from models.database.locked_reads import Interrupted, LockedReads
from models.database.rows import RowT, ValueT
from models.database.session_lock import SessionLock
from models.database.sql import AnswerT, Question, Rows, WriteStatement
from models.database.sql import Row as Row  # what sessions speak in
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
    is_committed = False

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
    async def ask(self, a: Question[A], b: Question[B], /) -> tuple[A, B]: ...

    @overload
    async def ask(self, a: Question[A], b: Question[B], c: Question[C], /) -> tuple[A, B, C]: ...

    @overload
    async def ask(
        self, a: Question[A], b: Question[B], c: Question[C], d: Question[D], /
    ) -> tuple[A, B, C, D]: ...

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

    async def lock_and_ask(self, reads: LockedReads) -> tuple[Any, tuple[Any, ...]]:
        """Take these steps: the result of the lock, and those of the reads. Raises Interrupted."""
        for guard in reads.guards:
            if await self.fetch(guard.sql, *guard.args):
                raise Interrupted
        rows = await self.fetch(reads.lock.sql, *reads.lock.args)
        return reads.lock.read(rows), await self.ask(*reads.reads_after(rows))

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

    async def write_and_commit(
        self, rows: Mapping[type[Model], Rows], changes: Sequence[WriteStatement] = ()
    ) -> None:
        """Write as `write` does and commit, in one call where possible.

        The session is over then. Raises OutcomeUnknown if the answer was lost.
        """
        await self.write(rows, changes)
        await self.commit()

    async def commit(self) -> None:
        """Commit; the session is over then. Raises OutcomeUnknown if the answer was lost."""
        try:
            await self.execute(self._commit)
        except DatabaseUnavailable as error:
            raise OutcomeUnknown("the connection was lost while committing") from error
        self.is_committed = True

    @property
    def _commit(self) -> str:
        return "COMMIT"

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
