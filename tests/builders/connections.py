"""Use a database's connections, inspect the pool, and wait for its states."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tortoise.connection import get_connection

from models.database.database import Database
from models.database.pool import ConnectionPool
from models.database.sessions import Session


async def read(database: Database) -> int:
    """Count the suppliers in a snapshot."""
    async with database.snapshot() as session:
        return await count(session)


async def count(session: Session) -> int:
    """Count the suppliers."""
    found: int = await session.fetch_value("SELECT COUNT(*) FROM supplier")
    return found


async def add(database: Database, code: str) -> None:
    """Insert a supplier."""
    async with database.writer() as session:
        await session.execute("INSERT INTO supplier (code, name) VALUES ($1, $1)", code)


@asynccontextmanager
async def taking_no_writes(database: Database) -> AsyncIterator[None]:
    """Make the only writing connection read-only during the block, like that of a standby
    server."""
    if database.engine == "sqlite":
        no, yes = "PRAGMA query_only = ON", "PRAGMA query_only = OFF"
    else:
        no, yes = (f"SET default_transaction_read_only = {word}" for word in ("on", "off"))
    client = get_connection("default")
    await client.execute_script(no)
    try:
        yield
    finally:
        await client.execute_script(yes)


def connections_of(database: Database) -> ConnectionPool:
    """The connection pool of an open PostgreSQL database."""
    found = database._connections
    assert found is not None
    return found


async def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until the condition is true."""
    for _ in range(1_000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never was")


async def standing_ready(database: Database) -> None:
    """Wait until the pool has a prepared snapshot connection."""
    await eventually(lambda: connections_of(database).prepared > 0)


async def queued(database: Database, many: int) -> None:
    """Wait until `many` requests wait for a connection."""
    await eventually(lambda: len(connections_of(database)._queue) == many)


async def at_rest(database: Database) -> None:
    """Wait until no connection is lent: every connection taken from the pool is a prepared
    one, or kept idle."""
    kept = connections_of(database)
    await eventually(
        lambda: not kept._ending and kept._taken == kept.prepared + kept.begun + kept.idle
    )
