"""Sessions of PostgreSQL for a single call, which needs no transaction."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from models.database.connections import Connection
from models.database.errors import translated_postgres
from models.database.pool import ConnectionPool
from models.database.postgres_session import PostgresSession
from models.database.sessions import Session


class SingleCall(AbstractAsyncContextManager[Session]):
    """A session for one call, on a connection of the pool.

    A class, because a page is read with it: a generator costs as much again as the pool.
    """

    __slots__ = ("_connection", "_open", "_pool", "_session")

    _connection: Connection
    _session: PostgresSession

    def __init__(self, pool: ConnectionPool, open_on: Callable[[Connection], PostgresSession]):
        self._pool = pool
        self._open = open_on

    async def __aenter__(self) -> Session:
        with translated_postgres():
            self._connection = await self._pool.acquire_single()
        self._session = self._open(self._connection)
        return self._session

    async def __aexit__(self, *_: object) -> None:
        lock, pool, connection = self._session.lock, self._pool, self._connection
        lock.end()
        if lock.locked():  # by a read whose caller has gone
            pool.run_uncancelled(when_idle(self._session, pool.reset(connection)))
        else:
            pool.release_single(connection)


async def when_idle(session: PostgresSession, ending: Coroutine[Any, Any, None]) -> None:
    """Run `ending` once no call of the session is running."""
    await session.lock.ended()
    await ending
