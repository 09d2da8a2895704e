"""The levels of which a picker did not find units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session


class _LevelRow(TypedDict):
    id: int
    item_id: int


_LEVELS = """
SELECT s.id, s.item_id FROM stock_level s WHERE s.location_id = $1
  AND s.item_id IN (SELECT item_id FROM order_line WHERE id = ANY($2::uuid[]))
ORDER BY s.item_id
"""


async def levels_of(
    session: Session, location_id: int, line_ids: Sequence[UUID]
) -> list[tuple[int, int]]:
    """(level, item) of the items of these order lines at a location."""
    rows = await session.rows(_LevelRow, _LEVELS, location_id, sorted(line_ids))
    return [(row["id"], row["item_id"]) for row in rows]
