"""Related rows: all rows of several owners in one statement, with the columns that are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, cast
from uuid import UUID

from models.database.rows import RowT
from models.database.sessions import Session
from models.queries.listing.paging import grouped
from models.queries.listing.selections import ShownColumns


@dataclass(frozen=True, eq=False)
class RelatedRows(Generic[RowT]):
    """Rows of `table` by their column `owner`, sorted by `order` within it.

    `looked_up`: the expression of each column of another table. `owner_table`: the table of the
    owners with its columns among the rows. A table is read only if a column of it is shown.
    """

    row_type: type[RowT]
    table: str
    owner: str
    order: str
    looked_up: Mapping[str, str] = field(default_factory=dict)
    owner_table: str = ""
    owner_columns: frozenset[str] = frozenset()
    condition: str = ""

    async def read(
        self, session: Session, ids: Sequence[UUID], columns: ShownColumns = None
    ) -> Mapping[UUID, list[RowT]]:
        """The rows of these owners, with these columns; None: all."""
        sql = _statement(self, columns)
        if columns is None:
            return grouped(await session.rows(self.row_type, sql, list(ids)), self.owner)
        rows = await session.fetch(sql, list(ids))
        return grouped(cast("Sequence[RowT]", rows), self.owner)


@lru_cache(maxsize=1_024)
def _statement(related: RelatedRows[RowT], columns: ShownColumns) -> str:
    """The statement that reads some columns of the rows of the owners `$1`."""
    names = sorted(related.row_type.__annotations__ if columns is None else columns)
    alias = related.table.rpartition(" ")[2]
    owner = f"{alias}.{related.owner}"
    source = related.table
    chosen = [f"{owner} AS {related.owner}"]
    if related.owner_columns.intersection(names):
        # One look-up for each owner, not for each row.
        of = related.owner_table.rpartition(" ")[2]
        source = f"{related.owner_table} JOIN {related.table} ON {owner} = {of}.id"
        owner = f"{of}.id"
    for name in names:
        if name in related.looked_up:
            chosen.append(f"{related.looked_up[name]} AS {name}")
        elif name != related.owner:
            of = related.owner_table.rpartition(" ")[2] if name in related.owner_columns else alias
            chosen.append(f"{of}.{name} AS {name}")
    return (
        f"SELECT {', '.join(chosen)} FROM {source} WHERE {owner} = ANY($1::uuid[])"
        f"{related.condition} ORDER BY {owner}, {related.order}"
    )
