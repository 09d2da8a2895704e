"""Picked units that scans have recorded, and that are not yet booked on their level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from models.database.rows import Total
from models.database.sessions import Session


class UnbookedPickRow(TypedDict):
    """Units that a scan picked or, below 0, put back."""

    id: int
    item_id: int
    location_id: int
    units: int
    bin_id: int | None
    actor: str


async def take(session: Session, item_ids: Sequence[int]) -> list[UnbookedPickRow]:
    """Delete the picks of these items, and return them in the order in which they were scanned.

    The levels of the items must be locked, so no other transaction takes the same ones.
    """
    rows = await session.rows(
        UnbookedPickRow,
        "DELETE FROM unbooked_pick WHERE item_id = ANY($1::bigint[])"
        " RETURNING id, item_id, location_id, units, bin_id, actor",
        list(item_ids),
    )
    return sorted(rows, key=lambda row: row["id"])


class _WaitingItemRow(TypedDict):
    item_id: int


async def waiting_items(session: Session, after: int, limit: int) -> list[int]:
    """Items after this one with picks that are not booked, at most `limit`."""
    rows = await session.rows(
        _WaitingItemRow,
        "SELECT DISTINCT item_id FROM unbooked_pick WHERE item_id > $1 ORDER BY item_id LIMIT $2",
        after,
        limit,
    )
    return [row["item_id"] for row in rows]


class BinBalanceRow(TypedDict):
    """Units of an item in a bin: those of the books, without picks that are not booked."""

    item_id: int
    bin_id: int
    units: Total


_BALANCES = """
SELECT item_id, bin_id, SUM(units) AS units FROM (
  SELECT s.item_id, b.bin_id, b.quantity AS units
  FROM bin_stock b JOIN stock_level s ON s.id = b.level_id
  WHERE b.bin_id = ANY($1::bigint[]) AND s.item_id = ANY($2::bigint[])
  UNION ALL SELECT item_id, bin_id, -units FROM unbooked_pick
  WHERE bin_id = ANY($1::bigint[]) AND item_id = ANY($2::bigint[])) AS sides
GROUP BY item_id, bin_id
"""


async def bin_balances(
    session: Session, bin_ids: Sequence[int], item_ids: Sequence[int]
) -> Mapping[tuple[int, int], int]:
    """Units by (item, bin) that these bins should have now."""
    rows = await session.rows(BinBalanceRow, _BALANCES, list(bin_ids), list(item_ids))
    return {(row["item_id"], row["bin_id"]): int(row["units"]) for row in rows}


class LevelPickRow(TypedDict):
    """Units of a level that a scan picked or, below 0, put back, and the bin that it named."""

    level_id: int
    units: int
    bin_id: int | None


async def of_levels(session: Session, level_ids: Sequence[int]) -> Sequence[LevelPickRow]:
    """The picks of these levels that are not booked, in the order in which they were scanned."""
    return await session.rows(
        LevelPickRow,
        "SELECT s.id AS level_id, u.units, u.bin_id FROM stock_level s JOIN unbooked_pick u"
        " ON u.item_id = s.item_id AND u.location_id = s.location_id"
        " WHERE s.id = ANY($1::bigint[]) ORDER BY u.id",
        list(level_ids),
    )


async def units_by_level(session: Session, level_ids: Sequence[int]) -> Mapping[int, int]:
    """Picked units of these levels that are not booked; levels without any are missing."""
    units: dict[int, int] = {}
    for row in await of_levels(session, level_ids):
        units[row["level_id"]] = units.get(row["level_id"], 0) + row["units"]
    return units
