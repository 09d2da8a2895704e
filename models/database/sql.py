"""SQL building: batched queries, batched writes, and translation to SQLite."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from tortoise import fields
from tortoise.models import Model

from models.database.keys import KeyField
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
    KeyField: "text",
    fields.BooleanField: "boolean",
    fields.DatetimeField: "timestamptz",
    fields.UUIDField: "uuid",
    fields.JSONField: "jsonb",
}


ANSWERS_MAX = 16


class KeptAnswers:
    """The last answers of a question, each returned again as the same object for the same rows.

    For rows that change rarely and cost more to convert than to read. Answers must not be changed.
    """

    def __init__(self) -> None:
        self._known: dict[object, Any] = {}

    def find(self, key: object, convert: Callable[[], Any]) -> Any:
        """The answer that was converted from the rows with this key, now or before."""
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= ANSWERS_MAX:
                self._known.clear()
            found = self._known[key] = convert()
        return found


@dataclass(frozen=True, slots=True)
class Question(Generic[AnswerT]):
    """A query and a function that converts its rows; several run in one round trip (`Session.ask`).

    Columns must be representable in JSON: numbers, texts, booleans, and instants and ids in columns
    named accordingly (`…_at`, `id`, `…_id`). `row_type`: the declared type of the rows. `kept`: the
    answers to earlier calls, if they are used again.
    """

    sql: str
    args: tuple[object, ...]
    read: Callable[[Sequence[Any]], AnswerT]
    row_type: type[Any] | None = None
    kept: KeptAnswers | None = None


def question(
    row_type: type[RowT],
    sql: str,
    args: tuple[object, ...],
    read: Callable[[Sequence[RowT]], AnswerT],
    kept: KeptAnswers | None = None,
) -> Question[AnswerT]:
    """A question whose rows are of a declared type."""
    return Question(sql, args, read, row_type, kept)


@dataclass(frozen=True, slots=True)
class WriteStatement:
    """Rows of a table to change: a tuple of values for `columns`; the first finds the rows.

    `assignments` refer to the values as `c.<column>`. Each column comes with its SQL type.
    """

    table: str
    columns: Columns
    assignments: str
    rows: Sequence[tuple[object, ...]]


# (table, columns with SQL types, assignments); assignments None: an insert.
Shape = tuple[str, Columns, str | None]


@lru_cache(maxsize=512)
def writing(shapes: tuple[Shape, ...]) -> str:
    """One statement that writes to several tables, with one array argument per column.

    A column whose values are all equal may be an array of one value (`shortened`), except the first
    column of a table, which gives the number of rows.
    """
    writes, first = [], 1
    for table, columns, assignments in shapes:
        names = ", ".join(name for name, _ in columns)
        arrays = [
            f"${first + i}::{'text' if kind == 'jsonb' else kind}[]"
            for i, (_, kind) in enumerate(columns)
        ]
        values = [
            f"CASE WHEN cardinality({array}) = 1 THEN ({array})[1] ELSE a.{name} END AS {name}"
            for array, (name, _) in zip(arrays[1:], columns[1:], strict=True)
        ]
        chosen = ", ".join([f"a.{columns[0][0]}", *values])
        source = f"(SELECT {chosen} FROM unnest({', '.join(arrays)}) AS a({names})) AS c"
        if assignments is None:
            writes.append(inserting(table, columns, source))
        else:
            writes.append(updating(table, columns, assignments, source))
        first += len(columns)
    return in_one(writes)


def shortened(columns: Iterable[Sequence[object]]) -> list[Sequence[object]]:
    """The columns of a table as arguments of `writing`: one value where all are equal.

    The driver examines each value of an array. More than half of the columns of a hold are equal
    in all rows: instants, actors, ids of the transaction.
    """
    first, *others = columns
    return [first, *(column[:1] if _is_even(column) else column for column in others)]


def _is_even(column: Sequence[object]) -> bool:
    return column[0] == column[-1] and column.count(column[0]) == len(column)


def inserting(table: str, columns: Columns, source: str) -> str:
    """The statement that inserts the rows of `source`, whose JSON columns are texts."""
    names = ", ".join(name for name, _ in columns)
    chosen = ", ".join(f"{name}::jsonb" if kind == "jsonb" else name for name, kind in columns)
    return f"INSERT INTO {table} ({names}) SELECT {chosen} FROM {source}"


def updating(table: str, columns: Columns, assignments: str, source: str) -> str:
    """The statement that changes the rows whose ids, the first column, are in `source`."""
    key = columns[0][0]
    if len(columns) == 1:  # an array finds each row by an index, whatever the statistics say
        found = f"ARRAY(SELECT c.{key} FROM {source})"
        return f"UPDATE {table} t SET {assignments} WHERE t.{key} = ANY({found})"
    return f"UPDATE {table} t SET {assignments} FROM {source} WHERE t.{key} = c.{key}"


def in_one(writes: Sequence[str]) -> str:
    """One statement that makes all these writes."""
    *others, last = writes
    parts = ", ".join(f"w{number} AS ({write})" for number, write in enumerate(others))
    return f"WITH {parts} {last}" if parts else last


_PLACEHOLDER = re.compile(r"\$(\d+)")


def _shifted(sql: str, by: int) -> str:
    """Renumber the placeholders, to follow `by` other arguments."""
    return _PLACEHOLDER.sub(lambda found: f"${int(found[1]) + by}", sql)


def replaced(sql: str, places: Sequence[str]) -> str:
    """Replace each placeholder by the expression at its place."""
    return _PLACEHOLDER.sub(lambda found: places[int(found[1]) - 1], sql)


@lru_cache(maxsize=512)
def asking(queries: tuple[tuple[str, int], ...]) -> str:
    """One statement that runs several queries and returns each result as JSON.

    `queries`: (SQL, number of arguments).
    """
    parts, before = [], 0
    for sql, count in queries:
        parts.append(f"(SELECT coalesce(json_agg(q), '[]') FROM ({_shifted(sql, before)}) AS q)")
        before += count
    return f"SELECT {', '.join(parts)}"


@lru_cache(maxsize=512)
def columns_of(model: type[Model], names: tuple[str, ...]) -> Columns:
    """(column, SQL type) of these fields of a model."""
    found = []
    for name in names:
        field = model._meta.fields_map[name]
        found.append((field.source_field or name, _SQL_TYPES[type(field)]))
    return tuple(found)


@lru_cache(maxsize=512)
def for_each(table: str, columns: Columns, assignments: str) -> str:
    """The statement that changes one row, by a tuple of values."""
    for place, (name, _) in enumerate(columns, start=1):
        assignments = re.sub(rf"\bc\.{name}\b", f"?{place}", assignments)
    return f"UPDATE {table} AS t SET {assignments} WHERE {columns[0][0]} = ?1"


_ANY = re.compile(r"= ANY\(\$(\d+)::\w+\[\]\)")
_ID_TYPE = re.compile(r"\)::(?:uuid|bigint)\b(?!\[)")
_LOCKING = re.compile(
    r"\s+FOR (?:KEY SHARE|(?:NO KEY )?UPDATE)(?: OF \w+)?(?: SKIP LOCKED| NOWAIT)?"
)


_ARRAY = "= ANY(ARRAY("


def _without_arrays(sql: str) -> str:
    """`= ANY(ARRAY(SELECT …))` as `IN (SELECT …)`.

    On PostgreSQL an array means: few values, each found by an index, whatever the statistics say.
    """
    while (start := sql.find(_ARRAY)) >= 0:
        first = end = start + len(_ARRAY)
        depth = 1
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        sql = f"{sql[:start]}IN ({sql[first : end - 1]}){sql[end + 1 :]}"
    return sql


@lru_cache(maxsize=2048)
def for_sqlite(sql: str) -> str:
    """Translate PostgreSQL's SQL to SQLite: arrays become JSON; row locks and types of ids are
    dropped.

    SQLite has a single writer and needs no row locks.
    """
    sql = _without_arrays(sql)
    sql = _ANY.sub(r"IN (SELECT value FROM json_each(?\1))", sql)
    sql = _ID_TYPE.sub(")", sql)
    return re.sub(r"\$(\d+)", r"?\1", _LOCKING.sub("", sql))
