"""Ids of signed messages from outside systems."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from models.database.sessions import Session


async def is_recorded(session: Session, source: str, message_key: str) -> bool:
    """True if a message of this source was recorded before."""
    found = await session.value(
        int,
        "SELECT 1 AS found FROM webhook_message WHERE source = $1 AND message_key = $2",
        source,
        message_key,
    )
    return found is not None


async def delete_messages(session: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` webhook ids accepted before an instant; returns how many there were."""
    return await session.execute(
        "DELETE FROM webhook_message WHERE id IN"
        " (SELECT id FROM webhook_message WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
        before,
        limit,
    )


async def record_message(
    session: Session, row_id: UUID, source: str, message_key: str, now: datetime
) -> bool:
    """Record a message; True if it is new. Waits for a concurrent insert of the same one."""
    taken = await session.execute(
        "INSERT INTO webhook_message (id, source, message_key, received_at)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT (source, message_key) DO NOTHING",
        row_id,
        source,
        message_key,
        now,
    )
    return taken == 1
