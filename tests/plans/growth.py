"""Growth of a PostgreSQL database: every table gets copies of the rows that it has.

Copies obey all rules of the tables, because their rows do. Ids, references and keys differ between
copies; foreign keys lead to the copies of their parents. So a table of later code needs no line
here, only rows. The rows that were copied are removed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

# Set up by people and few: a thousand of them would be another program.
FEW = frozenset(
    {
        *("location", "channel", "channel_location", "reason_code", "policy", "policy_start"),
        *("event_retention", "period_close", "api_key", "lease", "schema_version", "event_pending"),
        *("audit_chain", "audit_pending", "integration", "integration_secret"),
        *("webhook_delivery", "integration_health"),
        *("playbook_run", "playbook_measure"),
    }
)
# Distances between copies in lists by a time: copies of different rows lie between each other.
# All orders of a day have the same shipping time.
_APART = {("reservation", "created_at"): "1 hour", ("sales_order", "ship_by_at"): "0"}
_DISTINCT = re.compile(r"(reference|number|key|subject|sku|barcode|address|message|digest|^code)$")
_COLUMNS = """
SELECT c.table_name AS "table", c.column_name AS "column", c.data_type AS type,
  (SELECT min(confrelid::regclass::text) FROM pg_constraint k
   WHERE k.contype = 'f' AND k.conrelid = c.table_name::regclass
     AND k.conkey[1] = c.ordinal_position) AS parent,
  EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.table_name::regclass AND i.indisprimary
    AND c.ordinal_position = ANY(i.indkey::int[])) AS is_key
FROM information_schema.columns c WHERE c.table_schema = 'public'
ORDER BY c.table_name, c.ordinal_position
"""
# Indexes are built after the rows, except unique ones, which are checked for each row. Adding
# 1,000,000 rows to a GIN index one by one takes five times as long.
_INDEXES = """
SELECT c.relname AS name, pg_get_indexdef(c.oid) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT i.indisunique
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, the table that it refers to, and whether it is part of the primary key."""

    name: str
    type: str
    parent: str | None
    is_key: bool


async def grow(connection: Any, rows: int) -> None:
    """Replace the rows of each table by about `rows` copies of them. Statistics are not renewed."""
    tables: dict[str, list[Column]] = {}
    for row in await connection.fetch(_COLUMNS):
        column = Column(row["column"], row["type"], row["parent"], row["is_key"])
        tables.setdefault(row["table"], []).append(column)
    many = {name: columns for name, columns in tables.items() if name not in FEW}
    counts = {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in many}
    copies = {name: -(-rows // count) for name, count in counts.items() if count}
    while _limit_to_parents(copies, many):
        pass
    strides = {
        name: await connection.fetchval(f"SELECT max({columns[0].name}) + 1 FROM {name}")
        for name, columns in many.items()
        if name in copies and columns[0].type == "bigint"
    }
    await connection.execute("SET session_replication_role = replica")
    indexes = await connection.fetch(_INDEXES)
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['name']}")
    for name in copies:
        await connection.execute(f"CREATE TEMP TABLE source_{name} AS SELECT * FROM {name}")
    await connection.execute(f"TRUNCATE {', '.join(many)}, event_pending, audit_pending")
    for name in copies:
        await connection.execute(_copying(name, many[name], copies, strides))
        await connection.execute(f"DROP TABLE source_{name}")
    await connection.execute("SET maintenance_work_mem = '512MB'")
    for index in indexes:
        await connection.execute(index["definition"])
    await connection.execute(
        "UPDATE lease SET counter = (SELECT max(position) FROM event_position)"
        " WHERE name = 'sequencer'"
    )
    await connection.execute(
        "UPDATE audit_chain SET sequence = (SELECT COALESCE(max(sequence), 0) FROM audit_seal)"
    )
    await connection.execute("RESET session_replication_role")
    for name, columns in many.items():
        if columns[0].type == "bigint" and columns[0].name == "id":
            await connection.execute(
                f"SELECT setval(s, (SELECT max(id) FROM {name})) FROM"
                f" pg_get_serial_sequence('{name}', 'id') AS s WHERE s IS NOT NULL"
            )


def _limit_to_parents(copies: dict[str, int], tables: dict[str, list[Column]]) -> bool:
    """Lower the copies of a table to those of its parents, so that each copy has its own."""
    changed = False
    for name in copies:
        parents = {column.parent for column in tables[name]}
        fewest = min((copies[parent] for parent in parents if parent in copies), default=None)
        if fewest is not None and fewest < copies[name]:
            copies[name], changed = fewest, True
    return changed


def _copying(
    name: str, columns: list[Column], copies: dict[str, int], strides: dict[str, int]
) -> str:
    names = ", ".join(column.name for column in columns)
    values = ", ".join(_value(name, column, copies, strides) for column in columns)
    return (
        f"INSERT INTO {name} ({names}) SELECT {values} FROM source_{name} r,"
        f" generate_series(1, {copies[name]}) n ON CONFLICT DO NOTHING"
    )


def _value(table: str, column: Column, copies: dict[str, int], strides: dict[str, int]) -> str:
    value = f"r.{column.name}"
    if column.parent is not None and column.parent not in copies:
        return value
    if column.type == "uuid":
        return f"md5({value}::text || n)::uuid"
    if column.type == "bigint" and (column.is_key or column.parent is not None):
        return f"{value} + {strides[column.parent or table]} * n::bigint"
    if column.type == "text" and column.name in ("subject", "subject_key"):
        return _subject(value, strides["stock_level"])
    if column.type == "text" and column.name == "number":  # the end of a parcel's number counts
        return f"n || '~' || {value}"
    if column.type == "text" and column.parent is None and _DISTINCT.search(column.name):
        return f"{value} || '~' || n"
    if column.type == "timestamp with time zone":
        apart = _APART.get((table, column.name), "1 microsecond")
        return f"{value} - n * interval '{apart}'"
    return value


def _subject(value: str, stride: int) -> str:
    """The copy's subject (`Order:<id>`, or an id alone) is the copy of the row that it names."""
    return (
        f"CASE WHEN {value} ~ '[0-9a-f-]{{36}}$' THEN left({value}, -36)"
        f" || md5(right({value}, 36) || n)::uuid"
        f" WHEN {value} ~ '^StockLevel:[0-9]+$' THEN 'StockLevel:' ||"
        f" substr({value}, 12)::bigint + {stride} * n::bigint"
        f" WHEN {value} ~ '^(Channel|Location):' THEN {value} ELSE {value} || '~' || n END"
    )
