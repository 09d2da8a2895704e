"""Selections: the columns of a list that are shown, and the rows that they refer to.

Referenced rows are read in the same statement as the list.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from models.database.sessions import Row
from models.migrations.dialect import Engine

STATEMENTS_MAX: Final = 8

# The columns of related rows that a document shows; None: all.
ShownColumns = frozenset[str] | None


class JoinedRows(ABC):
    """Rows that a list reads beside its own. `key`: the column of the list that finds them."""

    __slots__ = ()

    key: str
    table: str
    columns: tuple[str, ...]

    @abstractmethod
    def narrowed(self, columns: ShownColumns) -> Self | None:
        """The same rows with only these columns; None if they are better read by themselves.

        Raises LookupError for a column that they lack.
        """

    @abstractmethod
    def selected(self, alias: str) -> str:
        """The SELECT expressions, with aliases that do not collide with the list's columns."""

    @abstractmethod
    def source(self, alias: str, beside: str) -> str:
        """The FROM clause, joined to the table alias `beside` that has the key."""

    @abstractmethod
    def rows(self, joined: Sequence[Row]) -> Mapping[Any, Any]:
        """The values of the edge by its key, out of the joined rows."""

    def is_read_on(self, engine: Engine) -> bool:
        """True if the list reads them on this engine; otherwise a loader does."""
        return True


@dataclass(frozen=True, slots=True)
class Join(JoinedRows):
    """Rows of `table` referenced by the column `key`, with these columns."""

    key: str
    table: str
    columns: tuple[str, ...]

    def narrowed(self, columns: ShownColumns) -> Join:
        if columns is None:
            return self
        check_columns(self.table, columns, self.columns)
        return replace(self, columns=tuple(name for name in self.columns if name in columns))

    def selected(self, alias: str) -> str:
        return "".join(f', {alias}.{name} AS "{self.key}.{name}"' for name in self.columns)

    def source(self, alias: str, beside: str) -> str:
        return f" LEFT JOIN {self.table} {alias} ON {alias}.id = {beside}.{self.key}"

    def of(self, row: Row) -> Row:
        """The joined row of a row of the list."""
        return _Joined(row, f"{self.key}.")

    def rows(self, joined: Sequence[Row]) -> Mapping[Any, Row]:
        by_key = {row[self.key]: row for row in joined}
        return {key: self.of(row) for key, row in by_key.items() if key is not None}


def check_columns(table: str, wanted: frozenset[str], known: Sequence[str]) -> None:
    """Raise LookupError for a column that the join of a table lacks."""
    if unknown := wanted.difference(known):
        raise LookupError(f"the join of {table} lacks the columns {', '.join(sorted(unknown))}")


@dataclass(frozen=True, slots=True)
class Selection:
    """Selected columns of a list's rows (`columns` None: all), and joins.

    `statements`: the statements with this selection that were sent, by that of the whole rows.
    """

    columns: frozenset[str] | None = None
    joins: tuple[JoinedRows, ...] = ()
    statements: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def statement(self, page: str, make: Callable[[], str]) -> str:
        """The statement of a page with this selection, made once.

        To put it together takes a twentieth of the time of a page of items.
        """
        found = self.statements.get(page)
        if found is None:
            if len(self.statements) >= STATEMENTS_MAX:
                self.statements.clear()
            found = self.statements[page] = make()
        return found

    def on(self, engine: Engine) -> Selection:
        """The part of the selection that a list reads on this engine."""
        if all(join.is_read_on(engine) for join in self.joins):
            return self
        return replace(self, joins=tuple(join for join in self.joins if join.is_read_on(engine)))


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
