"""Master data and stock of the benchmarks: a number of SKUs at three locations, one channel.

The rows are written in bulk without workflows: COPY on PostgreSQL, executemany on SQLite.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import asyncpg

from models.database.sqlite_values import instant_text
from models.migrations.runner import migrate, sqlite_path

CHANNEL = "web"
LOCATIONS = ("LEEDS", "PARIS", "YORK")
CHUNK = 50_000
_ITEM = (
    "id",
    "sku",
    "sku_key",
    "name",
    "category",
    "price_minor",
    "price_currency",
    "returnable",
    "created_at",
    "updated_at",
)
_LEVEL = ("item_id", "location_id", "available", "updated_at")
_MASTER = (
    *(
        "INSERT INTO location"
        " (id, code, code_key, name, kind, country_code, time_zone, pack_required, active)"
        f" VALUES ({number}, '{code}', lower('{code}'), '{code}', 'WAREHOUSE', 'GB',"
        " 'Europe/London', FALSE, TRUE)"
        for number, code in enumerate(LOCATIONS, start=1)
    ),
    "INSERT INTO channel (id, code, code_key, name, kind, currency, priority, safety_buffer,"
    f" active) VALUES (1, '{CHANNEL}', lower('{CHANNEL}'), 'Web', 'STOREFRONT', 'GBP', 1, 0, TRUE)",
    *(
        f"INSERT INTO channel_location (channel_id, location_id) VALUES (1, {number})"
        for number in range(1, len(LOCATIONS) + 1)
    ),
)


def sku(number: int) -> str:
    return f"SKU-{number:07d}"


def _items(first: int, last: int, now: object) -> Iterator[tuple[object, ...]]:
    for number in range(first, last + 1):
        price = 100 + number % 900
        code = sku(number)
        yield number, code, code.lower(), f"Item {number}", "goods", price, "GBP", True, now, now


def _levels(
    first: int, last: int, now: object, units: tuple[int, ...]
) -> Iterator[tuple[object, ...]]:
    for number in range(first, last + 1):
        for location, available in enumerate(units, start=1):
            yield number, location, available, now


async def fill_postgres(url: str, skus: int, units: tuple[int, ...]) -> None:
    """Migrate an empty database and add `skus` items with `units` of each, by location."""
    await migrate(url)
    connection = await asyncpg.connect(url)
    now = datetime.now(UTC)
    try:
        for statement in _MASTER:
            await connection.execute(statement)
        for first in range(1, skus + 1, CHUNK):
            last = min(first + CHUNK - 1, skus)
            await connection.copy_records_to_table(
                "item", records=_items(first, last, now), columns=_ITEM
            )
            await connection.copy_records_to_table(
                "stock_level", records=_levels(first, last, now, units), columns=_LEVEL
            )
        for table in ("item", "location", "channel"):
            await connection.execute(f"SELECT setval('{table}_id_seq', max(id)) FROM {table}")
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def fill_sqlite(url: str, skus: int, units: tuple[int, ...]) -> None:
    """Fill a new SQLite file in the same way."""
    await migrate(url)
    now = instant_text(datetime.now(UTC))
    with sqlite3.connect(sqlite_path(url)) as connection:
        for statement in _MASTER:
            connection.execute(statement)
        _insert(connection, "item", _ITEM, _items(1, skus, now))
        _insert(connection, "stock_level", _LEVEL, _levels(1, skus, now, units))
    connection.close()


def _insert(
    connection: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Iterator[tuple[object, ...]],
) -> None:
    places = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)


async def fresh_postgres(server: str, name: str, skus: int, units: tuple[int, ...]) -> str:
    """Create and fill a database on a server; return its URL."""
    admin = await asyncpg.connect(server)
    try:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{name}"')
    finally:
        await admin.close()
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    await fill_postgres(url, skus, units)
    return url
