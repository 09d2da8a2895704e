"""The words of statements: several questions in one, rows written at once, SQLite's dialect."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from tortoise import fields
from tortoise.models import Model

from models.database.rows import Row as Row
from models.database.rows import RowT

Rows = Sequence[Row]
AnswerT = TypeVar("AnswerT")
Columns = tuple[tuple[str, str], ...]  # (column, SQL type)

_SQL_TYPES: Mapping[type[fields.Field[Any]], str] = {
    fields.BigIntField: "bigint",
    fields.IntField: "bigint",
    fields.TextField: "text",
    fields.CharField: "text",
    fields.BooleanField: "boolean",
    fields.DatetimeField: "timestamptz",
    fields.UUIDField: "uuid",
    fields.JSONField: "jsonb",
}


@dataclass(frozen=True, slots=True)
class Question(Generic[AnswerT]):
    """A query, and what its rows mean; several can be asked in one round trip (`Session.ask`).

    Its columns are such as JSON can carry: numbers, texts, truth, and instants and ids whose
    columns are named so (`…_at`, `id`, `…_id`). `row_type`: the declared type of its rows.
    """

    sql: str
    args: tuple[object, ...]
    read: Callable[[Sequence[Any]], AnswerT]
    row_type: type[Any] | None = None


def question(
    row_type: type[RowT],
    sql: str,
    args: tuple[object, ...],
    read: Callable[[Sequence[RowT]], AnswerT],
) -> Question[AnswerT]:
    """A question whose rows are of a declared type."""
    return Question(sql, args, read, row_type)


@dataclass(frozen=True, slots=True)
class WriteStatement:
    """Rows of a table that change, each by a tuple of values for `columns`, the first its id.

    `assignments` name them as `c.<column>`; a column's SQL type stands with it.
    """

    table: str
    columns: Columns
    assignments: str
    rows: Sequence[tuple[object, ...]]


# A table and its columns, each with its SQL type; the assignments of a change, None: an insert.
Shape = tuple[str, Columns, str | None]


@lru_cache(maxsize=512)
def writing(shapes: tuple[Shape, ...]) -> str:
    """One statement that writes to several tables, from an array per column."""
    writes, first = [], 1
    for table, columns, assignments in shapes:
        names = ", ".join(name for name, _ in columns)
        arrays = ", ".join(
            f"${first + i}::{'text' if kind == 'jsonb' else kind}[]"
            for i, (_, kind) in enumerate(columns)
        )
        if assignments is None:
            chosen = ", ".join(
                f"{name}::jsonb" if kind == "jsonb" else name for name, kind in columns
            )
            source = f"unnest({arrays}) AS c({names})"
            writes.append(f"INSERT INTO {table} ({names}) SELECT {chosen} FROM {source}")
        else:
            key = columns[0][0]
            source = f"unnest({arrays}) AS c({names})"
            writes.append(
                f"UPDATE {table} t SET {assignments} FROM {source} WHERE t.{key} = c.{key}"
            )
        first += len(columns)
    *others, last = writes
    parts = ", ".join(f"w{number} AS ({write})" for number, write in enumerate(others))
    return f"WITH {parts} {last}" if parts else last


_PLACE = re.compile(r"\$(\d+)")


def _shifted(sql: str, by: int) -> str:
    """The same behind so many other arguments."""
    return _PLACE.sub(lambda place: f"${int(place[1]) + by}", sql)


@lru_cache(maxsize=512)
def asking(queries: tuple[tuple[str, int], ...]) -> str:
    """One statement that answers several queries, each with so many arguments, as JSON."""
    parts, before = [], 0
    for sql, count in queries:
        parts.append(f"(SELECT coalesce(json_agg(q), '[]') FROM ({_shifted(sql, before)}) AS q)")
        before += count
    return f"SELECT {', '.join(parts)}"


@lru_cache(maxsize=512)
def columns_of(model: type[Model], names: tuple[str, ...]) -> Columns:
    """(column, SQL type) of the named fields of a model."""
    found = []
    for name in names:
        field = model._meta.fields_map[name]
        found.append((field.source_field or name, _SQL_TYPES[type(field)]))
    return tuple(found)


@lru_cache(maxsize=512)
def for_each(table: str, columns: Columns, assignments: str) -> str:
    """The statement that changes one row by a tuple of values."""
    for place, (name, _) in enumerate(columns, start=1):
        assignments = re.sub(rf"\bc\.{name}\b", f"?{place}", assignments)
    return f"UPDATE {table} AS t SET {assignments} WHERE {columns[0][0]} = ?1"


_ANY = re.compile(r"= ANY\(\$(\d+)::\w+\[\]\)")
_LOCKING = re.compile(
    r"\s+FOR (?:KEY SHARE|(?:NO KEY )?UPDATE)(?: OF \w+)?(?: SKIP LOCKED| NOWAIT)?"
)


@lru_cache(maxsize=2048)
def for_sqlite(sql: str) -> str:
    """PostgreSQL's words as SQLite's: arrays are JSON, and one writer needs no row locks."""
    sql = _ANY.sub(r"IN (SELECT value FROM json_each(?\1))", sql)
    return re.sub(r"\$(\d+)", r"?\1", _LOCKING.sub("", sql))
