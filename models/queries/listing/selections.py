"""Selections: the columns of a list's rows that are shown, and the rows that they refer to.

The latter are read in the same statement as the list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.database.sessions import Row


@dataclass(frozen=True, slots=True, order=True)
class Join:
    """The rows of `table` whose ids stand in the column `key`, with these columns of theirs."""

    key: str
    table: str
    columns: tuple[str, ...]

    def narrowed(self, columns: Collection[str]) -> Join:
        """The same with no other columns than these. Raises LookupError for one it lacks."""
        if unknown := set(columns).difference(self.columns):
            raise LookupError(f"the join of {self.table} has no {', '.join(sorted(unknown))}")
        return replace(self, columns=tuple(name for name in self.columns if name in columns))

    def selected(self, alias: str) -> str:
        """The columns in a SELECT, named so that they are no column of the list's own."""
        return "".join(f', {alias}.{name} AS "{self.key}.{name}"' for name in self.columns)

    def source(self, alias: str, beside: str) -> str:
        """The table in a FROM, `beside` the one that has the key."""
        return f" LEFT JOIN {self.table} {alias} ON {alias}.id = {beside}.{self.key}"

    def rows(self, joined: Sequence[Row]) -> Mapping[Any, Row]:
        """The rows of `table` by id, out of those that they were read with."""
        prefix = f"{self.key}."
        by_key = {row[self.key]: row for row in joined}
        return {key: _Joined(row, prefix) for key, row in by_key.items() if key is not None}


@dataclass(frozen=True, slots=True)
class Selection:
    """What is shown of a list's rows: `columns` of theirs (None: any), and what they refer to."""

    columns: frozenset[str] | None = None
    joins: tuple[Join, ...] = ()


EVERYTHING = Selection()


class _Joined(Mapping[str, Any]):
    """The columns of one table in a row of several, read where they are."""

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
