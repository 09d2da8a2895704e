"""The event log: numbered by the sequencer, read by position. Positions have no gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, cast

import orjson

import domain.events.former as former
import models.queries.events.leases as leases
from models.database.sessions import Session


class LoggedEventRow(TypedDict):
    """A logged event with the codes of its channel and location; `data` is JSON."""

    position: int
    id: int
    type: str
    occurred_at: datetime
    actor: str
    subject_type: str
    subject_key: str
    subject_version: int
    channel: str | None
    location: str | None
    data: str


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event at its position. `channel` and `location` are codes: the event's scope."""

    position: int
    id: int
    type: str
    occurred_at: datetime
    actor: str
    subject_type: str
    subject_key: str
    subject_version: int
    channel: str | None
    location: str | None
    data: Mapping[str, Any]

    @property
    def cursor(self) -> str:
        """The value of `after` with which a client continues after this event."""
        return str(self.position)

    @staticmethod
    def from_row(row: LoggedEventRow) -> LoggedEvent:
        """Convert a row of the queries below."""
        event_type = former.current_type(row["type"])
        return LoggedEvent(
            position=row["position"],
            id=row["id"],
            type=event_type,
            occurred_at=row["occurred_at"],
            actor=row["actor"],
            subject_type=row["subject_type"],
            subject_key=row["subject_key"],
            subject_version=row["subject_version"],
            channel=row["channel"],
            location=row["location"],
            data=former.current_data(event_type, orjson.loads(row["data"])),
        )


@dataclass(frozen=True, slots=True)
class Numbered:
    """Result of one batch: the number of events, and the last position after it.

    `is_all`: of the events that it saw, none is left, neither beyond its limit nor taken by another
    batch. `events`: the numbered events in order, if requested.
    """

    count: int
    position: int
    is_all: bool
    events: Sequence[LoggedEvent] = ()


_COLUMNS = """
p.position, e.id, e.type, e.occurred_at, e.actor, e.subject_type, e.subject_key, e.subject_version,
c.code AS channel, l.code AS location, e.data
"""
_SCOPE = """
LEFT JOIN channel c ON c.id = e.channel_id LEFT JOIN location l ON l.id = e.location_id
"""
# One statement: one transaction and one round trip. It may wait for the lease's row, and then reads
# its newest counter, but it sees `event_pending` as of its start. Events that the previous holder
# numbered meanwhile cannot be deleted again, and only deleted ones are numbered.
# It returns the events ($6), or one row in which only the last three columns are set.
_NUMBER = f"""
WITH held AS (
  SELECT counter FROM lease
  WHERE name = $1 AND (holder = $2 OR lease_until_at <= $3) FOR UPDATE {{or_not}}
), seen AS MATERIALIZED (
  SELECT event_id FROM event_pending WHERE EXISTS (SELECT 1 FROM held)
  ORDER BY event_id LIMIT $5 + 1
), taken AS (
  DELETE FROM event_pending WHERE event_id IN (SELECT event_id FROM seen ORDER BY 1 LIMIT $5)
  RETURNING event_id
), numbered AS (
  INSERT INTO event_position (position, event_id)
  SELECT h.counter + row_number() OVER (ORDER BY t.event_id), t.event_id FROM taken t, held h
  RETURNING position, event_id
), renewed AS (
  UPDATE lease SET holder = $2, lease_until_at = $4,
    counter = h.counter + (SELECT count(*) FROM taken)
  FROM held h WHERE name = $1
  RETURNING lease.counter AS last, (SELECT count(*) FROM taken) AS count
)
SELECT {_COLUMNS}, r.last, r.count, r.count = (SELECT count(*) FROM seen) AS is_all
FROM renewed r LEFT JOIN numbered p ON $6::boolean
LEFT JOIN event e ON e.id = p.event_id AND e.id = ANY(ARRAY(SELECT event_id FROM numbered))
{_SCOPE} ORDER BY p.position
"""
_NUMBER_NOW, _NUMBER_IF_FREE = _NUMBER.format(or_not=""), _NUMBER.format(or_not="SKIP LOCKED")
# The same for SQLite, in a transaction: it has one writer, and no DELETE within a query.
_NUMBER_BEHIND = """
INSERT INTO event_position (position, event_id)
SELECT $1 + row_number() OVER (ORDER BY event_id), event_id
FROM (SELECT event_id FROM event_pending ORDER BY event_id LIMIT $2) AS pending
"""
_REMOVE_NUMBERED = """
DELETE FROM event_pending
WHERE event_id IN (SELECT event_id FROM event_position WHERE position > $1)
"""


async def number_pending(
    session: Session,
    lease: str,
    holder: str,
    now: datetime,
    until: datetime,
    limit: int,
    *,
    with_events: bool = False,
    waiting: bool = True,
) -> Numbered | None:
    """Assign the next positions to up to `limit` pending events, and hold the lease until `until`.

    Returns None, without any change, if another process holds the lease or the lease does not
    exist. Also, with `waiting` false, if another process is numbering now. The lease's counter is
    the last position. `with_events`: return the events too. On SQLite within a transaction.
    """
    if session.engine == "postgres":
        number = _NUMBER_NOW if waiting else _NUMBER_IF_FREE
        rows = await session.fetch(number, lease, holder, now, until, limit, with_events)
        if not rows:
            return None
        events = [
            LoggedEvent.from_row(cast("LoggedEventRow", row))
            for row in rows
            if row["position"] is not None
        ]
        first = rows[0]
        return Numbered(first["count"], first["last"], first["is_all"], events)
    row = await leases.lock_lease(session, lease)
    if row is None or (row["holder"] != holder and row["lease_until_at"] > now):
        return None
    last: int = row["counter"]
    count = await session.execute(_NUMBER_BEHIND, last, limit)
    if count:
        await session.execute(_REMOVE_NUMBERED, last)
    await leases.hold_lease(session, lease, holder, until, last + count)
    events = await events_after(session, last, limit) if with_events and count else []
    return Numbered(count, last + count, not await has_pending(session), events)


async def has_pending(session: Session) -> bool:
    """True if a committed event waits for its position."""
    return await session.value(int, "SELECT event_id FROM event_pending LIMIT 1") is not None


async def vacuum_pending(session: Session) -> None:
    """Vacuum the rows that numbering has deleted; nothing to do on SQLite.

    Every numbering scans these dead rows, and autovacuum runs once a minute at best. Must run
    outside a transaction. Does not wait for locks.
    """
    if session.engine == "postgres":
        await session.execute("VACUUM (SKIP_LOCKED, TRUNCATE FALSE) event_pending")


_SELECT = f"""
SELECT {_COLUMNS} FROM event_position p JOIN event e ON e.id = p.event_id
{_SCOPE}
"""
_AFTER = f"""{_SELECT} WHERE e.id = ANY(ARRAY(
  SELECT event_id FROM event_position WHERE position > $1 ORDER BY position LIMIT $2))
ORDER BY p.position
"""
_BETWEEN = f"{_SELECT} WHERE p.position > $1 AND p.position <= $2"


async def events_after(session: Session, position: int, limit: int) -> list[LoggedEvent]:
    """The next events after a position, in order."""
    return [
        LoggedEvent.from_row(row)
        for row in await session.rows(LoggedEventRow, _AFTER, position, limit)
    ]


async def events_between(
    session: Session, after: int, through: int, types: Sequence[str] | None = None
) -> list[LoggedEvent]:
    """Events of these types after `after`, up to and including `through`, in order."""
    if types is None:
        rows = await session.rows(LoggedEventRow, f"{_BETWEEN} ORDER BY p.position", after, through)
    else:
        chosen = f"{_BETWEEN} AND e.type = ANY($3::text[]) ORDER BY p.position"
        rows = await session.rows(
            LoggedEventRow, chosen, after, through, former.stored_types(types)
        )
    return [LoggedEvent.from_row(row) for row in rows]


async def last_position(session: Session) -> int:
    """The newest position; 0 in an empty log."""
    return await session.value(int, "SELECT max(position) FROM event_position") or 0


async def first_position(session: Session) -> int | None:
    """The oldest position still in the log; None in an empty log."""
    return await session.value(int, "SELECT min(position) FROM event_position")
