"""Claims on the units of a level that a count finds missing: live holds and unpicked fulfillments.

Both are read in the order in which their units are taken, and not locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session
from models.queries.orders.reservations import EndingHoldRow


class HoldOfLevelRow(TypedDict):
    """Units of a level in a live hold."""

    reservation_id: UUID
    units: int


_HOLDS = """
SELECT r.id AS reservation_id, CAST(SUM(l.quantity) AS bigint) AS units
FROM reservation_line l JOIN reservation r ON r.id = l.reservation_id
WHERE l.item_id = $1 AND l.location_id = $2 AND l.held_until_at IS NOT NULL AND r.status = 'HELD'
GROUP BY r.id, r.created_at ORDER BY r.created_at DESC, r.id DESC LIMIT $3
"""


async def holds_of(
    session: Session, item_id: int, location_id: int, limit: int
) -> Sequence[HoldOfLevelRow]:
    """Live holds with units of a level, youngest first."""
    return await session.rows(HoldOfLevelRow, _HOLDS, item_id, location_id, limit)


_LOCK_HOLDS = """
SELECT id, channel_id, expires_at, version FROM reservation
WHERE id = ANY($1::uuid[]) AND status = 'HELD' ORDER BY id FOR NO KEY UPDATE
"""


async def lock_held(session: Session, ids: Sequence[UUID]) -> Sequence[EndingHoldRow]:
    """Lock those of these holds that are still held, in the order of their ids."""
    return await session.rows(EndingHoldRow, _LOCK_HOLDS, sorted(ids))


class UnpickedRow(TypedDict):
    """An unpicked fulfillment with units of a level."""

    fulfillment_id: UUID
    order_id: UUID


# The channel that is served last comes first, then the latest promise; without one it is the last.
_UNPICKED = """
SELECT f.id AS fulfillment_id, f.order_id
FROM fulfillment_line l JOIN fulfillment f ON f.id = l.fulfillment_id
JOIN sales_order o ON o.id = f.order_id JOIN channel c ON c.id = o.channel_id
WHERE l.item_id = $1 AND l.quantity > l.picked AND f.location_id = $2
  AND f.status IN ('OPEN','ON_HOLD')
GROUP BY f.id, f.order_id, c.priority, o.ship_by_at, f.created_at
ORDER BY c.priority DESC, CASE WHEN o.ship_by_at IS NULL THEN 0 ELSE 1 END, o.ship_by_at DESC,
  f.created_at DESC, f.id DESC LIMIT $3
"""


async def unpicked_of(
    session: Session, item_id: int, location_id: int, limit: int
) -> Sequence[UnpickedRow]:
    """Unpicked fulfillments with units of a level, in the order in which they lose them."""
    return await session.rows(UnpickedRow, _UNPICKED, item_id, location_id, limit)


class LevelRow(TypedDict):
    """A level that is not locked: units that nobody claims, and those that claims may lose."""

    item_id: int
    available: int
    claimed: int


async def levels_of(
    session: Session, location_id: int, item_ids: Sequence[int]
) -> dict[int, LevelRow]:
    """The levels of these items at a location, not locked, by item."""
    rows = await session.rows(
        LevelRow,
        "SELECT item_id, available, held + allocated AS claimed FROM stock_level"
        " WHERE location_id = $1 AND item_id = ANY($2::bigint[])",
        location_id,
        sorted(item_ids),
    )
    return {row["item_id"]: row for row in rows}


class _HeldItemRow(TypedDict):
    item_id: int


async def items_of_holds(session: Session, ids: Sequence[UUID]) -> frozenset[int]:
    """The items of all lines of these holds."""
    rows = await session.rows(
        _HeldItemRow,
        "SELECT DISTINCT item_id FROM reservation_line WHERE reservation_id = ANY($1::uuid[])",
        sorted(ids),
    )
    return frozenset(row["item_id"] for row in rows)


_TRANSFERS = """
SELECT CAST(COALESCE(SUM(l.requested), 0) AS bigint) AS units
FROM transfer_line l JOIN transfer t ON t.id = l.transfer_id
WHERE l.item_id = $1 AND t.origin_id = $2 AND t.status = 'REQUESTED'
"""


async def units_of_transfers(session: Session, item_id: int, location_id: int) -> int:
    """Units of a level that are promised to transfers which have not been shipped."""
    return await session.value(int, _TRANSFERS, item_id, location_id) or 0
