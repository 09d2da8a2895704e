"""Units that runs of playbooks quarantined: what was taken from each level, and given back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session

_ADD = """
INSERT INTO quarantined_unit (id, run_id, item_id, location_id, taken, given_back, settled)
VALUES ($1, $2, $3, $4, $5, 0, FALSE)
ON CONFLICT (run_id, item_id, location_id)
DO UPDATE SET taken = quarantined_unit.taken + excluded.taken
"""


async def add_taken(
    session: Session, run_id: UUID, rows: Sequence[tuple[UUID, int, int, int]]
) -> None:
    """Add units that a run took: (id of a new row, item, location, units)."""
    args = [(row_id, run_id, item_id, place, units) for row_id, item_id, place, units in rows]
    await session.execute_many(_ADD, args)


class UnsettledRow(TypedDict):
    """Units of a level that a run took and has not settled yet."""

    id: UUID
    item_id: int
    location_id: int
    taken: int
    given_back: int


async def unsettled(
    session: Session, run_id: UUID, keys: Sequence[tuple[int, int]]
) -> Sequence[UnsettledRow]:
    """The unsettled units of a run at these (item, location)."""
    items = sorted({item_id for item_id, _ in keys})
    rows = await session.rows(
        UnsettledRow,
        "SELECT id, item_id, location_id, taken, given_back FROM quarantined_unit"
        " WHERE run_id = $1 AND item_id = ANY($2::bigint[]) AND NOT settled",
        run_id,
        items,
    )
    wanted = set(keys)
    return [row for row in rows if (row["item_id"], row["location_id"]) in wanted]


async def settle(session: Session, rows: Sequence[tuple[UUID, int]]) -> None:
    """Write the units that were given back, by id, once for all."""
    await session.execute_many(
        "UPDATE quarantined_unit SET given_back = $2, settled = TRUE WHERE id = $1", rows
    )


class _KeyRow(TypedDict):
    item_id: int
    location_id: int


async def next_unsettled(session: Session, run_id: UUID, limit: int) -> list[tuple[int, int]]:
    """The next (item, location) of a run whose units were not given back yet."""
    rows = await session.rows(
        _KeyRow,
        "SELECT item_id, location_id FROM quarantined_unit WHERE run_id = $1 AND NOT settled"
        " ORDER BY item_id, location_id LIMIT $2",
        run_id,
        limit,
    )
    return [(row["item_id"], row["location_id"]) for row in rows]


_TO_TAKE = """
SELECT s.item_id, s.location_id FROM stock_level s
WHERE s.item_id = ANY(ARRAY(SELECT p.item_id FROM playbook_item p WHERE p.run_id = $1))
  AND s.available > 0 {}
ORDER BY s.item_id, s.location_id LIMIT $2
"""
_AT_PLACES = (
    "AND s.location_id = ANY(ARRAY(SELECT c.location_id FROM playbook_place c"
    " WHERE c.run_id = $1 AND c.location_id IS NOT NULL))"
)


async def next_to_take(
    session: Session, run_id: UUID, limit: int, *, at_named_locations: bool
) -> list[tuple[int, int]]:
    """The next (item, location) with available units that a run is to quarantine."""
    sql = _TO_TAKE.format(_AT_PLACES if at_named_locations else "")
    rows = await session.rows(_KeyRow, sql, run_id, limit)
    return [(row["item_id"], row["location_id"]) for row in rows]
