"""What a database says no to, in the same words on both engines."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import asyncpg


class DatabaseError(Exception):
    """What a database said no to, in the same words on both engines.

    DatabaseError
    ├── UniqueConflict      a unique key exists already
    ├── CheckFailed         a CHECK, a foreign key or an append-only trigger refused
    ├── Contention          deadlock, serialization failure or lock time-out: try again
    └── DatabaseUnavailable not reachable, shutting down, too slow, or taking no writes now
    """


class UniqueConflict(DatabaseError):
    """A unique key exists already."""


class CheckFailed(DatabaseError):
    """A CHECK, a foreign key or an append-only trigger refused the change."""


class Contention(DatabaseError):
    """The transaction lost against another one; the same work may succeed when tried again."""


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached now, gave no connection or answer in time, or cannot write."""


@contextmanager
def translated_postgres() -> Iterator[None]:
    """asyncpg's words as ours."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise UniqueConflict(error.constraint_name) from error
    except asyncpg.IntegrityConstraintViolationError as error:
        raise CheckFailed(str(error)) from error
    except (
        asyncpg.DeadlockDetectedError,
        asyncpg.SerializationError,
        asyncpg.LockNotAvailableError,
    ) as error:
        raise Contention(type(error).__name__) from error
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.CannotConnectNowError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.InsufficientResourcesError,
        asyncpg.QueryCanceledError,
        asyncpg.IdleInTransactionSessionTimeoutError,
        asyncpg.ReadOnlySQLTransactionError,  # what was the primary is a standby now
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
    ) as error:
        raise DatabaseUnavailable(type(error).__name__) from error


_CANNOT_WRITE = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}


def refuse_sqlite(error: sqlite3.Error) -> NoReturn:
    """Raise SQLite's words as ours, or the error itself where we have none for it."""
    words = str(error)
    if isinstance(error, sqlite3.IntegrityError):
        unique = "UNIQUE constraint" in words
        raise (UniqueConflict(words) if unique else CheckFailed(words)) from error
    if isinstance(error, sqlite3.OperationalError) and ("locked" in words or "busy" in words):
        raise Contention(words) from error
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _CANNOT_WRITE:
        raise DatabaseUnavailable(words) from error
    raise error
