"""Stock levels and movements: locks, conditional writes, and reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from domain.stock.states import StockState
from domain.values.codes import keys_of
from models.database.sessions import Session
from models.database.sql import Question, WriteStatement, question

_COLUMNS = (
    "available, held, allocated, quality_control, quarantine, refurbishing, damaged, safety_stock,"
    " picked, missing, binned, incoming, shelf_changes"
)

_LEVELS = f"""
SELECT s.id, s.item_id, s.location_id, s.version, {_COLUMNS},
  (SELECT i.sku FROM item i WHERE i.id = s.item_id) AS sku,
  (SELECT p.code FROM location p WHERE p.id = s.location_id) AS location
FROM stock_level s
"""
_LOCK = f"""
{_LEVELS}
WHERE s.item_id = ANY($1::bigint[])
ORDER BY s.item_id, s.location_id FOR NO KEY UPDATE OF s
"""


class LockedLevelRow(TypedDict):
    """A locked stock level with the codes of its item and location."""

    id: int
    item_id: int
    location_id: int
    version: int
    available: int
    held: int
    allocated: int
    quality_control: int
    quarantine: int
    refurbishing: int
    damaged: int
    safety_stock: int
    picked: int
    missing: int
    binned: int
    incoming: int
    shelf_changes: int
    sku: str
    location: str


async def lock_levels(session: Session, item_ids: Sequence[int]) -> Sequence[LockedLevelRow]:
    """Lock all levels of these items in (item, location) order and read them."""
    return await session.rows(LockedLevelRow, _LOCK, list(item_ids))


async def try_lock_levels(session: Session, item_ids: Sequence[int]) -> Sequence[LockedLevelRow]:
    """Lock and read as `lock_levels`, but raise Contention where it would wait."""
    return await session.rows(LockedLevelRow, f"{_LOCK.rstrip()} NOWAIT", list(item_ids))


_LOCK_SUPPLY = f"""
WITH wanted AS (
  SELECT id AS item_id FROM item WHERE sku_key = ANY($1::text[])
), over AS (
  SELECT reservation_id AS id FROM reservation_line
  WHERE item_id = ANY(ARRAY(SELECT item_id FROM wanted)) AND held_until_at <= $2
  ORDER BY held_until_at, reservation_id LIMIT $4
), replaced AS (
  SELECT id FROM reservation
  WHERE external_reference_key = ANY($3::text[]) AND status = 'HELD' AND expires_at <= $2
)
{_LEVELS}
WHERE s.item_id = ANY(ARRAY(
  SELECT item_id FROM wanted
  UNION
  SELECT item_id FROM reservation_line WHERE reservation_id = ANY(ARRAY(SELECT id FROM replaced))
  UNION
  SELECT item_id FROM (
    SELECT item_id FROM reservation_line WHERE reservation_id = ANY(ARRAY(SELECT id FROM over))
    ORDER BY reservation_id LIMIT $5
  ) AS others
))
ORDER BY s.item_id, s.location_id FOR NO KEY UPDATE OF s
"""


def supply_lock(
    skus: Sequence[str], references: Sequence[str], now: datetime, expired_max: int, lines_max: int
) -> Question[Sequence[LockedLevelRow]]:
    """Lock all levels of these SKUs, and all levels of the items in related expired holds.

    Related: with one of these references, or among the `expired_max` oldest lines of these SKUs.
    Of the latter holds the items of at most `lines_max` lines are locked.
    """
    args = (keys_of(skus), now, keys_of(references), expired_max, lines_max)
    return question(LockedLevelRow, _LOCK_SUPPLY, args, lambda rows: rows)


async def ensure_levels(session: Session, pairs: Sequence[tuple[int, int]], now: datetime) -> None:
    """Create empty levels for (item, location) pairs that have none; pairs must be sorted."""
    await session.execute_many(
        "INSERT INTO stock_level (item_id, location_id, updated_at) VALUES ($1, $2, $3)"
        " ON CONFLICT (item_id, location_id) DO NOTHING",
        [(item_id, location_id, now) for item_id, location_id in pairs],
    )


_STATES = tuple((state, state.lower()) for state in StockState)
_CHANGED = (
    ("id", "bigint"),
    *((column, "bigint") for _, column in _STATES),
    ("version", "bigint"),
    ("updated_at", "timestamptz"),
)
_ASSIGNMENTS = ", ".join(
    (
        *(f"{column} = t.{column} + c.{column}" for _, column in _STATES),
        "version = c.version",
        "updated_at = c.updated_at",
    )
)


def moved(
    changes: Sequence[tuple[int, Mapping[StockState, int], int]], now: datetime
) -> WriteStatement:
    """Add (level id, units by state, new version) to the columns; a CHECK refuses negative sums."""
    rows = [
        (level_id, *(deltas.get(state, 0) for state, _ in _STATES), version, now)
        for level_id, deltas, version in changes
    ]
    return WriteStatement("stock_level", _CHANGED, _ASSIGNMENTS, rows)


_PARTS = ("picked", "missing", "binned", "incoming", "shelf_changes")
_CHANGED_WITH_PARTS = (*_CHANGED, *((part, "bigint") for part in _PARTS))
_ASSIGNMENTS_WITH_PARTS = ", ".join((_ASSIGNMENTS, *(f"{part} = c.{part}" for part in _PARTS)))


def moved_with_parts(
    changes: Sequence[tuple[int, Mapping[StockState, int], int]],
    parts: Sequence[tuple[int, int, int, int, int]],
    now: datetime,
) -> WriteStatement:
    """Write as `moved` does, and set (picked, missing, binned, incoming, shelf changes) of each
    level.

    A statement of its own: holds and orders change no part, and write five columns less.
    """
    rows = [(*row, *part_of) for row, part_of in zip(moved(changes, now).rows, parts, strict=True)]
    return WriteStatement("stock_level", _CHANGED_WITH_PARTS, _ASSIGNMENTS_WITH_PARTS, rows)


async def set_safety_stock(
    session: Session, level_id: int, quantity: int, version: int, now: datetime
) -> None:
    """Set the part of the available units that is never promised."""
    await session.execute(
        "UPDATE stock_level SET safety_stock = $2, version = $3, updated_at = $4 WHERE id = $1",
        level_id,
        quantity,
        version,
        now,
    )


_WRITTEN_DOWN = """
SELECT CAST(COALESCE(SUM(quantity), 0) AS bigint) AS units FROM stock_movement
WHERE item_id = $1 AND actor = $2 AND occurred_at >= $3 AND kind IN ('ADJUSTED', 'COUNTED')
  AND to_state IS NULL
"""


async def written_down(session: Session, item_id: int, actor: str, since: datetime) -> int:
    """Units of an item that an actor has written down since an instant, by hand or by a count."""
    return await session.value(int, _WRITTEN_DOWN, item_id, actor, since) or 0
