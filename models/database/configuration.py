"""Configuration of the connections: modules of the tables, limits, and settings of both engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import models.database.plan_cache as plan_cache
from models.database.connections import Connection
from models.migrations.runner import sqlite_path

MODULES = [
    f"models.{noun}"
    for noun in (
        "catalog",
        "stock",
        "bins",
        "counts",
        "reservations",
        "orders",
        "fulfillments",
        "carriers",
        "picks",
        "transfers",
        "tasks",
        "returns",
        "ledger",
        "refunds",
        "policies",
        "exceptions",
        "access",
        "integrations",
        "audit",
        "events",
    )
]
SQLITE_READERS = 3


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """Size of the connection pool, and time-outs in seconds."""

    pool: int = 10
    acquire: float = 5.0
    statement: float = 30.0
    lock: float = 10.0
    idle_in_transaction: float = 30.0


DEFAULT_LIMITS = DatabaseLimits()


async def _nothing_to_reset(_: object) -> None:
    """Skip asyncpg's reset, which costs a round trip per use.

    No code here uses SET, LISTEN or advisory locks beyond a transaction. asyncpg itself ends a
    transaction that was left open.
    """


def _postgres_connection(url: str, limits: DatabaseLimits) -> dict[str, Any]:
    parts = urlsplit(url)
    settings = {
        "statement_timeout": str(int(limits.statement * 1000)),
        "lock_timeout": str(int(limits.lock * 1000)),
        "idle_in_transaction_session_timeout": str(int(limits.idle_in_transaction * 1000)),
        "application_name": "restow",
        **plan_cache.SETTINGS,
        "standard_conforming_strings": "on",  # models/database/small_writes.py quotes texts
    }
    query = dict(parse_qsl(parts.query))
    extra: dict[str, Any] = {
        "statement_cache_size": int(query.pop("statement_cache_size", 1024)),
        "reset": _nothing_to_reset,
        "connection_class": Connection,
        "timeout": limits.acquire,  # of opening a connection
    }
    host = query.pop("host", parts.hostname or "localhost")
    return {
        "engine": "tortoise.backends.asyncpg",
        "credentials": {
            "host": host,
            "port": parts.port or 5432,
            "user": unquote(parts.username or "postgres"),
            "password": unquote(parts.password or "") or None,
            "database": parts.path.lstrip("/") or "postgres",
            "minsize": 1,
            "maxsize": limits.pool,
            "server_settings": settings,
            **extra,
        },
    }


def _sqlite_connection(url: str, limits: DatabaseLimits) -> dict[str, Any]:
    pragmas = {
        "journal_mode": "WAL",
        "synchronous": "FULL",
        "foreign_keys": "ON",
        "busy_timeout": str(int(limits.lock * 1000)),
        "cache_size": "-65536",
        # 32 MB of WAL instead of 4: a page that is written repeatedly goes to the file once.
        # Measured: 10 % more holds per second over many SKUs.
        "wal_autocheckpoint": "8000",
        "temp_store": "MEMORY",
        "journal_size_limit": "67108864",
    }
    pragmas.update(parse_qsl(url.partition("?")[2]))
    return {
        "engine": "tortoise.backends.sqlite",
        "credentials": {"file_path": str(sqlite_path(url)), **pragmas},
    }


def tortoise_config(url: str, limits: DatabaseLimits) -> dict[str, Any]:
    """Tortoise's configuration: one pool on PostgreSQL; one writer and a few readers on SQLite."""
    if urlsplit(url).scheme == "sqlite":
        names = ["default", *(f"reader{n}" for n in range(SQLITE_READERS))]
        connections = {name: _sqlite_connection(url, limits) for name in names}
    else:
        connections = {"default": _postgres_connection(url, limits)}
    return {
        "connections": connections,
        "apps": {"restow": {"models": MODULES, "default_connection": "default"}},
        "use_tz": True,
        "timezone": "UTC",
    }
