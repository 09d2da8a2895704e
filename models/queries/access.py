"""API keys: find, lock and write; codes that a key's scope may name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from domain.values.codes import ByCode, comparison_key, keys_of
from models.access import ApiKeyRow
from models.database.sessions import Session

_COLUMNS = (
    "id, name, actor, role, prefix, secret_hash, channels, locations, refund_limit_minor,"
    " refund_limit_currency, created_at, created_by, expires_at, revoked_at, last_used_at"
)


async def key_by_prefix(session: Session, prefix: str) -> ApiKeyRow | None:
    """The key with a prefix, active or not."""
    return await session.row(ApiKeyRow, f"SELECT {_COLUMNS} FROM api_key WHERE prefix = $1", prefix)


async def key_by_hash(session: Session, secret_hash: str) -> ApiKeyRow | None:
    """The key whose full text has this hash, active or not."""
    return await session.row(
        ApiKeyRow, f"SELECT {_COLUMNS} FROM api_key WHERE secret_hash = $1", secret_hash
    )


async def key_with_id(session: Session, key_id: UUID) -> ApiKeyRow | None:
    """The key with an id, active or not, without a lock."""
    return await session.row(ApiKeyRow, f"SELECT {_COLUMNS} FROM api_key WHERE id = $1", key_id)


async def lock_key(session: Session, key_id: UUID) -> ApiKeyRow | None:
    """Lock a key and read it."""
    return await session.row(
        ApiKeyRow, f"SELECT {_COLUMNS} FROM api_key WHERE id = $1 FOR UPDATE", key_id
    )


async def lock_unlimited_keys(session: Session, role: str, until: datetime) -> set[UUID]:
    """Lock a role's keys without a scope that are valid beyond an instant, in one order."""
    rows = await session.fetch(
        "SELECT id FROM api_key WHERE role = $1 AND revoked_at IS NULL"
        " AND channels IS NULL AND locations IS NULL"
        " AND (expires_at IS NULL OR expires_at > $2) ORDER BY id FOR UPDATE",
        role,
        until,
    )
    return {row["id"] for row in rows}


async def live_keys(session: Session, key_ids: Iterable[UUID], now: datetime) -> set[UUID]:
    """Keys with these ids that are neither revoked nor expired."""
    rows = await session.fetch(
        "SELECT id FROM api_key WHERE id = ANY($1::uuid[]) AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > $2)",
        list(key_ids),
        now,
    )
    return {row["id"] for row in rows}


async def keys_named(session: Session, names: Iterable[str], now: datetime) -> Sequence[ApiKeyRow]:
    """Live keys of these names."""
    return await session.rows(
        ApiKeyRow,
        f"SELECT {_COLUMNS} FROM api_key WHERE name = ANY($1::text[]) AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > $2) ORDER BY created_at, id",
        list(names),
        now,
    )


async def end_key(
    session: Session,
    key_id: UUID,
    *,
    revoked_at: datetime | None,
    expires_at: datetime | None,
) -> None:
    """Write the end of a locked key."""
    await session.execute(
        "UPDATE api_key SET revoked_at = $2, expires_at = $3 WHERE id = $1",
        key_id,
        revoked_at,
        expires_at,
    )


async def record_uses(session: Session, uses: Mapping[UUID, datetime]) -> None:
    """Move `last_used_at` forward, key by key in one order."""
    await session.execute_many(
        "UPDATE api_key SET last_used_at = $2 WHERE id = $1"
        " AND (last_used_at IS NULL OR last_used_at < $2)",
        [(key_id, uses[key_id]) for key_id in sorted(uses)],
    )


async def actor_named(session: Session, actor: str) -> str | None:
    """The actor as its first key spells it; None: no key was ever created for it."""
    sql = "SELECT actor FROM api_key WHERE actor_key = $1 ORDER BY created_at, id LIMIT 1"
    return await session.value(str, sql, comparison_key(actor))


async def channels_named(session: Session, codes: Iterable[str]) -> ByCode[str]:
    """The codes of channels, as they were issued, by these codes; unknown ones are missing."""
    sql = "SELECT code FROM channel WHERE code_key = ANY($1::text[])"
    return ByCode((row["code"] for row in await session.fetch(sql, keys_of(codes))), str)


async def locations_named(session: Session, codes: Iterable[str]) -> ByCode[str]:
    """The codes of locations, as they were issued, by these codes; unknown ones are missing."""
    sql = "SELECT code FROM location WHERE code_key = ANY($1::text[])"
    return ByCode((row["code"] for row in await session.fetch(sql, keys_of(codes))), str)
