"""The configured database: opens connections, snapshots, and writing transactions."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.sqlite.client import SqliteClient
from tortoise.connection import get_connection

import models.database.plan_cache as plan_cache
from models.database.configuration import DEFAULT_LIMITS, tortoise_config
from models.database.configuration import DatabaseLimits as DatabaseLimits
from models.database.errors import translated_postgres
from models.database.orm_clients import NoDefaultConnection
from models.database.pool import TRANSACTION, ConnectionPool
from models.database.postgres_session import PostgresSession
from models.database.sessions import DatabaseUnavailable, Session
from models.database.single_calls import SingleCall, when_idle
from models.database.sqlite_session import SqliteSession
from models.database.storage import Storage
from models.migrations.dialect import Engine


class Database:
    """Opens and closes the connections, and provides sessions on them.

    Reads use `snapshot()`. Only `workflows.transactions.runner` uses `writer()`.
    """

    def __init__(self, url: str, limits: DatabaseLimits = DEFAULT_LIMITS) -> None:
        self.url = url
        self.limits = limits
        self.engine: Engine = "sqlite" if urlsplit(url).scheme == "sqlite" else "postgres"
        self.storage = Storage()
        self._readers: asyncio.Queue[SqliteClient] = asyncio.Queue()
        self._ending: set[asyncio.Task[None]] = set()
        self._connections: ConnectionPool | None = None

    async def open(self) -> None:
        """Connect. Raises DatabaseUnavailable if the database does not answer."""
        config = tortoise_config(self.url, self.limits)
        await Tortoise.init(
            config=config, routers=[NoDefaultConnection], _enable_global_fallback=True
        )
        clients = [get_connection(name) for name in config["connections"]]
        try:
            with translated_postgres():
                for client in clients:
                    await client.create_connection(with_db=True)
        except BaseException:
            await Tortoise.close_connections()
            raise
        self._default = clients[0]
        if isinstance(self._default, AsyncpgDBClient):
            assert self._default._pool is not None
            self._connections = ConnectionPool(self._default._pool, self.limits.acquire)
        for client in clients[1:]:
            assert isinstance(client, SqliteClient)
            self._readers.put_nowait(client)

    async def close(self) -> None:
        """Disconnect. Waits for open sessions, at most `limits.acquire` seconds."""
        if self._ending:
            await asyncio.wait(self._ending, timeout=self.limits.acquire)
        if self._connections is not None:
            await self._connections.close()
        await Tortoise.close_connections()

    async def abandon(self) -> None:
        """Drop the connections without ending transactions; the server rolls them back."""
        client = self._default
        if isinstance(client, AsyncpgDBClient) and client._pool is not None:
            client._pool.terminate()
        await Tortoise.close_connections()

    @asynccontextmanager
    async def _postgres(self) -> AsyncIterator[PostgresSession]:
        connections = self._of_pool()
        with translated_postgres():
            connection = await connections.acquire()
            must_renew = connections.must_renew_plans(connection)
        session = self._session_on(connection)
        give_back = connections.reset
        try:
            if must_renew:
                await session.execute(plan_cache.RENEW)
            yield session
            give_back = connections.release
        finally:
            await self._end_use(session, connection, give_back)

    @asynccontextmanager
    async def _postgres_writer(self, committed: Callable[[], None]) -> AsyncIterator[Session]:
        connections = self._of_pool()
        with translated_postgres():
            connection = await connections.acquire_transaction()
        session = self._session_on(
            connection,
            begin_next=lambda: f"; {TRANSACTION}" if connections.may_begin_next(connection) else "",
        )
        give_back = connections.reset
        try:
            async with _transaction(session):
                yield session
            committed()
            give_back = connections.release_transaction
        finally:
            await self._end_use(session, connection, give_back)

    async def _end_use(
        self,
        session: PostgresSession,
        connection: asyncpg.Connection[Any],
        give_back: Callable[[asyncpg.Connection[Any]], Coroutine[Any, Any, None]],
    ) -> None:
        """End a session and return its connection, once no call of the session is running."""
        session.lock.end()
        if session.lock.locked():  # by a read whose caller has gone
            reset = self._of_pool().reset(connection)
            await self.run_uncancelled(when_idle(session, reset))
        else:
            await give_back(connection)

    @asynccontextmanager
    async def _postgres_snapshot(self) -> AsyncIterator[PostgresSession]:
        connections = self._of_pool()
        with translated_postgres():
            connection = await connections.acquire_snapshot()
        session = self._session_on(connection)
        try:
            yield session
        finally:
            session.lock.end()
            connections.run_uncancelled(
                when_idle(session, connections.release_snapshot(connection))
            )

    def _of_pool(self) -> ConnectionPool:
        if self._connections is None:
            raise DatabaseUnavailable("the database is closed")
        return self._connections

    def _session_on(
        self,
        connection: asyncpg.Connection[Any],
        calls_max: int | None = None,
        begin_next: Callable[[], str] = lambda: "",
    ) -> PostgresSession:
        assert isinstance(self._default, AsyncpgDBClient)
        return PostgresSession(self._default, connection, calls_max, begin_next)

    def snapshot(self) -> AbstractAsyncContextManager[Session]:
        """A read-only session in which every statement sees the same snapshot."""
        return self._postgres_snapshot() if self.engine == "postgres" else self._sqlite_snapshot()

    def single(self) -> AbstractAsyncContextManager[Session]:
        """A session for one call, which needs no transaction: it sees one snapshot anyway.

        A second call raises SnapshotNeeded.
        """
        if self.engine == "sqlite":
            return self._sqlite_single()
        return SingleCall(self._of_pool(), partial(self._session_on, calls_max=1))

    @asynccontextmanager
    async def _sqlite_snapshot(self) -> AsyncIterator[SqliteSession]:
        async with self._reader() as reader:
            await reader.execute("BEGIN")
            reader.lock.calls = 0
            yield reader

    @asynccontextmanager
    async def _sqlite_single(self) -> AsyncIterator[SqliteSession]:
        async with asyncio.timeout(self.limits.acquire):
            client = await self._readers.get()
        reader = SqliteSession(client, calls_max=1)
        try:
            yield reader
        finally:
            # The thread of the connection runs a call to its end, also of a cancelled caller.
            reader.lock.end()
            self._readers.put_nowait(client)

    def reading(self) -> AbstractAsyncContextManager[Session]:
        """A session for single statements; each sees the data committed when it starts."""
        return self._postgres() if self.engine == "postgres" else self._reader()

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[SqliteSession]:
        """A reader connection of SQLite; it is returned without an open transaction."""
        async with asyncio.timeout(self.limits.acquire):
            client = await self._readers.get()
        reader = SqliteSession(client)
        try:
            yield reader
        finally:
            # In a task of its own, which is never cancelled: SQLite executes a BEGIN even if its
            # caller was cancelled. The next reader would fail, or see an old snapshot forever.
            await self.run_uncancelled(reader.end(), lambda: self._readers.put_nowait(client))

    async def run_uncancelled(
        self, work: Coroutine[Any, Any, None], afterwards: Callable[[], None] = lambda: None
    ) -> None:
        """Run `work`, then `afterwards` in any case, in a task that is not cancelled with its
        caller.
        """
        ending = asyncio.create_task(work)
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        ending.add_done_callback(lambda _: afterwards())
        await asyncio.shield(ending)

    @asynccontextmanager
    async def writer(self, committed: Callable[[], None] = lambda: None) -> AsyncIterator[Session]:
        """A session inside a transaction: committed at the end, rolled back on any exception.

        `committed` is called right after the commit, before the connection is released. Must run in
        a task that is never cancelled. Raises OutcomeUnknown if the answer to COMMIT was lost.
        """
        with self.storage.watch():
            async with self._writer(committed) as session:
                yield session

    @asynccontextmanager
    async def _writer(self, committed: Callable[[], None]) -> AsyncIterator[Session]:
        if self.engine == "postgres":
            async with self._postgres_writer(committed) as session:
                yield session
            return
        client = self._default
        assert isinstance(client, SqliteClient)
        async with client._lock:
            writer = SqliteSession(client)
            try:
                async with _transaction(writer, "BEGIN IMMEDIATE"):
                    yield writer
                committed()
            finally:
                writer.lock.end()

    @asynccontextmanager
    async def brief_writer(
        self, committed: Callable[[], None] = lambda: None
    ) -> AsyncIterator[Session]:
        """A session in which each statement is its own transaction; on SQLite all are one
        transaction.

        For writes that are a single statement on PostgreSQL; otherwise as `writer`.
        """
        if self.engine == "sqlite":
            async with self.writer(committed) as session:
                yield session
            return
        with self.storage.watch():
            async with self._postgres() as session:
                yield session
                committed()


@asynccontextmanager
async def _transaction(session: Session, begin: str | None = None) -> AsyncIterator[None]:
    try:
        if begin is not None:
            await session.execute(begin)
        yield
        if not session.is_committed:
            await session.commit()
    except BaseException:
        if not session.is_committed:
            await _end(session, "ROLLBACK")
        raise


async def _end(session: Session, statement: str) -> None:
    """End a transaction; ignore errors of a connection that is already lost."""
    try:
        await session.execute(statement)
    except (DatabaseUnavailable, asyncpg.PostgresError, sqlite3.OperationalError):
        return


async def database_offset(database: Database, now: Any) -> Any:
    """Offset of the database's clock from `now()`, as a timedelta; zero on SQLite."""
    started = now()
    if database.engine == "sqlite":
        return started - started
    async with database.reading() as session:
        theirs = await session.fetch_value("SELECT clock_timestamp()")
    ended = now()
    return theirs - (started + (ended - started) / 2)
