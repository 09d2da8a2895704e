"""Idempotency keys: locked, found, and forgotten when they are old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from models.sessions import Row, Session


async def lock_keys(session: Session, numbers: Sequence[int], *, waits: bool) -> set[int]:
    """Lock these numbers until the transaction ends; those that were free.

    With `waits` all of them, each in turn; raises Contention when that takes too long. SQLite has
    one writer, so there they are always free.
    """
    if session.engine == "sqlite":
        return set(numbers)
    if waits:
        for number in numbers:
            await session.execute("SELECT pg_advisory_xact_lock($1)", number)
        return set(numbers)
    rows = await session.fetch(
        "SELECT n FROM unnest($1::bigint[]) AS n WHERE pg_try_advisory_xact_lock(n)",
        list(numbers),
    )
    return {row["n"] for row in rows}


async def key_rows(session: Session, keys: Sequence[str]) -> dict[tuple[str, str], Row]:
    """What was stored with these keys, by (actor, key)."""
    rows = await session.fetch(
        "SELECT actor, key, action, arguments_hash, outcome FROM idempotency_key"
        " WHERE key = ANY($1::text[])",
        list(keys),
    )
    return {(row["actor"], row["key"]): row for row in rows}


async def forget_keys(session: Session, before: datetime, limit: int) -> int:
    """Remove up to `limit` keys taken before an instant; how many there were."""
    return await session.execute(
        "DELETE FROM idempotency_key WHERE id IN"
        " (SELECT id FROM idempotency_key WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        before,
        limit,
    )
