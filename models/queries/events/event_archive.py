"""Archiving of old events: read them, record their digests, delete them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from models.database.sessions import Session
from models.queries.events.event_log import LoggedEventRow

_OLDEST = """
SELECT p.position, e.id, e.type, e.occurred_at, e.actor, e.subject_type, e.subject_key,
  e.subject_version, c.code AS channel, l.code AS location, e.data, e.transaction_id, e.digest
FROM event_position p JOIN event e ON e.id = p.event_id
LEFT JOIN channel c ON c.id = e.channel_id LEFT JOIN location l ON l.id = e.location_id
WHERE p.position > $1 AND p.position <= $2 ORDER BY p.position LIMIT $3
"""


class ArchivableEventRow(LoggedEventRow):
    """A logged event, whole."""

    transaction_id: UUID
    digest: str


async def oldest_events(
    session: Session, after: int, through: int, limit: int
) -> Sequence[ArchivableEventRow]:
    """The first complete events after one position, up to another, in order."""
    return await session.rows(ArchivableEventRow, _OLDEST, after, through, limit)


_NOTE = """
INSERT INTO archived_event (id, position, transaction_id, digest)
SELECT e.id, p.position, e.transaction_id, e.digest
FROM event_position p JOIN event e ON e.id = p.event_id
WHERE p.position > $1 AND p.position <= $2
"""
_REMOVE_POSITIONS = "DELETE FROM event_position WHERE position > $1 AND position <= $2"
_REMOVE_EVENTS = """
DELETE FROM event
WHERE id IN (SELECT id FROM archived_event WHERE position > $1 AND position <= $2)
"""
_HOLD = "SELECT open_position FROM event_retention WHERE id = 1 FOR UPDATE"
_OPEN = "UPDATE event_retention SET open_position = $1 WHERE id = 1"


async def hold_retention(session: Session) -> None:
    """Let no event leave the log until this transaction ends."""
    await session.value(int, _HOLD)


async def remove_events(session: Session, after: int, through: int) -> int:
    """Delete the events after one position, up to another; returns how many there were.

    Their digests stay. Deletion is disabled again before this returns.
    """
    await session.execute(_OPEN, through)  # a concurrent archiver waits here
    noted = await session.execute(_NOTE, after, through)
    await session.execute(_REMOVE_POSITIONS, after, through)
    await session.execute(_REMOVE_EVENTS, after, through)
    await session.execute(_OPEN, 0)
    return noted
