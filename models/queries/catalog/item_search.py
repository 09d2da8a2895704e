"""Items found by a part of their SKU, name or barcode, as a page of a list.

The index holds the parts of one to four characters of each text in `item_text`
(models/migrations/later/m0019_search_text.py).

1. The parts of the search are looked up. An item that has them all is a candidate.
2. The candidate's text decides: the search must be a part of it.
3. Both are done in the order of the list, and end when the page is full. SQLite's index is read in
   this order. PostgreSQL's is read block by block: a block has 8,192 items.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.values.search_texts import parts
from models.catalog import ItemRow
from models.database.sessions import Session
from models.migrations.dialect import Engine
from models.queries.listing.paging import BIGINT_MAX, Listing, SortKey, Window

_ID: Final = SortKey("t.id", "id", "bigint")

# Each step finds the next block that has an item, so unused numbers cost nothing. OFFSET 0 keeps
# the condition on the index apart: the planner cannot choose to walk the primary key instead.
_POSTGRES = """
WITH RECURSIVE block (number) AS (
  SELECT {edge}(item_id) >> 13 FROM item_text WHERE item_id > {low} AND item_id < {high}
  UNION ALL
  SELECT (SELECT {edge}(b.item_id) >> 13 FROM item_text b
    WHERE {beyond} AND b.item_id > {low} AND b.item_id < {high})
  FROM block WHERE number IS NOT NULL)
SELECT found.item_id FROM block CROSS JOIN LATERAL (
  SELECT c.item_id FROM (
    SELECT i.item_id, i.search_text FROM item_text i
    WHERE search_pieces(i.item_id, i.search_text) COLLATE "C" @> (
      SELECT array_agg(block.number || ' ' || part) FROM unnest({parts}::text[]) AS part)
    OFFSET 0) AS c
  WHERE position({term}::text IN c.search_text) > 0 AND c.item_id > {low} AND c.item_id < {high}
  ORDER BY c.item_id {direction}{limit}) AS found{limit}
"""
_BEYOND = {"DESC": "b.item_id < (number << 13)", "ASC": "b.item_id >= ((number + 1) << 13)"}
_EDGE = {"DESC": "max", "ASC": "min"}

# CROSS JOIN keeps the index as the outer table, which gives the order.
_SQLITE = """
SELECT s.rowid FROM item_search s CROSS JOIN item_text i ON i.item_id = s.rowid
WHERE s.item_search MATCH {parts} AND s.rowid > {low} AND s.rowid < {high}
  AND instr(i.search_text, {term}) > 0
ORDER BY s.rowid {direction}{limit}
"""
_WALKS: Final[Mapping[Engine, str]] = {"postgres": _POSTGRES, "sqlite": _SQLITE}


class FoundItems(Listing[ItemRow]):
    """The items whose text contains a folded search, newest first."""

    def __init__(self, engine: Engine, columns: str, term: str) -> None:
        super().__init__(ItemRow, columns, "item t", _ID)
        self._engine = engine
        self._term = term

    def _beside_window(self, window: Window, values: list[object]) -> list[str]:
        conditions = super()._beside_window(window, values)
        if self._conditions or self._order != (_ID,):
            # Other filters and sorts choose among all that are found.
            walk = self._walk(values, -BIGINT_MAX, BIGINT_MAX, "DESC", "")
            return [*conditions, f"t.id IN ({walk})"]
        high = BIGINT_MAX if window.after is None else _ID.read(window.after[0])
        low = -BIGINT_MAX if window.before is None else _ID.read(window.before[0])
        direction = "ASC" if window.from_end else "DESC"
        walk = self._walk(values, low, high, direction, f" LIMIT {window.size + 1}")
        among = f"= ANY(ARRAY({walk}))" if self._engine == "postgres" else f"IN ({walk})"
        return [*conditions, f"t.id {among}"]

    async def count(self, session: Session) -> int:
        """The number of items found: it reads all candidates."""
        if self._conditions:
            return await self._count_among(session)
        values: list[object] = []
        walk = self._walk(values, -BIGINT_MAX, BIGINT_MAX, "DESC", "")
        return await session.value(int, f"SELECT count(*) FROM ({walk}) AS found", *values) or 0

    async def _count_among(self, session: Session) -> int:
        values = list(self._values)
        walk = self._walk(values, -BIGINT_MAX, BIGINT_MAX, "DESC", "")
        where = " AND ".join([*self._conditions, f"t.id IN ({walk})"])
        sql = f"SELECT count(*) FROM item t WHERE {where}"
        return await session.value(int, sql, *values) or 0

    def _walk(self, values: list[object], low: int, high: int, direction: str, limit: str) -> str:
        """SQL for the ids found between two ids, both excluded; adds its arguments to `values`."""
        looked_up = parts(self._term)
        first = len(values) + 1
        if self._engine == "postgres":
            values.append(list(looked_up))
        else:
            values.append(" ".join(f'"{part.encode().hex()}"' for part in looked_up))
        values += [self._term, low, high]
        return _WALKS[self._engine].format(
            parts=f"${first}",
            term=f"${first + 1}",
            low=f"${first + 2}",
            high=f"${first + 3}",
            direction=direction,
            limit=limit,
            edge=_EDGE[direction],
            beyond=_BEYOND[direction],
        )
