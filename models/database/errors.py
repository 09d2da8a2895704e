"""Database errors, translated to the same classes on both engines."""

from __future__ import annotations

import sqlite3
from typing import NoReturn

import asyncpg


class DatabaseError(Exception):
    """An error of the database, the same on both engines.

    DatabaseError ├── UniqueConflict      a unique key exists already ├── CheckFailed         a
    CHECK, a foreign key or an append-only trigger refused the change ├── Contention
    deadlock, serialization failure or lock time-out: retry └── DatabaseUnavailable unreachable,
    shutting down, too slow, or read-only now
    """


class UniqueConflict(DatabaseError):
    """A unique key exists already."""


class CheckFailed(DatabaseError):
    """A CHECK, a foreign key or an append-only trigger refused the change."""


class Contention(DatabaseError):
    """The transaction conflicted with another one; the same work may succeed when retried."""


class DatabaseUnavailable(DatabaseError):
    """The database is unreachable, did not answer in time, or cannot write now."""


class StorageFull(DatabaseUnavailable):
    """The disk of the database is full; reads still work."""


class OutcomeUnknown(DatabaseUnavailable):
    """The connection was lost during COMMIT, so the result is unknown; retry with the same key."""


def unforeseen(error: Exception) -> Exception | None:
    """The `exc_info` to log an error with: None where the state of the database explains it."""
    return None if isinstance(error, DatabaseError | TimeoutError) else error


def is_refusal(error: BaseException | None) -> bool:
    """True if PostgreSQL itself refused a call: nothing of it was done. False: it is unknown."""
    if not isinstance(error, asyncpg.PostgresError):
        return False
    if isinstance(error, asyncpg.QueryCanceledError):  # the only one of its class that is no end
        return True
    return not isinstance(
        error, asyncpg.PostgresConnectionError | asyncpg.OperatorInterventionError
    )


class _TranslatedPostgres:
    """Raises asyncpg's errors as DatabaseError. Without an error it does nothing."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None:
            _refuse_postgres(error)


_TRANSLATED_POSTGRES = _TranslatedPostgres()


def translated_postgres() -> _TranslatedPostgres:
    """Raise asyncpg's errors as DatabaseError."""
    return _TRANSLATED_POSTGRES


def _refuse_postgres(error: BaseException) -> None:
    """Raise asyncpg's error as DatabaseError; return if it has no translation."""
    if isinstance(error, asyncpg.UniqueViolationError):
        raise UniqueConflict(error.constraint_name) from error
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        raise CheckFailed(str(error)) from error
    if isinstance(error, _CONTENTION):
        raise Contention(_described(error)) from error
    if isinstance(error, asyncpg.DiskFullError):
        raise StorageFull(str(error)) from error
    if isinstance(error, _UNAVAILABLE):
        raise DatabaseUnavailable(_described(error)) from error


def _described(error: BaseException) -> str:
    """The type of an error with its message; a time-out has none."""
    name = type(error).__name__
    # Without arguments asyncpg's errors have no text.
    text = str(error) if error.args else ""
    return f"{name}: {text}" if text else name


_CONTENTION = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,
    asyncpg.QueryCanceledError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # the server became a standby
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
_CANNOT_WRITE = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
}


def refuse_sqlite(error: sqlite3.Error) -> NoReturn:
    """Raise SQLite's error as DatabaseError, or unchanged if it has no translation."""
    message = str(error)
    if isinstance(error, sqlite3.IntegrityError):
        unique = "UNIQUE constraint" in message
        raise (UniqueConflict(message) if unique else CheckFailed(message)) from error
    if isinstance(error, sqlite3.OperationalError) and ("locked" in message or "busy" in message):
        raise Contention(message) from error
    reason = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if reason == sqlite3.SQLITE_FULL:
        raise StorageFull(message) from error
    if reason in _CANNOT_WRITE:
        raise DatabaseUnavailable(message) from error
    raise error
