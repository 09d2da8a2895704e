"""Levels to count: those that a person asks for or that the cycle reaches, and their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from models.database.rows import Total
from models.database.sessions import Session

# As in the condition of the unique index.
_FREE = (
    "NOT EXISTS (SELECT 1 FROM stock_count_line x WHERE x.level_id = s.id"
    " AND x.status IN ('OPEN','RECOUNT','NEEDS_APPROVAL','POSTING'))"
)
# Levels that were never counted come first.
_AGE = "CASE WHEN k.counted_at IS NULL THEN 0 ELSE 1 END, k.counted_at, s.id"
_LEVELS = "SELECT s.id, s.item_id FROM stock_level s LEFT JOIN counted_level k ON k.level_id = s.id"
_IN_ZONE = """s.id IN (
  WITH RECURSIVE down (id) AS (
    SELECT l.id FROM location l WHERE l.id = {}
    UNION ALL
    SELECT c.id FROM down JOIN location c ON c.parent_id = down.id WHERE c.kind IN ('ZONE','BIN')
  )
  SELECT b.level_id FROM down JOIN bin_stock b ON b.bin_id = down.id)"""


class CandidateRow(TypedDict):
    """A level to count."""

    id: int
    item_id: int


@dataclass(frozen=True, slots=True)
class CandidateFilters:
    """Facts of levels to count; None: any. `zone_id`: with units in a bin of this zone."""

    zone_id: int | None = None
    item_ids: Sequence[int] | None = None
    abc_class: str | None = None
    not_counted_since: datetime | None = None


async def candidates(
    session: Session, location_id: int, filters: CandidateFilters, limit: int
) -> Sequence[CandidateRow]:
    """Levels of a location without a live line, longest uncounted first."""
    conditions, values = ["s.location_id = $1", _FREE], list[object]([location_id])

    def place(value: object) -> str:
        values.append(value)
        return f"${len(values)}"

    if filters.zone_id is not None:
        conditions.append(_IN_ZONE.format(place(filters.zone_id)))
    if filters.item_ids is not None:
        conditions.append(f"s.item_id = ANY({place(list(filters.item_ids))}::bigint[])")
    if filters.abc_class is not None:
        conditions.append(f"k.abc_class = {place(filters.abc_class)}")
    if filters.not_counted_since is not None:
        since = place(filters.not_counted_since)
        conditions.append(f"(k.counted_at IS NULL OR k.counted_at < {since})")
    sql = f"{_LEVELS} WHERE {' AND '.join(conditions)} ORDER BY {_AGE} LIMIT {place(limit)}"
    return await session.rows(CandidateRow, sql, *values)


# Levels without a class count as C. Empty levels are left out: there is nothing to count.
_DUE = f"""
{_LEVELS} JOIN item i ON i.id = s.item_id
WHERE s.location_id = $1 AND {_FREE}
  AND s.available + s.held + s.allocated - s.picked + s.missing > 0
  AND (k.counted_at IS NULL OR (k.abc_class = 'A' AND k.counted_at < $2)
    OR (k.abc_class = 'B' AND k.counted_at < $3)
    OR (COALESCE(k.abc_class, 'C') = 'C' AND k.counted_at < $4))
  AND {{category}}
ORDER BY {_AGE} LIMIT $5
"""


async def due_levels(
    session: Session,
    location_id: int,
    counted_before: Mapping[str, datetime],
    category: str | None,
    other_than: Sequence[str],
    limit: int,
) -> Sequence[CandidateRow]:
    """Levels of a location whose last count is older than their class allows, oldest first.

    `category`: only of its items; None: of items in none of the categories `other_than`.
    """
    times = [counted_before[name] for name in ("A", "B", "C")]
    if category is not None:
        sql = _DUE.format(category="i.category = $6")
        return await session.rows(CandidateRow, sql, location_id, *times, limit, category)
    sql = _DUE.format(category="(i.category IS NULL OR NOT (i.category = ANY($6::text[])))")
    return await session.rows(CandidateRow, sql, location_id, *times, limit, list(other_than))


class CountingLocationRow(TypedDict):
    """A location that keeps stock, and the time of its last CYCLE count."""

    id: int
    code: str
    time_zone: str
    last_cycle_at: datetime | None


_LOCATIONS = """
SELECT l.id, l.code, l.time_zone, (
  SELECT MAX(c.created_at) FROM stock_count c WHERE c.location_id = l.id AND c.cause = 'CYCLE'
) AS last_cycle_at
FROM location l WHERE l.active AND l.kind NOT IN ('ZONE','BIN') ORDER BY l.id
"""


async def counting_locations(session: Session) -> Sequence[CountingLocationRow]:
    """The active locations that keep stock."""
    return await session.rows(CountingLocationRow, _LOCATIONS)


class ShippedRow(TypedDict):
    """A level, its present class, and the cost of its units that were shipped."""

    id: int
    abc_class: str | None
    cost_minor: Total


_SHIPPED = """
SELECT s.id, k.abc_class, COALESCE(m.cost_minor, 0) AS cost_minor
FROM stock_level s LEFT JOIN counted_level k ON k.level_id = s.id
LEFT JOIN (
  SELECT item_id, SUM(value_minor) AS cost_minor FROM stock_movement
  WHERE kind = 'SHIPPED' AND location_id = $1 AND occurred_at >= $2 GROUP BY item_id
) AS m ON m.item_id = s.item_id
WHERE s.location_id = $1 ORDER BY s.id
"""


async def shipped_costs(
    session: Session, location_id: int, since: datetime
) -> Sequence[ShippedRow]:
    """The levels of a location with the cost of their units that were shipped since an instant."""
    return await session.rows(ShippedRow, _SHIPPED, location_id, since)


async def set_classes(
    session: Session, location_id: int, classes: Sequence[tuple[int, str]]
) -> None:
    """Store the classes of levels of a location."""
    await session.execute_many(
        "INSERT INTO counted_level (level_id, location_id, abc_class) VALUES ($1, $2, $3)"
        " ON CONFLICT (level_id) DO UPDATE SET abc_class = excluded.abc_class",
        [(level_id, location_id, abc_class) for level_id, abc_class in classes],
    )
