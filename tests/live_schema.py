"""Read the actual schema of a database, in the same notation for both engines.

`python -m tests.live_schema` prints the facts that the newest version adds to the older ones, for
its file in tests/released.
"""

import asyncio
import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from models.migrations.runner import migrate, sqlite_path

RELEASED = Path(__file__).parent / "released"
_TYPES = {
    "timestamp with time zone": "instant",
    "bigint": "integer",
    "boolean": "boolean",
    "jsonb": "json",
    "uuid": "uuid",
    "text": "text",
}


@dataclass(frozen=True)
class LiveSchema:
    """Schema of a database.

    `columns`: (table, column) → (type, nullable); on SQLite the types are those of SQLite.
    `facts`: one line for every other object, as in tests/released/*.schema:

        unique item(sku)
        index item(barcode)
        check item: price_minor >= 0
        foreign key item.supplier_id → supplier.id RESTRICT
        trigger BEFORE UPDATE ON stock_movement
        search item_search

    The last stands for an index of parts of texts: on PostgreSQL a GIN index, on SQLite a virtual
    table with the triggers that keep it.
    """

    columns: dict[tuple[str, str], tuple[str, bool]]
    primary_keys: set[str]
    facts: set[str]

    @property
    def tables(self) -> set[str]:
        """Every table except the list of versions."""
        return {table for table, _ in self.columns}


def plain(expression: str) -> str:
    """An SQL expression without the differences between the engines: casts, brackets, spaces."""
    text = re.sub(r"::\w+(\[\])?", "", expression).replace('"', "")
    text = re.sub(r"'(-?\d+)'", r"\1", text)
    text = re.sub(r"(\w+) BETWEEN (\S+) AND ([^\s)]+)", r"\1 >= \2 AND \1 <= \3", text)
    text = re.sub(r"= ANY \((?:\()?ARRAY\[(.*?)\]\)+", r"IN (\1)", text)
    text = re.sub(r"<> ALL \((?:\()?ARRAY\[(.*?)\]\)+", r"NOT IN (\1)", text)
    text = re.sub(r"\bTRUE\b", "true", text)
    return re.sub(r"[\s()]", "", text)


def normal(facts: Iterable[str]) -> set[str]:
    """Facts with their expressions normalized, so that the engines can be compared."""
    found = set()
    for fact in facts:
        head, mark, expression = next(
            (fact.partition(each) for each in (": ", " WHERE ") if each in fact), (fact, "", "")
        )
        found.add(head + mark + plain(expression))
    return found


def expected(versions: Iterable[str]) -> set[str]:
    """Facts that these versions create according to their files; a line with a minus removes a
    fact."""
    facts: set[str] = set()
    for version in versions:
        file = RELEASED / f"{version}.schema"
        lines = [line for line in file.read_text().splitlines() if line] if file.exists() else []
        facts -= {line.removeprefix("- ") for line in lines if line.startswith("- ")}
        facts |= {line for line in lines if not line.startswith("- ")}
    return facts


async def read(database_url: str) -> LiveSchema:
    """Read the schema of a database."""
    if urlsplit(database_url).scheme == "sqlite":
        connection = sqlite3.connect(sqlite_path(database_url))
        try:
            return _read_sqlite(connection)
        finally:
            connection.close()
    pg = await asyncpg.connect(database_url.replace("postgres://", "postgresql://", 1))
    try:
        return await _read_postgres(pg)
    finally:
        await pg.close()


def _index(table: str, columns: list[str], predicate: str | None) -> str:
    where = f" WHERE {predicate}" if predicate else ""
    return f"{table}({', '.join(columns)}){where}"


_TABLES = (
    "SELECT name, sql FROM sqlite_master JOIN pragma_table_list USING (name, type)"
    " WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_version'"
)
_VIRTUAL = "SELECT name FROM pragma_table_list WHERE type = 'virtual'"
_TRIGGERS = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"


def _read_sqlite(connection: sqlite3.Connection) -> LiveSchema:
    found = LiveSchema({}, set(), set())
    for table, sql in connection.execute(_TABLES).fetchall():
        assert sql.endswith("STRICT"), table
        keys: list[tuple[int, str]] = []
        for _, column, kind, required, _, key in connection.execute(f"PRAGMA table_info({table})"):
            # An INTEGER PRIMARY KEY is never null, although the pragma says it may be.
            found.columns[(table, column)] = (kind, not required and not key)
            if key:
                keys.append((key, column))
        found.primary_keys.add(_index(table, [column for _, column in sorted(keys)], None))
        found.facts.update(f"check {table}: {check}" for check in _checks(sql))
        for row in connection.execute(f"PRAGMA foreign_key_list({table})").fetchall():
            _, _, parent, column, target, _, on_delete, _ = row
            found.facts.add(f"foreign key {table}.{column} → {parent}.{target} {on_delete}")
        for _, name, unique, origin, partial in connection.execute(f"PRAGMA index_list({table})"):
            columns = [
                row[2] or "expression" for row in connection.execute(f"PRAGMA index_info({name})")
            ]
            sql = "SELECT sql FROM sqlite_master WHERE name = ?"
            (text,) = connection.execute(sql, (name,)).fetchone() or ("",)
            predicate = text.partition(" WHERE ")[2] if partial else None
            if origin != "pk":
                kind = "unique" if unique else "index"
                found.facts.add(f"{kind} {_index(table, columns, predicate)}")
    searched = [name for (name,) in connection.execute(_VIRTUAL)]
    found.facts.update(f"search {name}" for name in searched)
    for trigger, table, sql in connection.execute(_TRIGGERS).fetchall():
        if trigger.startswith(tuple(f"{name}_" for name in searched)):
            continue
        match = re.search(r"(BEFORE|AFTER) ([\w ,]+?) ON", sql)
        assert match is not None
        found.facts.add(f"trigger {match[1]} {match[2]} ON {table}")
    return found


def _checks(sql: str) -> Iterator[str]:
    """The expression of each CHECK in a CREATE TABLE statement."""
    for match in re.finditer(r"CHECK \(", sql):
        depth, start = 1, match.end()
        end = start
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        yield re.sub(r"\s+", " ", sql[start : end - 1])


_PG_COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable = 'YES' AS nullable
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_version'
"""
_PG_INDEXES = """
SELECT t.relname AS name, i.indisunique, i.indisprimary, pg_get_expr(i.indpred, t.oid) AS predicate,
  (SELECT x.relname::text FROM pg_class x JOIN pg_am a ON a.oid = x.relam
    WHERE x.oid = i.indexrelid AND a.amname = 'gin') AS searched,
  ARRAY(SELECT COALESCE(a.attname::text, 'expression')
    FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place) LEFT JOIN pg_attribute a
      ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY k.place) AS columns
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> 'schema_version'
"""
_PG_CHECKS = """
SELECT conrelid::regclass::text AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace
"""
_PG_FOREIGN_KEYS = """
SELECT c.conrelid::regclass::text AS name, a.attname, c.confrelid::regclass::text AS parent,
  f.attname AS target, c.confdeltype, c.convalidated
FROM pg_constraint c
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = c.confkey[1]
WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
"""
_PG_TRIGGERS = """
SELECT pg_get_triggerdef(g.oid) AS definition, g.tgrelid::regclass::text AS name
FROM pg_trigger g WHERE NOT g.tgisinternal AND g.tgenabled = 'O'
"""


async def _read_postgres(pg: Any) -> LiveSchema:
    found = LiveSchema({}, set(), set())
    for row in await pg.fetch(_PG_COLUMNS):
        kind = (_TYPES[row["data_type"]], row["nullable"])
        found.columns[(row["table_name"], row["column_name"])] = kind
    for row in await pg.fetch(_PG_INDEXES):
        line = _index(row["name"], row["columns"], row["predicate"])
        if row["searched"]:
            found.facts.add(f"search {row['searched']}")
        elif row["indisprimary"]:
            found.primary_keys.add(line)
        else:
            found.facts.add(f"{'unique' if row['indisunique'] else 'index'} {line}")
    for row in await pg.fetch(_PG_CHECKS):
        definition = row["definition"].removeprefix("CHECK ")
        found.facts.add(f"check {row['name']}: {definition}")
    for row in await pg.fetch(_PG_FOREIGN_KEYS):
        assert row["convalidated"]
        on_delete = {b"r": "RESTRICT", b"c": "CASCADE", b"a": "NO ACTION"}[row["confdeltype"]]
        parent = f"{row['parent']}.{row['target']}"
        found.facts.add(f"foreign key {row['name']}.{row['attname']} → {parent} {on_delete}")
    for row in await pg.fetch(_PG_TRIGGERS):
        match = re.search(r"(BEFORE|AFTER) ([\w ,]+?) ON", row["definition"])
        assert match is not None
        for verb in match[2].split(" OR "):
            found.facts.add(f"trigger {match[1]} {verb} ON {row['name']}")
    return found


async def _print_newest() -> None:
    with TemporaryDirectory() as folder:
        url = f"sqlite://{folder}/new.db"
        versions = await migrate(url)
        known = normal(expected(versions))
        for fact in sorted((await read(url)).facts):
            if not normal([fact]) <= known:
                sys.stdout.write(f"{fact}\n")


if __name__ == "__main__":
    asyncio.run(_print_newest())
