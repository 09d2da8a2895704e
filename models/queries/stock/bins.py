"""Bins of locked levels, the homes of bins, and the rounds that open put-away tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from domain.stock.bins import WalkRank, walk_rank
from domain.values.codes import ByCode, keys_of
from models.database.rows import Flag, Total
from models.database.sessions import Session
from models.database.sql import WriteStatement


class LevelBinRow(TypedDict):
    """Units of a level in a bin, with the bin's code and place on the walk."""

    id: UUID
    level_id: int
    bin_id: int
    quantity: int
    since_at: datetime
    code: str
    walk_order: int | None


_OF_LEVELS = """
SELECT b.id, b.level_id, b.bin_id, b.quantity, b.since_at, l.code, l.walk_order
FROM bin_stock b JOIN location l ON l.id = b.bin_id WHERE b.level_id = ANY($1::bigint[])
"""


async def of_levels(session: Session, level_ids: Sequence[int]) -> Sequence[LevelBinRow]:
    """The bins of these levels, which the transaction has locked.

    Rows of bin_stock change only under the lock of their level, so they need no lock of their own.
    """
    return await session.rows(LevelBinRow, _OF_LEVELS, list(level_ids))


# (id, units above 0, since) of a row of bin_stock.
BinChange = tuple[UUID, int, datetime]

_CHANGED = (("id", "uuid"), ("quantity", "bigint"), ("since_at", "timestamptz"))
_ASSIGNMENTS = "quantity = c.quantity, since_at = c.since_at"


def changed(rows: Sequence[BinChange]) -> WriteStatement:
    """Set the units of rows of bin_stock."""
    return WriteStatement("bin_stock", _CHANGED, _ASSIGNMENTS, rows)


async def remove(session: Session, ids: Sequence[UUID]) -> None:
    """Delete rows of bin_stock whose last unit has left."""
    await session.execute("DELETE FROM bin_stock WHERE id = ANY($1::uuid[])", list(ids))


@dataclass(frozen=True, slots=True)
class BinFacts:
    """A bin: `home_id` is the location whose stock it holds."""

    id: int
    code: str
    kind: str
    walk_order: int | None
    active: Flag
    home_id: int | None

    @property
    def rank(self) -> WalkRank:
        """The bin's place on the walk."""
        return walk_rank(self.walk_order, self.code)


class _BinRow(TypedDict):
    id: int
    code: str
    kind: str
    walk_order: int | None
    active: Flag


class _HomeRow(TypedDict):
    home_id: int


class _PlaceRow(_HomeRow):
    place_id: int


_HELD = """
SELECT id, code, kind, walk_order, active FROM location WHERE code_key = ANY($1::text[])
ORDER BY id FOR KEY SHARE
"""
# From each place upwards through zones to the location that keeps stock.
_HOMES = """
WITH RECURSIVE up (place_id, id, kind, parent_id) AS (
  SELECT l.id, l.id, l.kind, l.parent_id FROM location l WHERE l.id = ANY($1::bigint[])
  UNION ALL
  SELECT up.place_id, p.id, p.kind, p.parent_id FROM up JOIN location p ON p.id = up.parent_id
  WHERE up.kind IN ('BIN', 'ZONE')
)
SELECT place_id, id AS home_id FROM up WHERE kind NOT IN ('BIN', 'ZONE')
"""


async def homes(session: Session, location_ids: Iterable[int]) -> dict[int, int]:
    """For each of these locations the one that keeps its stock; for a warehouse itself."""
    rows = await session.rows(_PlaceRow, _HOMES, sorted(set(location_ids)))
    return {row["place_id"]: row["home_id"] for row in rows}


async def hold_bins(session: Session, codes: Iterable[str]) -> ByCode[BinFacts]:
    """Locations by code, protected from change until the transaction ends; unknown are missing."""
    rows = await session.rows(_BinRow, _HELD, keys_of(codes))
    home_of = await homes(session, [row["id"] for row in rows]) if rows else {}
    found = [BinFacts(**row, home_id=home_of.get(row["id"])) for row in rows]
    return ByCode(found, lambda each: each.code)


async def bins_by_id(session: Session, ids: Sequence[int]) -> dict[int, BinFacts]:
    """As `hold_bins`, by id: protected from change until the transaction ends."""
    sql = (
        "SELECT id, code, kind, walk_order, active FROM location WHERE id = ANY($1::bigint[])"
        " ORDER BY id FOR KEY SHARE"
    )
    rows = await session.rows(_BinRow, sql, list(ids))
    home_of = await homes(session, list(ids)) if rows else {}
    return {row["id"]: BinFacts(**row, home_id=home_of.get(row["id"])) for row in rows}


# From a zone downwards, by the index of children.
_UNDER = """
WITH RECURSIVE below (id) AS (
  SELECT l.id FROM location l WHERE l.id = $1
  UNION ALL SELECT c.id FROM below JOIN location c ON c.parent_id = below.id
)
SELECT s.item_id, SUM(b.quantity) AS units
FROM stock_level s JOIN bin_stock b ON b.level_id = s.id
WHERE s.location_id = $2 AND s.item_id = ANY($3::bigint[])
  AND b.bin_id IN (SELECT id FROM below)
GROUP BY s.item_id
"""


class _UnitsRow(TypedDict):
    item_id: int
    units: Total


async def units_under(
    session: Session, zone_id: int, location_id: int, item_ids: Sequence[int]
) -> dict[int, int]:
    """Units of these items in the bins of a zone, or in a bin; items without any are missing."""
    rows = await session.rows(_UnitsRow, _UNDER, zone_id, location_id, list(item_ids))
    return {row["item_id"]: int(row["units"]) for row in rows}


# A location and all its zones; then the first active bin of each, by the index of children.
_HAS_BINS = """
WITH RECURSIVE zones (home_id, id) AS (
  SELECT l.id, l.id FROM location l WHERE l.id = ANY($1::bigint[])
  UNION ALL
  SELECT zones.home_id, c.id FROM zones JOIN location c ON c.parent_id = zones.id
  WHERE c.kind = 'ZONE'
)
SELECT DISTINCT z.home_id FROM zones z WHERE EXISTS (
  SELECT 1 FROM location b WHERE b.parent_id = z.id AND b.kind = 'BIN' AND b.active)
"""


async def with_bins(session: Session, location_ids: Iterable[int]) -> frozenset[int]:
    """Those of these locations that have an active bin."""
    rows = await session.rows(_HomeRow, _HAS_BINS, sorted(set(location_ids)))
    return frozenset(row["home_id"] for row in rows)


# The zones and bins in a location, and the location itself.
_UNITS_WITHIN = """
WITH RECURSIVE down (id) AS (
  SELECT l.id FROM location l WHERE l.id = $1
  UNION ALL
  SELECT c.id FROM down JOIN location c ON c.parent_id = down.id WHERE c.kind IN ('ZONE', 'BIN')
)
SELECT CAST(COALESCE(SUM(b.quantity), 0) AS bigint) AS units
FROM down JOIN bin_stock b ON b.bin_id = down.id
"""


async def units_within(session: Session, location_id: int) -> int:
    """Units in a bin, or in the bins of a zone."""
    return await session.value(int, _UNITS_WITHIN, location_id) or 0


class RoundRow(TypedDict):
    """A location whose levels get or lose their put-away tasks, after this item."""

    location_id: int
    after_item_id: int


async def begin_round(session: Session, location_id: int) -> None:
    """Let the job look at all levels of a location, from the first one on."""
    await session.execute(
        "INSERT INTO putaway_round (location_id) VALUES ($1)"
        " ON CONFLICT (location_id) DO UPDATE SET after_item_id = 0",
        location_id,
    )


async def next_round(session: Session) -> RoundRow | None:
    """Lock and read a round that no other transaction has locked."""
    return await session.row(
        RoundRow,
        "SELECT location_id, after_item_id FROM putaway_round ORDER BY location_id LIMIT 1"
        " FOR UPDATE SKIP LOCKED",
    )


async def advance_round(session: Session, location_id: int, after_item_id: int | None) -> None:
    """Store how far a locked round has come; None: it has ended."""
    if after_item_id is None:
        await session.execute("DELETE FROM putaway_round WHERE location_id = $1", location_id)
    else:
        await session.execute(
            "UPDATE putaway_round SET after_item_id = $2 WHERE location_id = $1",
            location_id,
            after_item_id,
        )


class ShelfRow(TypedDict):
    """A locked level, and its units on the shelf that are in no bin."""

    id: int
    item_id: int
    location_id: int
    sku: str
    unbinned: int


_SHELVES = """
SELECT s.id, s.item_id, s.location_id,
  (SELECT i.sku FROM item i WHERE i.id = s.item_id) AS sku,
  s.available + s.held + s.allocated - s.picked - s.binned AS unbinned
FROM stock_level s WHERE s.location_id = $1 AND s.item_id > $2
ORDER BY s.item_id LIMIT $3 FOR NO KEY UPDATE OF s
"""


async def lock_shelves(
    session: Session, location_id: int, after_item_id: int, limit: int
) -> Sequence[ShelfRow]:
    """Lock the next levels of a location in the order of their items, and read them."""
    return await session.rows(ShelfRow, _SHELVES, location_id, after_item_id, limit)
