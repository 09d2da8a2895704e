"""Units that a picker still has to take for the claimed tasks of a location, and their bins."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

import models.queries.reads.bins as bin_reads
from domain.orders.walks import WalkStop, spread
from domain.stock.bins import walk_rank
from models.database.sessions import Session
from models.queries.reads.bins import ShownBinRow


class _UnscannedRow(TypedDict):
    fulfillment_id: UUID
    item_id: int
    level_id: int
    units: int


# One statement: a walk waits for each call to the database ("walk" in docs/benchmarks.md).
_UNSCANNED = """
SELECT l.fulfillment_id, l.item_id, s.id AS level_id, l.quantity - l.picked AS units
FROM task t
JOIN fulfillment f ON f.id = (t.subject_key)::uuid
JOIN fulfillment_line l ON l.fulfillment_id = f.id
JOIN stock_level s ON s.item_id = l.item_id AND s.location_id = t.location_id
WHERE t.claimed_by = $1 AND t.location_id = $2 AND t.queue = 'PICK'
  AND t.subject_type = 'Fulfillment' AND t.status IN ('OPEN', 'CLAIMED') AND t.lease_until_at > $3
  AND f.status = 'OPEN' AND l.picked < l.quantity
ORDER BY t.priority DESC, t.seniority DESC, t.id DESC, l.id
"""


async def walk(
    session: Session, actor: str, location_id: int, now: datetime
) -> list[WalkStop[ShownBinRow]]:
    """The stops for the PICK tasks that an actor has claimed, in walk order; unbinned ones last."""
    rows = await session.rows(_UnscannedRow, _UNSCANNED, actor, location_id, now)
    wanted: dict[int, list[tuple[UUID, int]]] = {}
    for row in rows:
        wanted.setdefault(row["item_id"], []).append((row["fulfillment_id"], row["units"]))
    item_of = {row["level_id"]: row["item_id"] for row in rows}
    bins = await bin_reads.bins_by_level(session, sorted(item_of))
    found = {
        item_of[level_id]: [(row, row["quantity"]) for row in bins_of_level]
        for level_id, bins_of_level in bins.items()
    }
    return sorted(spread(wanted, found), key=_place)


def _place(stop: WalkStop[ShownBinRow]) -> tuple[object, ...]:
    if stop.bin is None:
        return (True, stop.item_id)
    return (False, walk_rank(stop.bin["walk_order"], stop.bin["code"]), stop.item_id)
