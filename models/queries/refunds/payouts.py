"""Paying refunds out: what there is to do, and each attempt with the key that it was made with."""

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

# What waits for its first attempt, and attempts that nobody has in hand; the oldest first.
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


async def to_do(session: Session, now: datetime, limit: int) -> list[UUID]:
    """Refunds that a worker can do something about now; not locked."""
    return [row["id"] for row in await session.fetch(_TO_DO, now, limit)]


async def last_attempt(session: Session, refund_id: UUID) -> Row | None:
    """The newest attempt of a locked refund."""
    return await session.fetch_one(
        f"{_ATTEMPT} WHERE refund_id = $1 ORDER BY attempt_no DESC LIMIT 1", refund_id
    )


async def attempt(session: Session, attempt_id: UUID) -> Row | None:
    """An attempt, read under its refund's lock."""
    return await session.fetch_one(f"{_ATTEMPT} WHERE id = $1", attempt_id)


async def attempt_by_key(session: Session, key: str) -> Row | None:
    """The attempt with this key, read unlocked."""
    return await session.fetch_one(f"{_ATTEMPT} WHERE key = $1", key)


# What changes of an attempt, in the order in which `write_attempt` takes it. Never its key.
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
    """Write what changes of an attempt: the values of CHANGES."""
    await session.execute(_WRITE, *values)


async def payment_reference(session: Session, payment_id: UUID) -> str:
    """The gateway's name of a captured payment."""
    found: str = await session.fetch_value(
        "SELECT reference FROM order_payment WHERE id = $1", payment_id
    )
    return found


async def waiting_since(session: Session, before: datetime, limit: int) -> list[UUID]:
    """Refunds that were decided before an instant, are not over, and that nobody is told of yet."""
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
