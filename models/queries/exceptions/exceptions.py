"""Exceptions: open, reopen, count, clear and step; at most one open row per kind and subject."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session
from models.exceptions import OperationalExceptionRow

_IS_OPEN = "status NOT IN ('RESOLVED', 'AUTO_RESOLVED')"
_COLUMNS = (
    "id, kind, subject_key, status, severity, message, details, location_id, channel_id, owner,"
    " owner_role, opened_at, due_at, waiting_since_at, wait_until_at, occurrences,"
    " resolution, resolved_at, version, silenced"
)
# An exception that is opened again within this time of its AUTO_RESOLVED is the same one.
REOPENED_WITHIN = timedelta(hours=1)

# One statement on the partial unique index: a second concurrent opener counts the first one's row.
_OPEN = f"""
INSERT INTO operational_exception (id, kind, subject_key, status, severity, message, details,
  location_id, channel_id, owner_role, opened_at, due_at)
VALUES ($1, $2, $3, 'OPEN', $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (kind, subject_key) WHERE {_IS_OPEN}
DO UPDATE SET occurrences = operational_exception.occurrences + 1, message = excluded.message,
  version = operational_exception.version + 1
RETURNING {_COLUMNS}
"""

# An owner has to start again; an escalated exception without an owner is still escalated.
_LAST_STATUS = """
SELECT s.status FROM exception_step s WHERE s.exception_id = x.id AND s.status <> 'AUTO_RESOLVED'
ORDER BY s.id DESC LIMIT 1
"""
_REOPEN = f"""
UPDATE operational_exception AS x SET resolution = NULL, resolved_at = NULL,
  status = CASE WHEN owner IS NOT NULL THEN 'ASSIGNED'
    WHEN ({_LAST_STATUS}) = 'ESCALATED' THEN 'ESCALATED' ELSE 'OPEN' END,
  waiting_since_at = NULL, wait_until_at = NULL, message = $3, occurrences = occurrences + 1,
  version = version + 1
WHERE status = 'AUTO_RESOLVED' AND resolved_at > $4 AND id = (
  SELECT y.id FROM operational_exception y WHERE y.subject_key = $2 AND y.kind = $1
  ORDER BY y.opened_at DESC, y.id DESC LIMIT 1)
RETURNING {_COLUMNS}
"""

# The condition has ended: that also ends the silence of an exception that a person has resolved.
_CLEAR = f"""
UPDATE operational_exception SET
  status = CASE WHEN silenced THEN status ELSE 'AUTO_RESOLVED' END,
  resolution = CASE WHEN silenced THEN resolution ELSE $3 END,
  resolved_at = CASE WHEN silenced THEN resolved_at ELSE $4 END,
  version = CASE WHEN silenced THEN version ELSE version + 1 END,
  silenced = FALSE
WHERE kind = $1 AND subject_key = $2 AND ({_IS_OPEN} OR silenced)
RETURNING {_COLUMNS}
"""


class NewException(TypedDict):
    """An exception to open; `details` is JSON."""

    id: UUID
    kind: str
    subject_key: str
    severity: str
    message: str
    details: str | None
    location_id: int | None
    channel_id: int | None
    owner_role: str
    opened_at: datetime
    due_at: datetime


async def open_exception(session: Session, new: NewException) -> OperationalExceptionRow:
    """Open an exception of this kind and subject, or count the open one once more; returns it."""
    row = await session.row(OperationalExceptionRow, _OPEN, *new.values())
    assert row is not None
    return row


async def reopen(
    session: Session, kind: str, subject_key: str, message: str, now: datetime
) -> OperationalExceptionRow | None:
    """Open the newest exception of this kind and subject again, if it was cleared just now.

    None: it is open, a person resolved it, or it was cleared before REOPENED_WITHIN.
    """
    since = now - REOPENED_WITHIN
    return await session.row(OperationalExceptionRow, _REOPEN, kind, subject_key, message, since)


async def clear_exception(
    session: Session, kind: str, subject_key: str, resolution: str, now: datetime
) -> OperationalExceptionRow | None:
    """Resolve the open exception of this kind and subject; None if there is none."""
    args = (kind, subject_key, resolution, now)
    rows = await session.rows(OperationalExceptionRow, _CLEAR, *args)
    return next((row for row in rows if row["status"] == "AUTO_RESOLVED"), None)


async def subjects_with(session: Session, kind: str, subject_keys: Sequence[str]) -> frozenset[str]:
    """Those of the subjects that have or had an exception of this kind."""
    rows = await session.fetch(
        "SELECT DISTINCT subject_key FROM operational_exception"
        " WHERE subject_key = ANY($1::text[]) AND kind = $2",
        list(subject_keys),
        kind,
    )
    return frozenset(row["subject_key"] for row in rows)


async def lock_exception(session: Session, exception_id: UUID) -> OperationalExceptionRow | None:
    """Lock an exception and read it."""
    sql = f"SELECT {_COLUMNS} FROM operational_exception WHERE id = $1 FOR NO KEY UPDATE"
    return await session.row(OperationalExceptionRow, sql, exception_id)


async def lock_overdue(
    session: Session, now: datetime, limit: int
) -> list[OperationalExceptionRow]:
    """Lock and read exceptions that are past due and not escalated yet."""
    sql = (
        f"SELECT {_COLUMNS} FROM operational_exception"
        " WHERE status IN ('OPEN', 'ASSIGNED', 'IN_PROGRESS') AND due_at < $1"
        " ORDER BY due_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"
    )
    return list(await session.rows(OperationalExceptionRow, sql, now, limit))


async def lock_waited(session: Session, now: datetime, limit: int) -> list[OperationalExceptionRow]:
    """Lock and read WAITING exceptions whose `wait_until_at` has passed."""
    sql = (
        f"SELECT {_COLUMNS} FROM operational_exception"
        " WHERE status = 'WAITING' AND wait_until_at <= $1"
        " ORDER BY wait_until_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"
    )
    return list(await session.rows(OperationalExceptionRow, sql, now, limit))


_STEP = f"""
UPDATE operational_exception SET status = $2, owner = $3, owner_role = $4, due_at = $5,
  waiting_since_at = $6, wait_until_at = $7, resolution = $8, resolved_at = $9,
  details = $10, silenced = $11, version = version + 1
WHERE id = $1
RETURNING {_COLUMNS}
"""


async def write_step(session: Session, row: OperationalExceptionRow) -> OperationalExceptionRow:
    """Write the changeable columns of a locked exception; returns its new row."""
    written = await session.row(
        OperationalExceptionRow,
        _STEP,
        row["id"],
        row["status"],
        row["owner"],
        row["owner_role"],
        row["due_at"],
        row["waiting_since_at"],
        row["wait_until_at"],
        row["resolution"],
        row["resolved_at"],
        row["details"],
        row["silenced"],
    )
    assert written is not None
    return written


async def step_count(session: Session, exception_id: UUID) -> int:
    """Number of steps in the history of an exception."""
    sql = "SELECT count(*) AS steps FROM exception_step WHERE exception_id = $1"
    return await session.value(int, sql, exception_id) or 0
