"""Reads of API keys, without the secret and its hash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypedDict
from uuid import UUID

import orjson

from domain.values.codes import comparison_key
from models.database.rows import Flag
from models.database.sessions import Session
from models.queries.listing.paging import Listing, SortKey, by_key
from models.queries.listing.scopes import Scope

KEYS_MAX = 5_000
_COLUMNS = (
    "id, name, actor, role, prefix, channels, locations, refund_limit_minor,"
    " refund_limit_currency, created_at, expires_at, revoked_at, last_used_at"
)
_ACTOR_KEYS = (
    "SELECT actor, actor_key, role, channels, locations, last_used_at,"
    " revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1) AS is_live FROM api_key"
)
_OF_ACTOR = " WHERE actor_key = $2"
_BY_ACTOR = " ORDER BY actor_key, created_at, id"
_CREATED = SortKey("k.created_at", "created_at", "instant")
_ID = SortKey("k.id", "id", "uuid")


class ShownKeyRow(TypedDict):
    """A key without its secret's hash."""

    id: UUID
    name: str
    actor: str
    role: str
    prefix: str
    channels: str | None
    locations: str | None
    refund_limit_minor: int | None
    refund_limit_currency: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def _is_visible(scope: Scope, row: ShownKeyRow) -> bool:
    return is_within_scope(scope, row["channels"], row["locations"])


def is_within_scope(scope: Scope, channels: str | None, locations: str | None) -> bool:
    """True if a key with these channels and locations has no wider scope than the caller."""
    return _is_within(channels, scope.channels, scope.names_channel) and _is_within(
        locations, scope.locations, scope.names_location
    )


def _is_within(
    stored: str | None, whole: frozenset[str] | None, names: Callable[[str], bool]
) -> bool:
    return whole is None or (stored is not None and all(map(names, orjson.loads(stored))))


async def keys(session: Session, scope: Scope) -> Sequence[ShownKeyRow]:
    """Keys that the caller may see, newest first, including revoked ones."""
    listing = Listing(ShownKeyRow, _COLUMNS, "api_key k", _CREATED, _ID)
    return await listing.whole(session, KEYS_MAX, "API keys", partial(_is_visible, scope))


async def keys_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ShownKeyRow]:
    """Keys by id, if the caller may see them."""
    rows = await session.rows(
        ShownKeyRow, f"SELECT {_COLUMNS} FROM api_key WHERE id = ANY($1::uuid[])", list(ids)
    )
    return by_key([row for row in rows if _is_visible(scope, row)], "id")


class ActorKeyRow(TypedDict):
    """A key as it counts for its actor."""

    actor: str
    actor_key: str | None
    role: str
    channels: str | None
    locations: str | None
    last_used_at: datetime | None
    is_live: Flag


async def actor_keys(session: Session, actor: str | None, now: datetime) -> Sequence[ActorKeyRow]:
    """Keys by actor, oldest first; of one actor, or of all for None."""
    condition, values = ("", [now]) if actor is None else (_OF_ACTOR, [now, comparison_key(actor)])
    return await session.rows(ActorKeyRow, f"{_ACTOR_KEYS}{condition}{_BY_ACTOR}", *values)
