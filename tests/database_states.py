"""Save the state of a new database, and restore it after use.

A restore takes a tenth of the time of copying the template. It runs on the database's kept
connection (kept_connections.py).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import asyncpg

from tests import kept_connections

POLLS_MAX, POLL_SECONDS = 500, 0.01  # polls until all other connections are closed
SIZE_MAX = 32 * 2**20  # a new database has 10 MB; a larger one is slow to restore and is dropped

# Number of entries in the catalog tables, and a sum that changes with any change of an entry.
_SHAPE = " UNION ALL ".join(
    f"SELECT '{catalog}' AS part, count(*) AS number, sum(xmin::text::bigint) AS changes"
    f" FROM {catalog}"
    for catalog in (
        "pg_class",
        "pg_attribute",
        "pg_attrdef",
        "pg_constraint",
        "pg_index",
        "pg_trigger",
        "pg_proc",
        "pg_sequence",
        "pg_namespace",
        "pg_extension",
    )
)
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_NUMBERS = """
SELECT quote_ident(sequencename) AS name, coalesce(last_value, start_value) AS value,
  last_value IS NOT NULL AS is_used
FROM pg_sequences WHERE schemaname = 'public'
"""
_OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class State:
    """The catalog's fingerprint, the rows in COPY format, and the statements for a restore."""

    shape: tuple[tuple[object, ...], ...]
    rows: dict[str, bytes]
    filled: str  # query of the tables that have rows
    numbering: str


async def read(database_url: str) -> State:
    """Read the state of a database, which should be new and so hold few rows."""
    connection = await kept_connections.connection(database_url)
    tables = [row["tablename"] for row in await connection.fetch(_TABLES)]
    rows = {}
    for table in tables:
        content = BytesIO()
        await connection.copy_from_table(table, output=content)
        if content.getvalue():
            rows[table] = content.getvalue()
    numbers = [
        f"setval('{row['name']}', {row['value']}, {row['is_used']})"
        for row in await connection.fetch(_NUMBERS)
    ]
    return State(
        shape=await _shape(connection),
        rows=rows,
        filled=" UNION ALL ".join(
            f"SELECT '{table}' AS name WHERE EXISTS (SELECT FROM \"{table}\")" for table in tables
        ),
        numbering=f"SELECT {', '.join(numbers)}",
    )


async def restore(database_url: str, state: State) -> bool:
    """Restore a database to a saved state. Returns False if its catalog has changed."""
    try:
        return await _restore(await kept_connections.connection(database_url), state)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return False


async def _restore(connection: asyncpg.Connection[Any], state: State) -> bool:
    for _ in range(POLLS_MAX):
        if not await connection.fetchval(_OTHERS):
            break
        await asyncio.sleep(POLL_SECONDS)
    else:
        return False
    size = await connection.fetchval("SELECT pg_database_size(current_database())")
    if size > SIZE_MAX or await _shape(connection) != state.shape:
        return False
    async with connection.transaction():
        # In this role triggers and foreign keys do not run, so append-only tables can be emptied.
        await connection.execute("SET LOCAL session_replication_role = 'replica'")
        filled = [row["name"] for row in await connection.fetch(state.filled)]
        await connection.execute("; ".join(f'DELETE FROM "{table}"' for table in filled))
        for table, content in state.rows.items():
            await connection.copy_to_table(table, source=BytesIO(content))
        await connection.execute(state.numbering)
    return True


async def _shape(connection: asyncpg.Connection[Any]) -> tuple[tuple[object, ...], ...]:
    return tuple(tuple(row) for row in await connection.fetch(_SHAPE))
