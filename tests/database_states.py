"""What a new database holds, and how a used one becomes new again: a tenth of what a copy costs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from io import BytesIO

import asyncpg

LOOKS_MAX, LOOK_SECONDS = 500, 0.01  # until everybody else has gone
SIZE_MAX = 32 * 2**20  # a new one has 10 MB; what grew is slow, and is not worth keeping

# Every table, column, constraint, trigger, function and index, and whether one was ever changed.
_SHAPE = " UNION ALL ".join(
    f"SELECT '{catalogue}' AS part, count(*) AS number, sum(xmin::text::bigint) AS changes"
    f" FROM {catalogue}"
    for catalogue in (
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
    """The shape of a database, its rows as COPY gives them, and statements towards them."""

    shape: tuple[tuple[object, ...], ...]
    rows: dict[str, bytes]
    emptying: str
    numbering: str


async def read(database_url: str) -> State:
    """What a database holds now; meant for new ones, which hold little."""
    connection = await asyncpg.connect(database_url)
    try:
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
            emptying="; ".join(f'DELETE FROM "{table}"' for table in tables),
            numbering=f"SELECT {', '.join(numbers)}",
        )
    finally:
        await connection.close()


async def restore(database_url: str, state: State) -> bool:
    """Put a database back into a state that it had; False where it is no longer made like that."""
    try:
        connection = await asyncpg.connect(database_url)
    except (asyncpg.PostgresError, OSError):
        return False
    try:
        return await _restore(connection, state)
    except asyncpg.PostgresError:
        return False
    finally:
        await connection.close()


async def _restore(connection: asyncpg.Connection, state: State) -> bool:
    for _ in range(LOOKS_MAX):
        if not await connection.fetchval(_OTHERS):
            break
        await asyncio.sleep(LOOK_SECONDS)
    else:
        return False
    size = await connection.fetchval("SELECT pg_database_size(current_database())")
    if size > SIZE_MAX or await _shape(connection) != state.shape:
        return False
    async with connection.transaction():
        # The triggers that keep rows for ever are not asked, nor are foreign keys.
        await connection.execute("SET LOCAL session_replication_role = 'replica'")
        await connection.execute(state.emptying)
        for table, content in state.rows.items():
            await connection.copy_to_table(table, source=BytesIO(content))
        await connection.execute(state.numbering)
    return True


async def _shape(connection: asyncpg.Connection) -> tuple[tuple[object, ...], ...]:
    return tuple(tuple(row) for row in await connection.fetch(_SHAPE))
