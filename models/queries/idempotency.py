"""Idempotency keys: lock, find, and delete when old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from models.database.rows import Flag
from models.database.sessions import Session
from models.database.sql import Question, question
from models.migrations.dialect import Engine

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
WHERE k.outcome IS NOT NULL
"""
_STORED_SQLITE = f"""
SELECT {_COLUMNS} FROM json_each($1) p JOIN idempotency_key k
ON k.actor = json_extract(p.value, '$[0]') AND k.key = json_extract(p.value, '$[1]')
WHERE k.outcome IS NOT NULL
"""


class StoredOutcomeRow(TypedDict):
    """An idempotency key with the outcome that is stored with it."""

    actor: str
    key: str
    arguments_hash: str
    outcome: str


class _TakenKeyRow(TypedDict):
    actor: str
    key: str
    is_free: Flag
    arguments_hash: str | None
    outcome: str | None


# The same in two steps for keys that are probably new, as guards: a row ends the call.
_TAKEN = """
SELECT p.number FROM unnest($1::bigint[]) AS p(number)
WHERE NOT pg_try_advisory_xact_lock(p.number)
"""


class _NumberRow(TypedDict):
    number: int


def not_new(engine: Engine, numbers: Mapping[Pair, int]) -> Sequence[Question[object]]:
    """Lock these keys as `take_keys` does; a row is a key that is in use or stored.

    The rows are read after the lock, so a key that was stored meanwhile is found, too.
    """
    if engine == "sqlite":
        return [question(StoredOutcomeRow, _STORED_SQLITE, (list(numbers),), len)]
    actors, keys = zip(*numbers, strict=True)
    return [
        question(_NumberRow, _TAKEN, (list(numbers.values()),), len),
        question(StoredOutcomeRow, _STORED, (list(actors), list(keys)), len),
    ]


async def take_keys(
    session: Session, numbers: Mapping[Pair, int]
) -> tuple[set[Pair], dict[Pair, StoredOutcomeRow]]:
    """Lock these keys by their numbers until the transaction ends, without waiting.

    Returns the keys that were free, and the stored rows. A key that another transaction stored and
    released during this statement looks new; the unique index refuses it when it is written. SQLite
    has one writer, so there all keys are free.
    """
    if session.engine == "sqlite":
        return set(numbers), await key_rows(session, list(numbers))
    actors, keys = zip(*numbers, strict=True)
    rows = await session.rows(_TakenKeyRow, _TAKE, list(numbers.values()), actors, keys)
    free = {(row["actor"], row["key"]) for row in rows if row["is_free"]}
    stored = {(row["actor"], row["key"]): found for row in rows if (found := _stored(row))}
    return free, stored


def _stored(row: _TakenKeyRow) -> StoredOutcomeRow | None:
    hashed, outcome = row["arguments_hash"], row["outcome"]
    if hashed is None or outcome is None:
        return None
    return {"actor": row["actor"], "key": row["key"], "arguments_hash": hashed, "outcome": outcome}


async def wait_for_key(session: Session, number: int) -> None:
    """Wait for a key's number and lock it. Raises Contention if that takes too long."""
    if session.engine == "postgres":
        await session.execute("SELECT pg_advisory_xact_lock($1)", number)


async def key_rows(session: Session, pairs: Sequence[Pair]) -> dict[Pair, StoredOutcomeRow]:
    """The stored rows of these keys."""
    if session.engine == "sqlite":
        rows = await session.rows(StoredOutcomeRow, _STORED_SQLITE, pairs)
    else:
        rows = await session.rows(StoredOutcomeRow, _STORED, *zip(*pairs, strict=True))
    return {(row["actor"], row["key"]): row for row in rows}


async def delete_keys(session: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` keys stored before an instant; returns how many there were."""
    return await session.execute(
        "DELETE FROM idempotency_key WHERE id IN"
        " (SELECT id FROM idempotency_key WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        before,
        limit,
    )
