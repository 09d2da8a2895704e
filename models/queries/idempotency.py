"""Idempotency keys: taken, answered, given back, and forgotten when they are old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models.sessions import Row, Session

_TAKE = """
INSERT INTO idempotency_key (id, actor, key, action, arguments_hash, created_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (actor, key) DO NOTHING
"""


async def take_key(
    session: Session,
    row_id: UUID,
    actor: str,
    key: str,
    action: str,
    arguments_hash: str,
    now: datetime,
) -> bool:
    """Whether the key is new; waits for a transaction that is just taking it."""
    taken = await session.execute(_TAKE, row_id, actor, key, action, arguments_hash, now)
    return taken == 1


async def key_row(session: Session, actor: str, key: str) -> Row | None:
    """The row of a key that was taken before."""
    return await session.fetch_one(
        "SELECT action, arguments_hash, outcome FROM idempotency_key WHERE actor = $1 AND key = $2",
        actor,
        key,
    )


async def store_outcomes(session: Session, rows: Sequence[tuple[str, UUID]]) -> None:
    """Write (outcome, row id) pairs."""
    await session.execute_many("UPDATE idempotency_key SET outcome = $1 WHERE id = $2", rows)


async def free_keys(session: Session, row_ids: Sequence[UUID]) -> None:
    """Forget keys that were taken in this transaction and may be used again."""
    await session.execute(
        "DELETE FROM idempotency_key WHERE id = ANY($1::uuid[])",
        list(row_ids),
    )


async def forget_keys(session: Session, before: datetime, limit: int) -> int:
    """Remove up to `limit` keys taken before an instant; how many there were."""
    return await session.execute(
        "DELETE FROM idempotency_key WHERE id IN"
        " (SELECT id FROM idempotency_key WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        before,
        limit,
    )
