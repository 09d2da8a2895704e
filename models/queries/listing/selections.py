"""Selections: the columns of a list that are shown, and the rows that they refer to.

Referenced rows are read in the same statement as the list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.database.sessions import Row

# The columns of related rows that a document shows; None: all.
ShownColumns = frozenset[str] | None


@dataclass(frozen=True, slots=True, order=True)
class Join:
    """Rows of `table` referenced by the column `key`, with these columns."""

    key: str
    table: str
    columns: tuple[str, ...]

    def narrowed(self, columns: Collection[str]) -> Join:
        """The same join with only these columns. Raises LookupError for a column that it lacks."""
        if unknown := set(columns).difference(self.columns):
            raise LookupError(
                f"the join of {self.table} lacks the columns {', '.join(sorted(unknown))}"
            )
        return replace(self, columns=tuple(name for name in self.columns if name in columns))

    def selected(self, alias: str) -> str:
        """The SELECT expressions, with aliases that do not collide with the list's columns."""
        return "".join(f', {alias}.{name} AS "{self.key}.{name}"' for name in self.columns)

    def source(self, alias: str, beside: str) -> str:
        """The FROM clause, joined to the table alias `beside` that has the key."""
        return f" LEFT JOIN {self.table} {alias} ON {alias}.id = {beside}.{self.key}"

    def rows(self, joined: Sequence[Row]) -> Mapping[Any, Row]:
        """The rows of `table` by id, out of the joined rows."""
        prefix = f"{self.key}."
        by_key = {row[self.key]: row for row in joined}
        return {key: _Joined(row, prefix) for key, row in by_key.items() if key is not None}


@dataclass(frozen=True, slots=True)
class Selection:
    """Selected columns of a list's rows (`columns` None: all), and joins."""

    columns: frozenset[str] | None = None
    joins: tuple[Join, ...] = ()


EVERYTHING = Selection()


class _Joined(Mapping[str, Any]):
    """View of one table's columns in a joined row."""

    __slots__ = ("_prefix", "_row")

    def __init__(self, row: Row, prefix: str) -> None:
        self._row = row
        self._prefix = prefix

    def __getitem__(self, name: str) -> Any:
        return self._row[self._prefix + name]

    def __iter__(self) -> Iterator[str]:
        return (
            name.removeprefix(self._prefix)
            for name in self._row.keys()  # noqa: SIM118 - asyncpg's rows iterate over values
            if name.startswith(self._prefix)
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)
