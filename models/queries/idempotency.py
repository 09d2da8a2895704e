"""Idempotency keys: lock, find, and delete when old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from models.database.sessions import Row, Session

Pair = tuple[str, str]  # (actor, key)

_TAKE = """
SELECT p.actor, p.key, pg_try_advisory_xact_lock(p.number) AS is_free, k.arguments_hash, k.outcome
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS p(number, actor, key)
LEFT JOIN idempotency_key k ON k.actor = p.actor AND k.key = p.key
"""
_COLUMNS = "k.actor, k.key, k.arguments_hash, k.outcome"
_STORED = f"""
SELECT {_COLUMNS} FROM unnest($1::text[], $2::text[]) AS p(actor, key)
JOIN idempotency_key k ON k.actor = p.actor AND k.key = p.key
"""
_STORED_SQLITE = f"""
SELECT {_COLUMNS} FROM json_each($1) p JOIN idempotency_key k
ON k.actor = json_extract(p.value, '$[0]') AND k.key = json_extract(p.value, '$[1]')
"""


async def take_keys(
    session: Session, numbers: Mapping[Pair, int]
) -> tuple[set[Pair], dict[Pair, Row]]:
    """Lock these keys by their numbers until the transaction ends, without waiting.

    Returns the keys that were free, and the stored rows. A key that another transaction stored and
    released during this statement looks new; the unique index refuses it when it is written. SQLite
    has one writer, so there all keys are free.
    """
    if session.engine == "sqlite":
        return set(numbers), await key_rows(session, list(numbers))
    actors, keys = zip(*numbers, strict=True)
    rows = await session.fetch(_TAKE, list(numbers.values()), actors, keys)
    found = {(row["actor"], row["key"]): row for row in rows}
    free = {pair for pair, row in found.items() if row["is_free"]}
    return free, {pair: row for pair, row in found.items() if row["outcome"] is not None}


async def wait_for_key(session: Session, number: int) -> None:
    """Wait for a key's number and lock it. Raises Contention if that takes too long."""
    if session.engine == "postgres":
        await session.execute("SELECT pg_advisory_xact_lock($1)", number)


async def key_rows(session: Session, pairs: Sequence[Pair]) -> dict[Pair, Row]:
    """The stored rows of these keys."""
    if session.engine == "sqlite":
        rows = await session.fetch(_STORED_SQLITE, pairs)
    else:
        rows = await session.fetch(_STORED, *zip(*pairs, strict=True))
    return {(row["actor"], row["key"]): row for row in rows}


async def delete_keys(session: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` keys stored before an instant; returns how many there were."""
    return await session.execute(
        "DELETE FROM idempotency_key WHERE id IN"
        " (SELECT id FROM idempotency_key WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        before,
        limit,
    )
