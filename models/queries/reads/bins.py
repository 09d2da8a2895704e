"""Reads of the units in bins, by level and by bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

import models.queries.listing.visibility as visibility
import models.queries.stock.picks as pick_queries
from domain.stock.bins import walk_rank
from models.database.sessions import Session
from models.queries.listing.paging import grouped
from models.queries.listing.scopes import Scope
from models.queries.stock.picks import LevelPickRow


class ShownBinRow(TypedDict):
    """Units of an item in a bin; `code` and `walk_order` are the bin's."""

    level_id: int
    bin_id: int
    item_id: int
    quantity: int
    since_at: datetime
    code: str
    walk_order: int | None


_BINS = """
SELECT b.level_id, b.bin_id, s.item_id, b.quantity, b.since_at, l.code, l.walk_order
FROM bin_stock b JOIN stock_level s ON s.id = b.level_id JOIN location l ON l.id = b.bin_id
"""


async def bins_by_level(session: Session, ids: Sequence[int]) -> Mapping[int, list[ShownBinRow]]:
    """The bins of these levels, in walk order."""
    sql = f"{_BINS} WHERE b.level_id = ANY($1::bigint[])"
    rows = await session.rows(ShownBinRow, sql, list(ids))
    ranked = sorted(rows, key=lambda row: walk_rank(row["walk_order"], row["code"]))
    return _without_picks(grouped(ranked, "level_id"), await pick_queries.of_levels(session, ids))


def _without_picks(
    bins: Mapping[int, list[ShownBinRow]], picks: Sequence[LevelPickRow]
) -> dict[int, list[ShownBinRow]]:
    """The bins after picks that are not booked: they leave the named bin, then bins in order."""
    for pick in picks:
        left, rows = pick["units"], bins.get(pick["level_id"], [])
        for row in sorted(rows, key=lambda row: row["bin_id"] != pick["bin_id"]):
            is_named = row["bin_id"] == pick["bin_id"]
            taken = min(left, row["quantity"]) if left > 0 or is_named else 0
            if taken:
                rows[rows.index(row)] = {**row, "quantity": row["quantity"] - taken}
                left -= taken
    return {level_id: [row for row in rows if row["quantity"]] for level_id, rows in bins.items()}


async def contents_by_bin(
    session: Session, scope: Scope, ids: Sequence[int]
) -> Mapping[int, list[ShownBinRow]]:
    """The units in these bins, of levels that the caller may see, in the order of levels.

    Picks that are not booked have left their bins already.
    """
    conditions = ["b.bin_id = ANY($1::bigint[])"]
    values: list[object] = [list(ids)]
    for condition in visibility.STOCK_LEVEL.conditions(scope):
        text, found = visibility.bound(condition, scope)
        places = [f"${len(values) + number}" for number in range(1, len(found) + 1)]
        conditions.append(text.format(*places))
        values += found
    sql = f"{_BINS} WHERE {' AND '.join(conditions)} ORDER BY b.bin_id, b.level_id"
    rows = await session.rows(ShownBinRow, sql, *values)
    picks = await pick_queries.of_levels(session, sorted({row["level_id"] for row in rows}))
    picked = {pick["level_id"] for pick in picks}
    if picked:
        left = await bins_by_level(session, sorted(picked))
        now = {(row["level_id"], row["bin_id"]): row for of in left.values() for row in of}
        known = (row if row["level_id"] not in picked else now.get(_place(row)) for row in rows)
        rows = [row for row in known if row is not None]
    return grouped(rows, "bin_id")


def _place(row: ShownBinRow) -> tuple[int, int]:
    return (row["level_id"], row["bin_id"])
