"""Holds: find, lock and end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from domain.values.codes import keys_of
from models.database.locked_reads import FromLock
from models.database.rows import Total
from models.database.sessions import Session
from models.database.sql import Question, WriteStatement, question
from models.reservations import ReservationRow

_OVER = """
SELECT reservation_id FROM reservation_line
WHERE item_id = ANY($1::bigint[]) AND held_until_at <= $2
ORDER BY held_until_at, reservation_id LIMIT $3
"""


class _OverRow(TypedDict):
    reservation_id: UUID


async def holds_over(
    session: Session, item_ids: Sequence[int], now: datetime, limit: int
) -> set[UUID]:
    """Holds of the first `limit` expired lines of these items, oldest first; not locked."""
    rows = await session.rows(_OverRow, _OVER, list(item_ids), now, limit)
    return {row["reservation_id"] for row in rows}


_OVER_OF = """
SELECT o.id, CASE WHEN EXISTS (
  SELECT 1 FROM reservation_line l
  WHERE l.reservation_id = o.id AND NOT (l.item_id = ANY($1::bigint[]))
) THEN 0 ELSE 1 END AS covered
FROM (
  SELECT id FROM (
    SELECT reservation_id AS id FROM reservation_line
    WHERE item_id = ANY(ARRAY(SELECT id FROM item WHERE sku_key = ANY($2::text[])))
      AND held_until_at <= $3
    ORDER BY held_until_at, reservation_id LIMIT $5
  ) AS first_lines
  UNION
  SELECT id FROM reservation
  WHERE external_reference_key = ANY($4::text[]) AND status = 'HELD' AND expires_at <= $3
) AS o
"""


class ExpiredHoldRow(TypedDict):
    """An expired hold; `covered` is 1 if the stock of all its items is locked, else 0."""

    id: UUID
    covered: int


def over_of(
    item_ids: Sequence[int] | FromLock,
    skus: Sequence[str],
    references: Sequence[str],
    now: datetime,
    limit: int,
) -> Question[Sequence[ExpiredHoldRow]]:
    """Expired holds with one of these references, and those that `holds_over` finds for these SKUs.

    `item_ids`: the items whose stock is locked.
    """
    args = (item_ids, keys_of(skus), now, keys_of(references), limit)
    return question(ExpiredHoldRow, _OVER_OF, args, lambda rows: rows)


class _HoldReferenceRow(TypedDict):
    id: UUID
    channel: int
    external_reference_key: str


def live_by_reference(
    references: Sequence[str], now: datetime
) -> Question[dict[tuple[int, str], UUID]]:
    """Live holds with these references, by (channel, key of the reference)."""
    return question(
        _HoldReferenceRow,
        "SELECT id, channel_id AS channel, external_reference_key FROM reservation"
        " WHERE external_reference_key = ANY($1::text[]) AND status = 'HELD' AND expires_at > $2",
        (keys_of(references), now),
        lambda rows: {(row["channel"], row["external_reference_key"]): row["id"] for row in rows},
    )


_HOLD = (
    "SELECT id, status, channel_id, external_reference, actor, address, created_at, expires_at,"
    " first_ttl_seconds, order_id, version, routing FROM reservation"
)


async def lock_holds(session: Session, ids: Sequence[UUID]) -> Sequence[ReservationRow]:
    """Lock these holds in id order and read them."""
    sql = f"{_HOLD} WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
    return await session.rows(ReservationRow, sql, list(ids))


class EndingHoldRow(TypedDict):
    """A locked hold that is about to end."""

    id: UUID
    channel_id: int
    expires_at: datetime
    version: int


_LOCK_OVER = """
SELECT id, channel_id, expires_at, version FROM reservation
WHERE id = ANY($1::uuid[]) AND status = 'HELD' AND expires_at <= $2
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""


async def lock_holds_over(
    session: Session, ids: Sequence[UUID], now: datetime
) -> Sequence[EndingHoldRow]:
    """Lock those of these holds that are still expired and not locked by another transaction."""
    return await session.rows(EndingHoldRow, _LOCK_OVER, list(ids), now)


async def hold(session: Session, reservation_id: UUID) -> ReservationRow | None:
    """A hold, not locked."""
    return await session.row(ReservationRow, f"{_HOLD} WHERE id = $1", reservation_id)


class HeldLineRow(TypedDict):
    """A line of a reservation."""

    reservation_id: UUID
    line_no: int
    item_id: int
    location_id: int
    quantity: int


async def lines_of(session: Session, ids: Sequence[UUID]) -> Sequence[HeldLineRow]:
    """The lines of these holds, by hold and line number."""
    sql = (
        "SELECT reservation_id, line_no, item_id, location_id, quantity FROM reservation_line"
        " WHERE reservation_id = ANY($1::uuid[]) ORDER BY reservation_id, line_no"
    )
    return await session.rows(HeldLineRow, sql, list(ids))


_LINES_OVER = """
SELECT l.reservation_id, l.line_no, l.item_id, l.location_id, l.quantity
FROM (
  SELECT id, expires_at FROM reservation WHERE status = 'HELD' AND expires_at <= $1
  ORDER BY expires_at, id LIMIT $2
) AS r JOIN reservation_line l ON l.reservation_id = r.id
ORDER BY r.expires_at, r.id, l.line_no LIMIT $2
"""


async def lines_over(session: Session, now: datetime, limit: int) -> Sequence[HeldLineRow]:
    """The first `limit` lines of expired holds, oldest hold first; not locked.

    If there are more, the last hold may lack lines.
    """
    return await session.rows(HeldLineRow, _LINES_OVER, now, limit)


_ENDED = (("id", "uuid"), ("status", "text"), ("order_id", "uuid"))
_END = "status = c.status, order_id = c.order_id, version = t.version + 1"
_LINES_ENDED = (("reservation_id", "uuid"),)


async def end_holds(session: Session, ids: Sequence[UUID], status: str) -> None:
    """Store the status, RELEASED or EXPIRED, of locked holds."""
    await _end(session, [(hold_id, status, None) for hold_id in ids])


async def commit_holds(session: Session, rows: Sequence[tuple[UUID, UUID]]) -> None:
    """Store the (id, order) of locked holds whose units orders have taken."""
    await _end(session, [(hold_id, "COMMITTED", order_id) for hold_id, order_id in rows])


async def _end(session: Session, rows: Sequence[tuple[UUID, str, UUID | None]]) -> None:
    ends = WriteStatement("reservation", _ENDED, _END, rows)
    lines = [(row[0],) for row in rows]
    changes = (
        ends,
        WriteStatement("reservation_line", _LINES_ENDED, "held_until_at = NULL", lines),
    )
    await session.write({}, changes)


async def extend_hold(
    session: Session, reservation_id: UUID, expires_at: datetime, version: int
) -> None:
    """Set a later end of a hold."""
    await session.execute(
        "UPDATE reservation SET expires_at = $2, version = $3 WHERE id = $1",
        reservation_id,
        expires_at,
        version,
    )
    await session.execute(
        "UPDATE reservation_line SET held_until_at = $2 WHERE reservation_id = $1",
        reservation_id,
        expires_at,
    )


_ANONYMOUS_HOLDS = """
SELECT address, COUNT(*) AS holds FROM reservation
WHERE address = ANY($1::text[]) AND status = 'HELD' AND expires_at > $2 GROUP BY address
"""


class _AddressHoldsRow(TypedDict):
    address: str
    holds: int


async def holds_by_address(
    session: Session, addresses: Sequence[str], now: datetime
) -> dict[str, int]:
    """Live holds made without a key, by network address."""
    rows = await session.rows(_AddressHoldsRow, _ANONYMOUS_HOLDS, list(addresses), now)
    return {row["address"]: row["holds"] for row in rows}


_ANONYMOUS_UNITS = """
SELECT l.item_id, r.address, SUM(l.quantity) AS units
FROM reservation_line l JOIN reservation r ON r.id = l.reservation_id
WHERE l.item_id = ANY($1::bigint[]) AND l.held_until_at > $2 AND r.address IS NOT NULL
GROUP BY l.item_id, r.address
"""


class _AddressUnitsRow(TypedDict):
    item_id: int
    address: str
    units: Total


async def anonymous_units(
    session: Session, item_ids: Sequence[int], now: datetime
) -> dict[tuple[int, str], int]:
    """Units in live holds made without a key, by (item, network address)."""
    rows = await session.rows(_AddressUnitsRow, _ANONYMOUS_UNITS, list(item_ids), now)
    return {(row["item_id"], row["address"]): int(row["units"]) for row in rows}
