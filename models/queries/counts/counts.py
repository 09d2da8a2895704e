"""Counts and their lines, for workflows: locks, inserts and changes of status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from models.counts import CountAttemptRow, CountPlaceRow, StockCountLineRow, StockCountRow
from models.database.sessions import Session

_COUNT = (
    "SELECT id, number, cause, status, location_id, blind, created_by, created_at, due_at,"
    " closed_at, line_count, lines_done, version FROM stock_count"
)
_LINE = (
    "SELECT id, count_id, level_id, item_id, location_id, status, variance, value_minor,"
    " value_currency, asked_again_because, decided_by, posted_at, unposted, started_changes,"
    " counted_changes, counted_missing, version FROM stock_count_line"
)
# As in the condition of the unique index.
_IS_LIVE = "status IN ('OPEN','RECOUNT','NEEDS_APPROVAL','POSTING')"


async def lock_count(session: Session, count_id: UUID) -> StockCountRow | None:
    """Lock a count and read it."""
    return await session.row(StockCountRow, f"{_COUNT} WHERE id = $1 FOR NO KEY UPDATE", count_id)


async def counts_by_id(session: Session, ids: Iterable[UUID]) -> dict[UUID, StockCountRow]:
    """Counts by id, not locked."""
    sql = f"{_COUNT} WHERE id = ANY($1::uuid[])"
    rows = await session.rows(StockCountRow, sql, sorted(set(ids)))
    return {row["id"]: row for row in rows}


async def lines_by_id(session: Session, ids: Iterable[UUID]) -> dict[UUID, StockCountLineRow]:
    """Lines by id, not locked."""
    sql = f"{_LINE} WHERE id = ANY($1::uuid[])"
    rows = await session.rows(StockCountLineRow, sql, sorted(set(ids)))
    return {row["id"]: row for row in rows}


async def live_lines(session: Session, level_ids: Sequence[int]) -> dict[int, StockCountLineRow]:
    """The live lines of these levels, locked, by level."""
    sql = (
        f"{_LINE} WHERE level_id = ANY($1::bigint[]) AND {_IS_LIVE}"
        " ORDER BY level_id FOR NO KEY UPDATE"
    )
    rows = await session.rows(StockCountLineRow, sql, sorted(level_ids))
    return {row["level_id"]: row for row in rows}


async def live_lines_of(session: Session, count_id: UUID) -> Sequence[StockCountLineRow]:
    """The live lines of a count, not locked."""
    sql = f"{_LINE} WHERE count_id = $1 AND {_IS_LIVE} ORDER BY id"
    return await session.rows(StockCountLineRow, sql, count_id)


_WAITING = """
SELECT 1 AS found FROM stock_count_line
WHERE level_id = $1 AND status IN ('OPEN','RECOUNT','NEEDS_APPROVAL','POSTING')
  AND status IN ('RECOUNT','NEEDS_APPROVAL') LIMIT 1
"""


async def is_waiting(session: Session, level_id: int) -> bool:
    """True if a line of the level waits for a recount or an approval."""
    return bool(await session.value(int, _WAITING, level_id))


_WRITE_LINE = """
UPDATE stock_count_line SET status = $2, variance = $3, value_minor = $4, value_currency = $5,
  asked_again_because = $6, decided_by = $7, posted_at = $8, unposted = $9, counted_changes = $10,
  counted_missing = $11, version = $12
WHERE id = $1
"""


async def write_line(session: Session, row: StockCountLineRow) -> None:
    """Write the changeable columns of a locked line."""
    await session.execute(
        _WRITE_LINE,
        row["id"],
        row["status"],
        row["variance"],
        row["value_minor"],
        row["value_currency"],
        row["asked_again_because"],
        row["decided_by"],
        row["posted_at"],
        row["unposted"],
        row["counted_changes"],
        row["counted_missing"],
        row["version"],
    )


_START = f"""
UPDATE stock_count_line SET started_changes = (
  SELECT s.shelf_changes FROM stock_level s WHERE s.id = stock_count_line.level_id)
WHERE level_id = $1 AND {_IS_LIVE}
"""


async def start_line(session: Session, level_id: int) -> None:
    """Store the number of changes of a level's shelf as that at which its count begins."""
    await session.execute(_START, level_id)


_CLOSE = """
UPDATE stock_count SET lines_done = lines_done + $2, version = version + 1,
  status = CASE WHEN status = 'OPEN' AND lines_done + $2 = line_count THEN 'DONE' ELSE status END,
  closed_at = CASE WHEN status = 'OPEN' AND lines_done + $2 = line_count THEN $3
    ELSE closed_at END
WHERE id = $1
"""


async def add_done(session: Session, count_id: UUID, lines: int, now: datetime) -> None:
    """Add to the lines of a count that are posted; with the last one the count is done."""
    await session.execute(_CLOSE, count_id, lines, now)


async def cancel_count(session: Session, count_id: UUID, lines: int, now: datetime) -> None:
    """Cancel a locked count, with as many of its lines."""
    await session.execute(
        "UPDATE stock_count SET status = 'CANCELLED', closed_at = $3, version = version + 1,"
        " lines_done = lines_done + $2 WHERE id = $1",
        count_id,
        lines,
        now,
    )


async def attempts_of(
    session: Session, line_ids: Sequence[UUID]
) -> dict[UUID, list[CountAttemptRow]]:
    """The attempts of lines, oldest first."""
    sql = (
        "SELECT id, line_id, number, counted_by, counted_at, counted, expected, counts"
        " FROM count_attempt"
        " WHERE line_id = ANY($1::uuid[]) ORDER BY line_id, number"
    )
    found: dict[UUID, list[CountAttemptRow]] = {}
    for row in await session.rows(CountAttemptRow, sql, sorted(line_ids)):
        found.setdefault(row["line_id"], []).append(row)
    return found


async def begin_anew(session: Session, line_id: UUID) -> None:
    """Let the attempts of a line count no longer."""
    await session.execute("UPDATE count_attempt SET counts = FALSE WHERE line_id = $1", line_id)


async def places_of(session: Session, attempt_id: UUID) -> Sequence[CountPlaceRow]:
    """The places of an attempt."""
    sql = (
        "SELECT id, attempt_id, bin_id, counted FROM count_place WHERE attempt_id = $1 ORDER BY id"
    )
    return await session.rows(CountPlaceRow, sql, attempt_id)


# A posted difference is smaller than the counted one if units were left to a waiting transfer. Of a
# level with a long history only the last line is read.
_LEFT = """
SELECT s.id AS level_id FROM stock_level s
JOIN stock_count_line l ON l.level_id = s.id AND l.status = 'POSTED' AND l.posted_at = (
  SELECT MAX(n.posted_at) FROM stock_count_line n WHERE n.level_id = s.id AND n.status = 'POSTED')
JOIN count_attempt a ON a.line_id = l.id
WHERE s.id = ANY($1::bigint[]) AND a.counted - a.expected < l.variance
  AND a.number = (SELECT MAX(b.number) FROM count_attempt b WHERE b.line_id = l.id)
ORDER BY s.id
"""


class _LevelIdRow(TypedDict):
    level_id: int


async def levels_with_units_left(session: Session, level_ids: Sequence[int]) -> list[int]:
    """Those of these levels whose last posted count left units that it did not find."""
    rows = await session.rows(_LevelIdRow, _LEFT, list(level_ids))
    return list(dict.fromkeys(row["level_id"] for row in rows))


async def set_counted(session: Session, level_id: int, location_id: int, now: datetime) -> None:
    """Store the time of the last posted count of a level."""
    await session.execute(
        "INSERT INTO counted_level (level_id, location_id, counted_at) VALUES ($1, $2, $3)"
        " ON CONFLICT (level_id) DO UPDATE SET counted_at = excluded.counted_at",
        level_id,
        location_id,
        now,
    )


async def posting_lines(
    session: Session, after: UUID | None, limit: int
) -> Sequence[StockCountLineRow]:
    """Lines that are being booked, in order of their ids; not locked."""
    condition = "status = 'POSTING'"
    if after is None:
        return await session.rows(
            StockCountLineRow, f"{_LINE} WHERE {condition} ORDER BY id LIMIT $1", limit
        )
    sql = f"{_LINE} WHERE {condition} AND id > $1 ORDER BY id LIMIT $2"
    return await session.rows(StockCountLineRow, sql, after, limit)


# A CASE, because the subjects of other tasks are no UUIDs.
_TASKS_OF = """
WHERE t.status = 'CLAIMED' AND t.lease_until_at > $3 AND t.queue = 'PICK' AND t.location_id = $1
  AND l.item_id = ANY($2::bigint[])
"""
_PICKS = f"""
SELECT l.item_id FROM task t
JOIN fulfillment_line l ON l.fulfillment_id =
  CASE WHEN t.subject_type = 'Fulfillment' THEN CAST(t.subject_key AS {{uuid}}) END
{_TASKS_OF} AND l.quantity > l.picked
UNION
SELECT l.item_id FROM task t
JOIN transfer_line l ON l.transfer_id =
  CASE WHEN t.subject_type = 'Transfer' THEN CAST(t.subject_key AS {{uuid}}) END
JOIN transfer r ON r.id = l.transfer_id
{_TASKS_OF} AND r.status = 'REQUESTED'
"""


class _PickedItemRow(TypedDict):
    item_id: int


async def items_being_picked(
    session: Session, location_id: int, item_ids: Sequence[int], now: datetime
) -> frozenset[int]:
    """Those of these items that claimed, unfinished PICK tasks at a location ask for.

    They are of fulfillments, and of transfers that have not shipped.
    """
    sql = _PICKS.format(uuid="uuid" if session.engine == "postgres" else "TEXT")
    rows = await session.rows(_PickedItemRow, sql, location_id, sorted(item_ids), now)
    return frozenset(row["item_id"] for row in rows)
