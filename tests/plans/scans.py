"""Recorder of statements on SQLite, and the tables that their plans read as a whole.

SQLite's plans depend on the statement alone: it has no statistics unless ANALYZE gathers some.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from typing import Any

_VALUE = re.compile(r"'(?:[^']|'')*'|\b\d+\b")
_READS = re.compile(r"\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_SCAN = re.compile(r"SCAN (\w+)( USING .*)?$")
_SORTS = "USE TEMP B-TREE FOR ORDER BY"
_BEFORE_ALIAS = r"\b(\w+)\s+(?:AS\s+)?{}\b"


@contextmanager
def statements_seen(path: str) -> Iterator[dict[str, str]]:
    """Statements of connections to a file that are opened meanwhile, by text without values."""
    seen: dict[str, str] = {}
    connect = sqlite3.connect

    def traced(*args: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **named)
        if path in str([*args, *named.values()]):
            connection.set_trace_callback(lambda sql: seen.setdefault(_VALUE.sub("?", sql), sql))
        return connection

    sqlite3.connect = traced  # type: ignore[assignment]
    try:
        yield seen
    finally:
        sqlite3.connect = connect


def scans(path: str, statements: Collection[str]) -> dict[str, list[str]]:
    """The tables that each of these statements reads as a whole; most read none."""
    found: dict[str, list[str]] = {}
    with closing(sqlite3.connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        for sql in filter(_READS.match, statements):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
            text = " ".join(sql.split())
            for alias in _read_as_a_whole(text, plan):
                if (table := _table(alias, sql, tables)) is not None:
                    found.setdefault(text, []).append(table)
    return found


def _read_as_a_whole(sql: str, plan: Collection[str]) -> Iterator[str]:
    """Aliases of scans that do not end when a page is full, as a walk in the list's order does."""
    for step in plan:
        if scan := _SCAN.match(step):
            is_in_order = scan[2] is not None or _SORTS not in plan
            if not (is_in_order and " LIMIT " in sql):
                yield scan[1]


def _table(alias: str, sql: str, tables: set[str]) -> str | None:
    """The table with this alias in a statement; None for a subquery or a function."""
    named = re.findall(_BEFORE_ALIAS.format(alias), sql)
    return next((name for name in [alias, *named] if name in tables), None)
