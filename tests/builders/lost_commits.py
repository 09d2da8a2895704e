"""Loss of the answer to a COMMIT, once."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

import models.database.sqlite_session as sqlite_session
from models.database.connections import Connection
from models.database.database import Database
from models.database.pool import SNAPSHOT

Execute = Callable[..., Awaitable[Any]]


def lose_commit(database: Database, monkeypatch: pytest.MonkeyPatch, *, happens: bool) -> list[str]:
    """Lose the answer to the next COMMIT, which happens or not. Returns the calls that it hit."""
    lost: list[str] = []
    if database.engine == "sqlite":
        _lose_on_sqlite(monkeypatch, lost, happens=happens)
    else:
        _lose_on_postgres(monkeypatch, lost, happens=happens)
    return lost


def _lose_on_postgres(monkeypatch: pytest.MonkeyPatch, lost: list[str], *, happens: bool) -> None:
    execute: Execute = Connection.execute

    async def loses(self: Connection, query: str, *args: Any, **options: Any) -> Any:
        if lost or "COMMIT" not in query or SNAPSHOT in query:
            return await execute(self, query, *args, **options)
        lost.append(query)
        await execute(self, query if happens else query.replace("COMMIT", "ROLLBACK"))
        raise asyncpg.ConnectionDoesNotExistError("the connection was closed")

    monkeypatch.setattr(Connection, "execute", loses)


def _lose_on_sqlite(monkeypatch: pytest.MonkeyPatch, lost: list[str], *, happens: bool) -> None:
    commit = sqlite_session.commit_now

    def loses(raw: sqlite3.Connection) -> None:
        if lost:
            commit(raw)
            return
        lost.append("COMMIT")
        raw.execute("COMMIT" if happens else "ROLLBACK")
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    monkeypatch.setattr(sqlite_session, "commit_now", loses)
