"""Messages that wait for delivery: read, insert, and record what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypedDict
from uuid import UUID

from models.database.sessions import Session
from models.integrations import MessageAttempt, NewAttempt, NewMessage, QueuedMessageRow

UNSETTLED = "m.status IN ('PENDING', 'RETRYING')"
_QUEUED = "m.id, m.type, m.status, m.position, m.subject, m.attempts, m.next_attempt_at"
_WAITING = f"""
SELECT {_QUEUED} FROM message m
WHERE m.integration_id = $1 AND {UNSETTLED} AND m.direction = 'OUT'
ORDER BY m.position LIMIT $2
"""
# STRICT only: a message that stops the others. Those up to the position were passed long ago.
_STOPPING = f"""
SELECT {_QUEUED} FROM message m JOIN integration i ON i.id = m.integration_id
WHERE m.integration_id = $1 AND m.status = 'PARKED' AND m.position > i.position
ORDER BY m.position LIMIT 1
"""


async def waiting_messages(
    session: Session, integration_id: UUID, limit: int
) -> Sequence[QueuedMessageRow]:
    """The first messages of a webhook that are not settled, by position."""
    return await session.rows(QueuedMessageRow, _WAITING, integration_id, limit)


async def stopping_message(session: Session, integration_id: UUID) -> QueuedMessageRow | None:
    """The first PARKED message after the position of a STRICT webhook."""
    return await session.row(QueuedMessageRow, _STOPPING, integration_id)


async def payload_of(session: Session, message_id: UUID) -> str | None:
    """The text that is sent; None if it was erased or the message is gone."""
    return await session.value(str, "SELECT payload FROM message WHERE id = $1", message_id)


_COLUMNS = (
    "id, integration_id, direction, status, type, reference, event_id, position, subject, payload,"
    " is_repeat, next_attempt_at, created_at"
)
_NAMES: tuple[str, ...] = tuple(_COLUMNS.split(", "))
_PLACES = ", ".join(f"${place}" for place in range(1, len(_NAMES) + 1))
_ADD = f"""
INSERT INTO message ({_COLUMNS}) VALUES ({_PLACES})
ON CONFLICT (integration_id, event_id) DO NOTHING
"""
# A message that waits is sent anyway.
_ADD_AGAIN = f"""
INSERT INTO message ({_COLUMNS}) VALUES ({_PLACES})
ON CONFLICT (integration_id, event_id) DO UPDATE SET
  status = 'PENDING', attempts = 0, reason = NULL, is_repeat = TRUE, settled_at = NULL,
  next_attempt_at = excluded.next_attempt_at
WHERE message.status IN ('DONE', 'PARKED', 'SKIPPED')
"""


async def add_messages(session: Session, messages: Sequence[NewMessage]) -> None:
    """Insert messages; one that exists stays as it is."""
    await session.execute_many(_ADD, [_values(message) for message in messages])


async def repeat_messages(session: Session, messages: Sequence[NewMessage]) -> None:
    """Insert messages; settled ones become PENDING again."""
    await session.execute_many(_ADD_AGAIN, [_values(message) for message in messages])


def _values(message: NewMessage) -> list[object]:
    row: dict[str, object] = {**message}
    return [row[name] for name in _NAMES]


async def queued_messages(session: Session, ids: Sequence[UUID]) -> Sequence[QueuedMessageRow]:
    """Messages with these ids that are not settled."""
    return await session.rows(
        QueuedMessageRow,
        f"SELECT {_QUEUED} FROM message m WHERE m.id = ANY($1::uuid[]) AND {UNSETTLED}",
        list(ids),
    )


class ChangedMessage(NamedTuple):
    """A message after a call that was not accepted."""

    id: UUID
    status: str
    attempts: int
    reason: str
    next_attempt_at: datetime | None
    settled_at: datetime | None


_ACCEPTED = """
UPDATE message SET status = 'DONE', reason = NULL, next_attempt_at = NULL, settled_at = $2,
  calls = calls + 1
WHERE id = ANY($1::uuid[]) AND status IN ('PENDING', 'RETRYING')
"""
_CHANGED = """
UPDATE message SET status = $2, attempts = $3, reason = $4, next_attempt_at = $5, settled_at = $6,
  calls = calls + 1
WHERE id = $1 AND status IN ('PENDING', 'RETRYING')
"""
# A message that was skipped during the call counts the call, too.
_CALLED = """
UPDATE message SET calls = calls + 1
WHERE id = ANY($1::uuid[]) AND status NOT IN ('PENDING', 'RETRYING')
"""


class _CalledRow(TypedDict):
    id: UUID
    calls: int


async def record_calls(
    session: Session,
    accepted: Sequence[UUID],
    others: Sequence[ChangedMessage],
    attempts: Sequence[NewAttempt],
    now: datetime,
) -> None:
    """Record the results of calls, one for each message, with an attempt for each.

    The attempts get their numbers here.
    """
    ids = [*accepted, *(each.id for each in others)]
    await session.execute(_CALLED, ids)
    if accepted:
        await session.execute(_ACCEPTED, list(accepted), now)
    if others:
        await session.execute_many(_CHANGED, others)
    sql = "SELECT m.id, m.calls FROM message m WHERE m.id = ANY($1::uuid[])"
    calls = {row["id"]: row["calls"] for row in await session.rows(_CalledRow, sql, ids)}
    numbered: list[NewAttempt] = [
        {**attempt, "number": calls[attempt["message_id"]]}
        for attempt in attempts
        if attempt["message_id"] in calls
    ]
    await session.insert(MessageAttempt, numbered)


_FIRST_NEW = f"""
SELECT min(m.position) AS position FROM message m
WHERE m.integration_id = $1 AND {UNSETTLED} AND m.position > $2 AND NOT m.is_repeat
"""
_FIRST_ANY = f"""
SELECT min(position) AS position FROM (
  SELECT min(m.position) AS position FROM message m
  WHERE m.integration_id = $1 AND {UNSETTLED} AND m.position > $2
  UNION ALL SELECT min(m.position) FROM message m
  WHERE m.integration_id = $1 AND m.status = 'PARKED' AND m.position > $2) AS found
"""


async def first_open(
    session: Session, integration_id: UUID, after: int, *, with_stopped: bool
) -> int | None:
    """The position of the first message after a position that holds the webhook's position.

    That is one that was never settled; with `with_stopped` (STRICT) also one that is sent again or
    PARKED.
    """
    sql = _FIRST_ANY if with_stopped else _FIRST_NEW
    return await session.value(int, sql, integration_id, after)


async def has_parked(session: Session, integration_id: UUID) -> bool:
    """True if a message of the integration, tests aside, is PARKED."""
    sql = (
        "SELECT 1 AS found FROM message m WHERE m.integration_id = $1 AND m.status = 'PARKED'"
        " AND m.position IS NOT NULL LIMIT 1"
    )
    return await session.value(int, sql, integration_id) is not None


async def release_stopped(session: Session, integration_id: UUID, now: datetime) -> int:
    """Make PARKED messages after the position PENDING again; returns their number."""
    return await session.execute(
        "UPDATE message SET status = 'PENDING', attempts = 0, reason = NULL, settled_at = NULL,"
        " next_attempt_at = $2 WHERE integration_id = $1 AND status = 'PARKED'"
        " AND position > (SELECT i.position FROM integration i WHERE i.id = $1)",
        integration_id,
        now,
    )


async def skip_waiting(session: Session, integration_id: UUID, reason: str, now: datetime) -> int:
    """Skip all messages of an integration that wait or are PARKED; returns their number."""
    return await session.execute(
        "UPDATE message SET status = 'SKIPPED', reason = $2, next_attempt_at = NULL,"
        " settled_at = $3 WHERE integration_id = $1"
        " AND status IN ('PENDING', 'RETRYING', 'PARKED')",
        integration_id,
        reason,
        now,
    )


class LockedMessageRow(TypedDict):
    """A locked message that a person sends again or skips."""

    id: UUID
    integration_id: UUID
    direction: str
    status: str
    type: str
    position: int | None


async def lock_messages(session: Session, ids: Sequence[UUID]) -> Sequence[LockedMessageRow]:
    """Lock messages in one order; missing ones are left out."""
    return await session.rows(
        LockedMessageRow,
        "SELECT m.id, m.integration_id, m.direction, m.status, m.type, m.position FROM message m"
        " WHERE m.id = ANY($1::uuid[]) ORDER BY m.id FOR NO KEY UPDATE",
        list(ids),
    )


class _OwnerRow(TypedDict):
    integration_id: UUID


async def integrations_of(session: Session, ids: Sequence[UUID]) -> list[UUID]:
    """The integrations that these messages belong to, in one order."""
    rows = await session.rows(
        _OwnerRow,
        "SELECT DISTINCT m.integration_id FROM message m WHERE m.id = ANY($1::uuid[])",
        list(ids),
    )
    return sorted(row["integration_id"] for row in rows)


async def retry_messages(session: Session, ids: Sequence[UUID], now: datetime) -> None:
    """Make locked messages PENDING again."""
    await session.execute(
        "UPDATE message SET status = 'PENDING', attempts = 0, reason = NULL, settled_at = NULL,"
        " next_attempt_at = $2, is_repeat = TRUE WHERE id = ANY($1::uuid[])",
        list(ids),
        now,
    )


async def skip_message(session: Session, message_id: UUID, reason: str, now: datetime) -> None:
    """Skip a locked message."""
    await session.execute(
        "UPDATE message SET status = 'SKIPPED', reason = $2, next_attempt_at = NULL,"
        " settled_at = $3 WHERE id = $1",
        message_id,
        reason,
        now,
    )


_OLD = """
SELECT id FROM message WHERE status IN ('DONE', 'SKIPPED') AND settled_at < $1
ORDER BY settled_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""


class _OldRow(TypedDict):
    id: UUID


async def delete_old(session: Session, before: datetime, limit: int) -> int:
    """Delete messages that were settled before an instant, with their attempts."""
    rows = await session.rows(_OldRow, _OLD, before, limit)
    ids = [row["id"] for row in rows]
    if ids:
        await session.execute("DELETE FROM message_attempt WHERE message_id = ANY($1::uuid[])", ids)
        await session.execute("DELETE FROM message WHERE id = ANY($1::uuid[])", ids)
    return len(ids)
