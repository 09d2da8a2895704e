"""Tortoise clients on the connection of a session: querysets run inside its transaction.

A queryset is bound with `using_db(session.client)`. Calls take the session's lock: they wait for
other calls of the session, and raise SessionOver once it has ended. Errors are those of a session.
The client is passed as an argument and never set in a context variable, so that a spawned task does
not inherit the connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionWrapper
from tortoise.exceptions import IntegrityError, OperationalError
from tortoise.models import Model

from models.database.errors import refuse_sqlite, translated_postgres
from models.database.session_lock import SessionLock
from models.database.sqlite_values import encode


class SessionRequired(RuntimeError):
    """A queryset ran without a session. Bind it with `using_db(session.client)`."""


class NoDefaultConnection:
    """Tortoise router that refuses querysets without a session.

    On Tortoise's default connection they would run outside the transaction, and on SQLite wait for
    it forever.
    """

    def db_for_read(self, model: type[Model]) -> NoReturn:
        """Refuse a read."""
        raise SessionRequired(f"{model.__name__}: bind the queryset with using_db(session.client)")

    def db_for_write(self, model: type[Model]) -> NoReturn:
        """Refuse a write."""
        raise SessionRequired(f"{model.__name__}: pass using_db=session.client")


class PostgresClient(TransactionWrapper):
    """A Tortoise client on an asyncpg connection of the pool."""

    def __init__(
        self, parent: AsyncpgDBClient, connection: asyncpg.Connection[Any], lock: SessionLock
    ) -> None:
        super().__init__(parent)
        self._connection = connection
        self._lock = lock
        # Tortoise caches statements under this name. It is not configured: `get_or_create`, which
        # opens a transaction by name on another connection, fails instead.
        self.connection_name = "postgres session"

    def _in_transaction(self) -> TransactionContext:
        raise SessionRequired("transactions and savepoints are those of workflows.transactions")

    async def _translate_exceptions(
        self, func: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any
    ) -> Any:
        with translated_postgres():
            return await func(self, *args, **kwargs)


class SqliteSessionClient(SqliteTransactionWrapper):
    """A Tortoise client on a SQLite connection; stores values in the form that sessions use."""

    def __init__(self, parent: SqliteClient, lock: SessionLock) -> None:
        super().__init__(parent)
        self._lock = lock
        self.connection_name = "sqlite session"

    def _in_transaction(self) -> TransactionContext:
        raise SessionRequired("transactions and savepoints are those of workflows.transactions")

    async def execute_insert(self, query: str, values: list[Any]) -> int:
        with _translated_sqlite():
            return int(await super().execute_insert(query, _encoded(values)))

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        with _translated_sqlite():
            await super().execute_many(query, [_encoded(row) for row in values])

    async def execute_query(
        self, query: str, values: list[Any] | None = None
    ) -> tuple[int, Sequence[dict[Any, Any]]]:
        with _translated_sqlite():
            count, rows = await super().execute_query(query, _encoded(values))
            return count, rows

    async def execute_query_dict(
        self, query: str, values: list[Any] | None = None
    ) -> list[dict[Any, Any]]:
        with _translated_sqlite():
            rows: list[dict[Any, Any]] = await super().execute_query_dict(query, _encoded(values))
            return rows


def _encoded(values: Sequence[Any] | None) -> list[Any]:
    return [encode(value) for value in values or ()]


@contextmanager
def _translated_sqlite() -> Iterator[None]:
    """Raise the errors of a session, also where Tortoise has wrapped SQLite's."""
    try:
        yield
    except sqlite3.Error as error:
        refuse_sqlite(error)
    except (OperationalError, IntegrityError) as error:
        cause = error.args[0] if error.args else None
        if isinstance(cause, sqlite3.Error):
            refuse_sqlite(cause)
        raise
