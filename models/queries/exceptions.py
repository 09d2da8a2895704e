"""Exceptions: open, count, clear and step; at most one open row per kind and subject."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models.database.sessions import Session
from models.exceptions import OperationalExceptionRow

_IS_OPEN = "status NOT IN ('RESOLVED', 'AUTO_RESOLVED')"
_COLUMNS = (
    "id, kind, subject_key, status, severity, message, details, location_id, channel_id, owner,"
    " owner_role, opened_at, due_at, waiting_since_at, wait_until_at, occurrences,"
    " resolution, resolved_at, version"
)

# One statement on the partial unique index: a second concurrent opener counts the first one's row.
_OPEN = f"""
INSERT INTO operational_exception (id, kind, subject_key, status, severity, message, location_id,
  channel_id, owner_role, opened_at, due_at)
VALUES ($1, $2, $3, 'OPEN', $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (kind, subject_key) WHERE {_IS_OPEN}
DO UPDATE SET occurrences = operational_exception.occurrences + 1, message = excluded.message,
  version = operational_exception.version + 1
RETURNING {_COLUMNS}
"""

_CLEAR = f"""
UPDATE operational_exception SET status = 'AUTO_RESOLVED', resolution = $3, resolved_at = $4,
  version = version + 1
WHERE kind = $1 AND subject_key = $2 AND {_IS_OPEN}
RETURNING {_COLUMNS}
"""


async def open_exception(
    session: Session,
    exception_id: object,
    kind: str,
    subject_key: str,
    severity: str,
    message: str,
    location_id: int | None,
    channel_id: int | None,
    owner_role: str,
    opened_at: datetime,
    due_at: datetime,
) -> OperationalExceptionRow:
    """Open an exception of this kind and subject, or count the open one once more; returns it."""
    row = await session.row(
        OperationalExceptionRow,
        _OPEN,
        exception_id,
        kind,
        subject_key,
        severity,
        message,
        location_id,
        channel_id,
        owner_role,
        opened_at,
        due_at,
    )
    assert row is not None
    return row


async def clear_exception(
    session: Session, kind: str, subject_key: str, resolution: str, now: datetime
) -> OperationalExceptionRow | None:
    """Resolve the open exception of this kind and subject; None if there is none."""
    return await session.row(OperationalExceptionRow, _CLEAR, kind, subject_key, resolution, now)


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
  details = COALESCE($10, details), version = version + 1
WHERE id = $1
RETURNING {_COLUMNS}
"""


async def write_step(
    session: Session, row: OperationalExceptionRow, details: str | None = None
) -> OperationalExceptionRow:
    """Write the changed columns of a locked exception; `details` None: unchanged."""
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
        details,
    )
    assert written is not None
    return written
