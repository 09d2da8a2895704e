"""One connection per PostgreSQL database, kept for the tests' own work on it.

PostgreSQL reads a database's catalog anew in each connection. A new connection takes several times
as long for the restore of a database as one that has done it before. A connection belongs to one
event loop, so they all live on a loop of their own, in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import cache
from threading import Thread
from typing import Any, TypeVar

import asyncpg

T = TypeVar("T")
NAME = "kept by the tests"  # of its connections, for tests that count connections

_kept: dict[str, asyncpg.Connection[Any]] = {}


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on that loop, also while a test's loop is running, and wait for it."""
    return asyncio.run_coroutine_threadsafe(coroutine, _loop()).result()


async def connection(database_url: str) -> asyncpg.Connection[Any]:
    """The connection of a database; opened at its first use, and anew once it is broken."""
    found = _kept.get(database_url)
    if found is None or found.is_closed():
        found = _kept[database_url] = await asyncpg.connect(
            database_url, server_settings={"application_name": NAME}
        )
    return found


def forget(database_url: str) -> None:
    """Close the connection of a database, if one is kept."""
    if (found := _kept.pop(database_url, None)) is not None:
        _loop().call_soon_threadsafe(found.terminate)


def forget_all() -> None:
    """Close all connections."""
    for database_url in [*_kept]:
        forget(database_url)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="kept connections", daemon=True).start()
    return loop
