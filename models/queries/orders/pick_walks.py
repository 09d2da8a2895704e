"""Units that a picker still has to take for the claimed tasks of a location, and their bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import models.queries.reads.bins as bin_reads
import models.queries.tasks as task_queries
from domain.orders.walks import WalkStop, spread
from domain.stock.bins import walk_rank
from domain.tasks import QueueKind
from models.database.sessions import Session
from models.queries.reads.bins import ShownBinRow


class _UnscannedRow(TypedDict):
    fulfillment_id: UUID
    item_id: int
    units: int


_UNSCANNED = """
SELECT l.fulfillment_id, l.item_id, l.quantity - l.picked AS units
FROM fulfillment f JOIN fulfillment_line l ON l.fulfillment_id = f.id
WHERE f.id = ANY($1::uuid[]) AND f.status = 'OPEN' AND l.picked < l.quantity
ORDER BY l.fulfillment_id, l.id
"""


class _WalkedLevelRow(TypedDict):
    id: int
    item_id: int


async def walk(
    session: Session, actor: str, location_id: int, now: datetime
) -> list[WalkStop[ShownBinRow]]:
    """The stops for the PICK tasks that an actor has claimed, in walk order; unbinned ones last."""
    tasks = await task_queries.claimed_fulfillments(session, [actor], [location_id], now)
    ids = [UUID(task["subject_key"]) for task in tasks if task["queue"] == QueueKind.PICK]
    rows = await session.rows(_UnscannedRow, _UNSCANNED, ids)
    rank = {key: place for place, key in enumerate(ids)}
    wanted: dict[int, list[tuple[UUID, int]]] = {}
    for row in sorted(rows, key=lambda row: rank[row["fulfillment_id"]]):
        wanted.setdefault(row["item_id"], []).append((row["fulfillment_id"], row["units"]))
    stops = spread(wanted, await _bins(session, location_id, sorted(wanted)))
    return sorted(stops, key=_place)


async def _bins(
    session: Session, location_id: int, item_ids: Sequence[int]
) -> Mapping[int, Sequence[tuple[ShownBinRow, int]]]:
    """The bins of each item at a location with their units, in walk order."""
    levels = await session.rows(
        _WalkedLevelRow,
        "SELECT id, item_id FROM stock_level"
        " WHERE location_id = $1 AND item_id = ANY($2::bigint[]) ORDER BY id",
        location_id,
        list(item_ids),
    )
    bins = await bin_reads.bins_by_level(session, [level["id"] for level in levels])
    return {
        level["item_id"]: [(row, row["quantity"]) for row in bins.get(level["id"], ())]
        for level in levels
    }


def _place(stop: WalkStop[ShownBinRow]) -> tuple[object, ...]:
    if stop.bin is None:
        return (True, stop.item_id)
    return (False, walk_rank(stop.bin["walk_order"], stop.bin["code"]), stop.item_id)
