"""Payouts of refunds: due work, and attempts with their keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from models.database.rows import picked
from models.database.sessions import Session
from models.queries.continuity.stops import unheld_refund
from models.refunds import RefundAttemptRow

_UNSETTLED = "state IN ('OPEN', 'PENDING', 'UNKNOWN')"
_ATTEMPT = (
    "SELECT id, refund_id, attempt_no, key, state, created_at, created_by, sent_at,"
    " claimed_until_at, is_sending, tries, next_at, person_asked_at, gateway_reference, reason,"
    " settled_by, settled_at, contradicted_as, contradicted_at, overpaid_entry_id"
    " FROM refund_attempt"
)

# Refunds without an attempt, in the order of their approval, and attempts that no worker has
# claimed, the oldest first. Refunds wait while a playbook holds them. An attempt that was not sent
# also waits while an earlier one is contradicted.
_TO_DO = f"""
SELECT id FROM (
  SELECT * FROM (SELECT r.id FROM refund r WHERE r.status = 'APPROVED'
    AND ($3 OR r.tender = 'STORE_CREDIT') AND {unheld_refund("r", "$1")}
    ORDER BY r.decided_at, r.id LIMIT $2) AS decided
  UNION ALL
  SELECT * FROM (SELECT refund_id AS id FROM refund_attempt
    WHERE {_UNSETTLED} AND next_at <= $1 AND $3
      AND (claimed_until_at IS NULL OR claimed_until_at <= $1)
      AND (sent_at IS NOT NULL OR (NOT EXISTS (SELECT 1 FROM refund_attempt c
        WHERE c.refund_id = refund_attempt.refund_id AND c.contradicted_as IS NOT NULL)
        AND EXISTS (SELECT 1 FROM refund r WHERE r.id = refund_attempt.refund_id
          AND {unheld_refund("r", "$1")})))
    ORDER BY next_at, id LIMIT $2) AS open_attempts) AS due
LIMIT $2
"""


async def due_refunds(
    session: Session, now: datetime, limit: int, *, with_gateway: bool
) -> list[UUID]:
    """Refunds that a worker can work on now; not locked. Without the gateway: store credit only."""
    rows = await session.fetch(_TO_DO, now, limit, with_gateway)
    return [row["id"] for row in rows]


async def last_attempt(session: Session, refund_id: UUID) -> RefundAttemptRow | None:
    """The newest attempt of a locked refund."""
    sql = f"{_ATTEMPT} WHERE refund_id = $1 ORDER BY attempt_no DESC LIMIT 1"
    return await session.row(RefundAttemptRow, sql, refund_id)


async def attempts_of(session: Session, refund_id: UUID) -> Sequence[RefundAttemptRow]:
    """All attempts of a locked refund, the oldest first."""
    sql = f"{_ATTEMPT} WHERE refund_id = $1 ORDER BY attempt_no"
    return await session.rows(RefundAttemptRow, sql, refund_id)


_AWAITS_PERSON = (
    "(contradicted_as IS NOT NULL OR (state = 'UNKNOWN' AND person_asked_at IS NOT NULL))"
)


async def awaits_person(session: Session, refund_id: UUID) -> bool:
    """True if a person was asked to settle an attempt of this refund, and has not done it yet."""
    found = await session.value(
        int,
        f"SELECT 1 AS found FROM refund_attempt WHERE refund_id = $1 AND {_AWAITS_PERSON} LIMIT 1",
        refund_id,
    )
    return found is not None


async def is_contradicted(session: Session, refund_id: UUID) -> bool:
    """True if the gateway contradicted itself about an attempt that no person has settled yet."""
    found = await session.value(
        int,
        "SELECT 1 AS found FROM refund_attempt WHERE refund_id = $1"
        " AND contradicted_as IS NOT NULL LIMIT 1",
        refund_id,
    )
    return found is not None


async def attempt(session: Session, attempt_id: UUID) -> RefundAttemptRow | None:
    """An attempt, read under the lock of its refund."""
    return await session.row(RefundAttemptRow, f"{_ATTEMPT} WHERE id = $1", attempt_id)


async def attempt_by_key(session: Session, key: str) -> RefundAttemptRow | None:
    """The attempt with this key, not locked."""
    return await session.row(RefundAttemptRow, f"{_ATTEMPT} WHERE key = $1", key)


class AttemptChanges(TypedDict):
    """Columns of an attempt that may change. Its key never changes."""

    id: UUID
    state: str
    sent_at: datetime | None
    claimed_until_at: datetime | None
    is_sending: bool
    tries: int
    next_at: datetime
    person_asked_at: datetime | None
    gateway_reference: str | None
    reason: str | None
    settled_by: str | None
    settled_at: datetime | None
    contradicted_as: str | None
    contradicted_at: datetime | None
    overpaid_entry_id: UUID | None


_CHANGES = tuple(AttemptChanges.__annotations__)
_WRITE = "UPDATE refund_attempt SET {} WHERE id = $1".format(
    ", ".join(f"{name} = ${place}" for place, name in enumerate(_CHANGES[1:], start=2))
)


async def write_attempt(session: Session, changes: AttemptChanges) -> None:
    """Write the changeable columns of an attempt."""
    await session.execute(_WRITE, *picked(changes, _CHANGES))


async def payment_reference(session: Session, payment_id: UUID) -> str:
    """The gateway's reference of a captured payment."""
    found = await session.value(
        str, "SELECT reference FROM order_payment WHERE id = $1", payment_id
    )
    assert found is not None
    return found


async def is_return_contradicted(session: Session, return_id: UUID) -> bool:
    """True if an attempt of a refund of this return is contradicted: it may have been paid."""
    found = await session.value(
        int,
        "SELECT 1 AS found FROM refund r JOIN refund_attempt a ON a.refund_id = r.id"
        " WHERE r.return_id = $1 AND a.contradicted_as IS NOT NULL LIMIT 1",
        return_id,
    )
    return found is not None
