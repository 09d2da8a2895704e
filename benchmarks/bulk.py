"""Connections for rows in bulk, without triggers, foreign keys, and the indexes of lists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

# Unique indexes stay. Adding a million rows to the others one by one takes several times as long.
_INDEXES = """
SELECT c.relname AS name, pg_get_indexdef(c.oid) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT i.indisunique
"""


@asynccontextmanager
async def bulk(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection without triggers and foreign keys, after which statistics are renewed."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")
        yield connection
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


@asynccontextmanager
async def bulk_without_indexes(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """The same for millions of rows: the indexes that are not unique are built after the rows."""
    async with bulk(url) as connection:
        indexes = await connection.fetch(_INDEXES)
        for index in indexes:
            await connection.execute(f'DROP INDEX "{index["name"]}"')
        yield connection
        await connection.execute("SET maintenance_work_mem = '256MB'")
        for index in indexes:
            await connection.execute(index["definition"])
