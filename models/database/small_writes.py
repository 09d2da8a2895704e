"""Writes of a few rows in one call together with COMMIT, on PostgreSQL.

The driver cannot send COMMIT together with a statement that has parameters. But a statement that
was prepared in SQL can be executed by a text, and a text may contain several statements:

    EXECUTE restow_write_7('0190…', 'HELD', …); COMMIT; BEGIN

Each value is one parameter. For a few rows that costs both sides less than one array per column. A
larger write has arrays instead (`sql.writing`), so that one statement serves any number of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import count
from typing import NamedTuple
from uuid import UUID

from tortoise.models import Model

from models.database.keys import key_columns, key_of
from models.database.sql import (
    Columns,
    Rows,
    WriteStatement,
    columns_of,
    in_one,
    inserting,
    updating,
)

ROWS_MAX = 24
# Types whose text PostgreSQL reads back as the same value. Bytes and lists, for example, are not.
LITERALS = (str, int, float, Decimal, date, UUID)

# Per table: its name, its columns with their SQL types, the assignments of an update, the rows.
Part = tuple[str, Columns, str | None, int]
_numbers = count(1)


class PreparedWrite(NamedTuple):
    """A write as it is prepared on a connection: its name and the statement that prepares it."""

    name: str
    prepare: str


class SmallWrite(NamedTuple):
    """Rows to write: what is prepared for them, and their values in the order of parameters."""

    prepared: PreparedWrite
    values: Sequence[object]

    @property
    def call(self) -> str:
        """The statement that writes the rows."""
        return f"EXECUTE {self.prepared.name}({', '.join(map(_literal, self.values))})"


def small_write(
    rows: Mapping[type[Model], Rows], changes: Sequence[WriteStatement]
) -> SmallWrite | None:
    """The write of these rows; None if they are too many, or none."""
    size = sum(map(len, rows.values())) + sum(len(change.rows) for change in changes)
    if not 0 < size <= ROWS_MAX:
        return None
    parts: list[Part] = []
    values: list[object] = []
    for model, of_model in rows.items():
        if of_model:
            names = tuple(of_model[0])
            keys = key_columns(model, names)
            columns = columns_of(model, (*names, *(key for _, key in keys)))
            parts.append((model._meta.db_table, columns, None, len(of_model)))
            for row in of_model:
                values += [row[name] for name in names]
                values += [key_of(row[code]) for code, _ in keys]
    for change in changes:
        if change.rows:
            parts.append((change.table, change.columns, change.assignments, len(change.rows)))
            for each in change.rows:
                values += each
    return SmallWrite(_prepared(tuple(parts)), values)


@lru_cache(maxsize=1_024)
def _prepared(parts: tuple[Part, ...]) -> PreparedWrite:
    writes: list[str] = []
    types: list[str] = []
    for table, columns, assignments, size in parts:
        kinds = ["text" if kind == "jsonb" else kind for _, kind in columns]
        first = len(types) + 1
        types += kinds * size
        places = [f"${number}" for number in range(first, len(types) + 1)]
        tuples = ", ".join(
            f"({', '.join(places[start : start + len(kinds)])})"
            for start in range(0, len(places), len(kinds))
        )
        names = ", ".join(name for name, _ in columns)
        source = f"(VALUES {tuples}) AS c({names})"
        if assignments is None:
            writes.append(inserting(table, columns, source))
        else:
            writes.append(updating(table, columns, assignments, source))
    name = f"restow_write_{next(_numbers)}"
    return PreparedWrite(name, f"PREPARE {name}({', '.join(types)}) AS {in_one(writes)}")


@lru_cache(maxsize=64)
def _instant(value: datetime) -> str:
    """An instant as a literal. Most rows of a transaction have the same."""
    return f"'{value}'"


def _literal(value: object) -> str:
    """A value as a literal of SQL. Raises TypeError for a type that has no exact text."""
    if value is None:
        return "NULL"
    if type(value) is str and "'" not in value:
        return f"'{value}'"
    if type(value) is datetime:
        return _instant(value)
    if not isinstance(value, LITERALS):
        raise TypeError(f"a small write cannot contain a value of type {type(value).__name__}")
    return "'" + str(value).replace("'", "''") + "'"
