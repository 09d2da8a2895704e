"""Types of the rows that queries return.

1. A query function returns rows of a declared type, so that mypy finds a misspelt column.
2. Rows of a table are a `TypedDict` beside the table (`models/<area>.py`), with all columns that
   the query reads; a projection of several tables is a `TypedDict` beside its query.
3. The query names the type first: `session.rows(OrderRow, SQL, *args)`, `session.row(…)` for the
   first row or None, `session.value(int, SQL, *args)` for one column of one row,
   `Listing(OrderRow, …)` for a list, `question(OrderRow, SQL, args, read)` for a question.
4. This costs nothing at run time: the driver's row passes through, and the type is not used.
   Rows are only read: PostgreSQL's are asyncpg records. `{**row, "status": …}` makes a copy.
   A write takes a declared row too, and `picked` gives the values of its columns.
5. `session.fetch` is untyped. Its rows do not leave the query function.
6. A column that the table allows to be null is declared `… | None`; so is one of a LEFT JOIN.
   A boolean is a `Flag`, a sum a `Total`, a JSON column `str`.
7. The test session compares every row with its type: tests/row_types.py. A test fails if a row
   has another column, or a value of another type, or if a column can be null and its type cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

Row = Mapping[str, Any]
RowT = TypeVar("RowT")
ValueT = TypeVar("ValueT")

Flag = bool | int  # SQLite returns 0 or 1
Total = int | Decimal  # PostgreSQL adds bigints to a numeric


def picked(row: Mapping[str, object], columns: Sequence[str]) -> list[object]:
    """The values of some columns of a row, in their order: the arguments of a statement."""
    return [row[column] for column in columns]


def changed_at(place: str) -> str:
    """The assignment of the time of a change; never back, if the clocks of processes differ."""
    return f"updated_at = CASE WHEN updated_at > {place} THEN updated_at ELSE {place} END"
