"""Related rows that a list reads with its page: one array for each column that is shown.

PostgreSQL only: SQLite has no arrays, so loaders read these rows there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, Final

from models.database.rows import Row, RowT
from models.migrations.dialect import Engine
from models.queries.listing.related import RelatedRows
from models.queries.listing.selections import JoinedRows, ShownColumns, check_columns

# Three arrays save a fifth of a page of orders, and ten cost more than a statement of their own.
ARRAYS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Collected(JoinedRows):
    """Rows of several owners, collected for each row of a list of these owners.

    The list must have the columns of the owner among its own. Documents that show more than
    ARRAYS_MAX columns read these rows by a statement of their own.
    """

    related: RelatedRows[Any]
    columns: tuple[str, ...]
    key: str = "id"

    @property
    def table(self) -> str:  # type: ignore[override]
        """The table of the collected rows."""
        return self.related.table.partition(" ")[0]

    def narrowed(self, columns: ShownColumns) -> Collected | None:
        if columns is None:
            return None
        check_columns(self.table, columns, self.columns)
        narrowed = replace(self, columns=tuple(sorted(columns)))
        return narrowed if len(narrowed._of_rows) <= ARRAYS_MAX else None

    def is_read_on(self, engine: Engine) -> bool:
        return engine == "postgres"

    def selected(self, alias: str) -> str:
        collected = [(f"{alias}.{name}", name) for name in self._of_rows]
        constant = [(f"page.{name}", name) for name in self._of_owner]
        return "".join(
            f', {expression} AS "{self.table}.{name}"' for expression, name in collected + constant
        )

    def source(self, alias: str, beside: str) -> str:
        related = self.related
        of = related.table.rpartition(" ")[2]
        arrays = ", ".join(f"array_agg(r.{name}) AS {name}" for name in self._of_rows)
        columns = ", ".join(
            f"{related.looked_up.get(name, f'{of}.{name}')} AS {name}" for name in self._of_rows
        )
        return (
            f" LEFT JOIN LATERAL (SELECT {arrays} FROM (SELECT {columns} FROM {related.table}"
            f" WHERE {of}.{related.owner} = {beside}.{self.key}{related.condition}"
            f" ORDER BY {related.order}) AS r) AS {alias} ON TRUE"
        )

    def rows(self, joined: Sequence[Row]) -> Mapping[Any, list[Mapping[str, Any]]]:
        names = (*self._of_rows, *self._of_owner)
        arrays = [f"{self.table}.{name}" for name in self._of_rows]
        constants = [f"{self.table}.{name}" for name in self._of_owner]
        found: dict[Any, list[Mapping[str, Any]]] = {}
        for row in joined:
            collected = [row[name] or () for name in arrays]
            repeated = [repeat(row[name]) for name in constants]
            found[row[self.key]] = [
                dict(zip(names, values, strict=True))
                for values in zip(*collected, *repeated, strict=False)
            ]
        return found

    @property
    def _of_rows(self) -> Sequence[str]:
        """The columns of each row; one at least, as it says how many rows there are."""
        owners = self.related.owner_columns
        return [name for name in self.columns if name not in owners] or [self.related.owner]

    @property
    def _of_owner(self) -> Sequence[str]:
        """The columns that all rows of an owner share."""
        return [name for name in self.columns if name in self.related.owner_columns]


def collected(related: RelatedRows[RowT]) -> Collected:
    """The related rows of a list's rows, with all columns."""
    return Collected(related, tuple(sorted(related.row_type.__annotations__)))
