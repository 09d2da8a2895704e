"""Stock levels and movements: the locks, the conditional writes and the reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from domain.stock import StockState
from models.sessions import Row, Session

_COLUMNS = (
    "available, held, allocated, quality_control, quarantine, refurbishing, damaged, safety_stock"
)

_LOCK = f"""
SELECT s.id, s.item_id, s.location_id, s.version, {_COLUMNS}, i.sku, l.code AS location
FROM stock_level s JOIN item i ON i.id = s.item_id JOIN location l ON l.id = s.location_id
WHERE s.item_id = ANY($1::bigint[])
ORDER BY s.item_id, s.location_id FOR NO KEY UPDATE OF s
"""


async def lock_levels(session: Session, item_ids: Sequence[int]) -> Sequence[Row]:
    """Lock all levels of these items in (item, location) order and read them."""
    return await session.fetch(_LOCK, list(item_ids))


async def ensure_levels(session: Session, pairs: Sequence[tuple[int, int]], now: datetime) -> None:
    """Make empty levels for the (item, location) pairs that have none; pairs come sorted."""
    await session.execute_many(
        "INSERT INTO stock_level (item_id, location_id, updated_at) VALUES ($1, $2, $3)"
        " ON CONFLICT (item_id, location_id) DO NOTHING",
        [(item_id, location_id, now) for item_id, location_id in pairs],
    )


_APPLY = """
UPDATE stock_level SET available = available + $2, held = held + $3, allocated = allocated + $4,
  quality_control = quality_control + $5, quarantine = quarantine + $6,
  refurbishing = refurbishing + $7, damaged = damaged + $8, version = $9, updated_at = $10
WHERE id = $1
"""


async def apply_deltas(
    session: Session,
    changes: Sequence[tuple[int, Mapping[StockState, int], int]],
    now: datetime,
) -> None:
    """Add (level id, units by state, new version) to the columns; CHECKs refuse a negative one."""
    if changes:
        rows = [
            (level_id, *(deltas.get(state, 0) for state in StockState), version, now)
            for level_id, deltas, version in changes
        ]
        await session.execute_many(_APPLY, rows)


async def set_safety_stock(
    session: Session, level_id: int, quantity: int, version: int, now: datetime
) -> None:
    """Set the part of available that is never promised."""
    await session.execute(
        "UPDATE stock_level SET safety_stock = $2, version = $3, updated_at = $4 WHERE id = $1",
        level_id,
        quantity,
        version,
        now,
    )


_WRITTEN_DOWN = """
SELECT COALESCE(SUM(quantity), 0) AS units FROM stock_movement
WHERE item_id = $1 AND actor = $2 AND occurred_at >= $3 AND kind = 'ADJUSTED' AND to_state IS NULL
"""


async def written_down(session: Session, item_id: int, actor: str, since: datetime) -> int:
    """Units of an item that an actor has adjusted away since an instant."""
    row = await session.fetch_one(_WRITTEN_DOWN, item_id, actor, since)
    return 0 if row is None else int(row["units"])
