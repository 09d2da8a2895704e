"""Payouts of refunds: due work, and attempts with their keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models.database.sessions import Row, Session

_UNSETTLED = "state IN ('OPEN', 'PENDING', 'UNKNOWN')"
_ATTEMPT = (
    "SELECT id, refund_id, attempt_no, key, state, sent_at, claimed_until_at, is_sending, tries,"
    " next_at, person_asked_at, gateway_reference, reason, settled_by, settled_at"
    " FROM refund_attempt"
)

# Refunds without an attempt, and attempts that no worker has claimed; the oldest first.
_TO_DO = f"""
SELECT id FROM (
  SELECT * FROM (SELECT id FROM refund WHERE status = 'APPROVED' ORDER BY id LIMIT $2) AS decided
  UNION ALL
  SELECT * FROM (SELECT refund_id AS id FROM refund_attempt
    WHERE {_UNSETTLED} AND next_at <= $1
      AND (claimed_until_at IS NULL OR claimed_until_at <= $1)
    ORDER BY next_at, id LIMIT $2) AS open_attempts) AS due
LIMIT $2
"""


async def due_refunds(session: Session, now: datetime, limit: int) -> list[UUID]:
    """Refunds that a worker can work on now; not locked."""
    return [row["id"] for row in await session.fetch(_TO_DO, now, limit)]


async def last_attempt(session: Session, refund_id: UUID) -> Row | None:
    """The newest attempt of a locked refund."""
    return await session.fetch_one(
        f"{_ATTEMPT} WHERE refund_id = $1 ORDER BY attempt_no DESC LIMIT 1", refund_id
    )


async def attempt(session: Session, attempt_id: UUID) -> Row | None:
    """An attempt, read under the lock of its refund."""
    return await session.fetch_one(f"{_ATTEMPT} WHERE id = $1", attempt_id)


async def attempt_by_key(session: Session, key: str) -> Row | None:
    """The attempt with this key, not locked."""
    return await session.fetch_one(f"{_ATTEMPT} WHERE key = $1", key)


# Columns of an attempt that may change, in the order of `write_attempt`. Its key never changes.
CHANGES = (
    "id",
    "state",
    "sent_at",
    "claimed_until_at",
    "is_sending",
    "tries",
    "next_at",
    "person_asked_at",
    "gateway_reference",
    "reason",
    "settled_by",
    "settled_at",
)
_WRITE = "UPDATE refund_attempt SET {} WHERE id = $1".format(
    ", ".join(f"{name} = ${place}" for place, name in enumerate(CHANGES[1:], start=2))
)


async def write_attempt(session: Session, values: Sequence[object]) -> None:
    """Write the changeable columns of an attempt: the values of CHANGES."""
    await session.execute(_WRITE, *values)


async def payment_reference(session: Session, payment_id: UUID) -> str:
    """The gateway's reference of a captured payment."""
    found: str = await session.fetch_value(
        "SELECT reference FROM order_payment WHERE id = $1", payment_id
    )
    return found


async def waiting_since(session: Session, before: datetime, limit: int) -> list[UUID]:
    """Refunds decided before an instant that are not settled and have no exception yet."""
    rows = await session.fetch(
        "SELECT r.id FROM refund r WHERE r.status IN"
        " ('NEEDS_APPROVAL', 'APPROVED', 'PROCESSING', 'UNKNOWN', 'FAILED')"
        " AND r.decided_at < $1 AND NOT EXISTS (SELECT 1 FROM operational_exception e"
        " WHERE e.kind = 'REFUND_OVERDUE' AND e.subject_key = 'Refund:' || CAST(r.id AS text)"
        " AND e.status NOT IN ('RESOLVED', 'AUTO_RESOLVED')) ORDER BY r.id LIMIT $2",
        before,
        limit,
    )
    return [row["id"] for row in rows]
