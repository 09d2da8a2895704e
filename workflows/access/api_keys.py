"""Creation, rotation and revocation of API keys. A caller grants at most the access that it has.

The secret is returned once, in the outcome of the transaction that created the key. It is never
stored: not with the idempotency key, not in the audit trail and not in events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

import orjson

import models.queries.access as key_queries
from domain.access.api_keys import (
    LASTING,
    CreateKey,
    LastAdminKey,
    RevokeKey,
    RotateKey,
    check_key,
    check_minting,
    check_overlap,
    key_hash,
    key_states,
    key_text,
    predecessor_expiry,
    state_at,
    successor_expiry,
)
from domain.access.callers import SYSTEM, Caller, Role, holder
from domain.errors import IllegalTransition, Invalid, NotFound
from domain.events.access import KeyCreated, KeyPayload, KeyRevoked, KeyRotated
from domain.problems import Problems
from domain.values.codes import ByCode
from domain.values.money import Money
from models.access import ApiKey, ApiKeyRow
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Outcome
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

BOOTSTRAP = "bootstrap"


class KeyFacts(TypedDict):
    """The part of a key's row that its successor takes over, and its end."""

    name: str
    actor: str
    role: str
    channels: str | None
    locations: str | None
    refund_limit_minor: int | None
    refund_limit_currency: str | None
    expires_at: datetime | None


def caller_of(row: ApiKeyRow) -> Caller:
    """The caller that the key in this api_key row acts for."""
    limit, currency = row["refund_limit_minor"], row["refund_limit_currency"]
    return holder(
        Role(row["role"]),
        actor=row["actor"],
        channels=_scope(row["channels"]),
        locations=_scope(row["locations"]),
        refund_limit=None if limit is None or currency is None else Money(limit, currency),
        key_id=row["id"],
    )


def _scope(stored: str | None) -> frozenset[str] | None:
    codes = None if stored is None else orjson.loads(stored)
    return None if codes is None else frozenset(codes)


@one_by_one("apiKeyCreate")
async def create(tx: Transaction, command: CreateKey, caller: Caller) -> Outcome:
    """Create a key. Its text is returned once, as the outcome's `secret`.

    All faults are reported together: Invalid; NotFound for a channel or location that the caller
    does not see; GrantExceeded for a refund limit above the caller's own. Records `key.created`.
    """
    problems = Problems()
    check_key(command, tx.now, problems)
    check_minting(command, caller, problems)
    problems.refuse_excess("input")
    command = await _check_scope(tx, command, caller, problems)
    problems.refuse("input")
    limit = command.refund_limit
    facts: KeyFacts = {
        "name": command.name,
        "actor": command.acting_as,
        "role": command.role.value,
        "channels": _stored(command.channels),
        "locations": _stored(command.locations),
        "refund_limit_minor": None if limit is None else limit.minor,
        "refund_limit_currency": None if limit is None else limit.currency,
        "expires_at": command.expires_at,
    }
    key_id, secret = await _mint(tx, facts, caller)
    payload = KeyCreated(role=command.role, actor=facts["actor"])
    _report(tx, payload, "apiKeyCreate", key_id, caller, after=key_states(command))
    return Outcome(refs={"apiKey": key_id}, secret=secret)


async def _check_scope(
    tx: Transaction, command: CreateKey, caller: Caller, problems: Problems
) -> CreateKey:
    """Check the actor and the scope. Returns the command with the codes as they were issued.

    All keys of an actor spell it as the first one does, because rows are found by their actor.
    """
    actor = command.acting_as
    known = await key_queries.actor_named(tx.session, actor)
    is_limited = caller.channels is not None or caller.locations is not None
    if is_limited and not caller.acts_as(actor) and known is not None:
        # All keys of an actor share what the actor made, also outside the scope of this caller.
        with problems.under("name" if command.actor is None else "actor"):
            raise Invalid(
                f"{actor} already has a key. Only a caller that sees all channels and all"
                " locations may add another."
            )
    channels = await key_queries.channels_named(tx.session, command.channels or ())
    locations = await key_queries.locations_named(tx.session, command.locations or ())
    for index, code in enumerate(command.channels or ()):
        if code not in channels or not caller.sees_channel(code):
            with problems.under("channels", str(index)):
                raise NotFound("channel", code)
    for index, code in enumerate(command.locations or ()):
        if code not in locations or not caller.sees_location(code):
            with problems.under("locations", str(index)):
                raise NotFound("location", code)
    return replace(
        command,
        actor=actor if known is None else known,
        channels=_issued(command.channels, channels),
        locations=_issued(command.locations, locations),
    )


def _issued(given: Sequence[str] | None, known: ByCode[str]) -> tuple[str, ...] | None:
    return None if given is None else tuple(known.get(code, code) for code in given)


def _stored(codes: Iterable[str] | None) -> str | None:
    return None if codes is None else orjson.dumps(sorted(set(codes))).decode()


async def _mint(tx: Transaction, facts: KeyFacts, caller: Caller) -> tuple[UUID, str]:
    """Store a key with a new secret. Returns its id and its text."""
    key_id = tx.new_id()
    # The last twelve hexadecimal digits of an id are random in every UUID version used here.
    prefix = tx.new_id().hex[-12:]
    text = key_text(prefix, tx.new_secret())
    await _insert(tx, key_id, prefix, key_hash(text), facts, caller)
    return key_id, text


async def _insert(
    tx: Transaction,
    key_id: UUID,
    prefix: str,
    secret_hash: str,
    facts: KeyFacts,
    caller: Caller,
) -> None:
    row: ApiKeyRow = {
        "id": key_id,
        "prefix": prefix,
        "secret_hash": secret_hash,
        "created_at": tx.now,
        "created_by": caller.actor,
        "revoked_at": None,
        "last_used_at": None,
        **facts,
    }
    await tx.session.insert(ApiKey, [row])


@one_by_one("apiKeyRotate")
async def rotate(tx: Transaction, command: RotateKey, caller: Caller) -> Outcome:
    """Create a key's successor with the same actor, role and scope.

    The old key ends after the overlap; an overlap of 0 seconds revokes it at once. Raises
    LimitExceeded, NotFound, or IllegalTransition if the key has expired or is revoked. Records
    `key.rotated`.
    """
    problems = Problems()
    with problems.under():
        check_overlap(command.overlap_seconds)
    with problems.under():
        row = await _lock(tx, command.key_id, caller)
    problems.refuse()
    _check_live(row, tx.now, "rotated")
    facts: KeyFacts = {
        "name": row["name"],
        "actor": row["actor"],
        "role": row["role"],
        "channels": row["channels"],
        "locations": row["locations"],
        "refund_limit_minor": row["refund_limit_minor"],
        "refund_limit_currency": row["refund_limit_currency"],
        "expires_at": successor_expiry(row["created_at"], row["expires_at"], tx.now),
    }
    key_id, secret = await _mint(tx, facts, caller)
    await key_queries.end_key(
        tx.session,
        row["id"],
        revoked_at=None if command.overlap_seconds else tx.now,
        expires_at=predecessor_expiry(row["expires_at"], command.overlap_seconds, tx.now)
        if command.overlap_seconds
        else row["expires_at"],
    )
    before = {"key": row["id"], "expires_at": row["expires_at"]}
    after = {"key": key_id, "overlap_seconds": command.overlap_seconds}
    payload = KeyRotated(role=Role(facts["role"]), actor=facts["actor"], successor=key_id)
    _report(tx, payload, "apiKeyRotate", row["id"], caller, before, after)
    return Outcome(refs={"apiKey": key_id}, secret=secret)


@one_by_one("apiKeyRevoke")
async def revoke(tx: Transaction, command: RevokeKey, caller: Caller) -> Mapping[str, Any]:
    """Revoke a key at once.

    Locks all unlimited ADMIN keys that last long enough, then the key. Raises NotFound,
    IllegalTransition if the key has expired or is revoked, and LastAdminKey if no unlimited ADMIN
    key would be left. Records `key.revoked`.
    """
    lasting = await key_queries.lock_unlimited_keys(tx.session, Role.ADMIN.value, tx.now + LASTING)
    row = await _lock(tx, command.key_id, caller)
    _check_live(row, tx.now, "revoked")
    if row["role"] == Role.ADMIN and not lasting - {row["id"]}:
        raise LastAdminKey(field=("id",))
    await key_queries.end_key(
        tx.session, row["id"], revoked_at=tx.now, expires_at=row["expires_at"]
    )
    before, after = {"revoked_at": None}, {"revoked_at": tx.now}
    payload = KeyRevoked(role=Role(row["role"]), actor=row["actor"])
    _report(tx, payload, "apiKeyRevoke", row["id"], caller, before, after)
    return {"apiKey": row["id"]}


async def _lock(tx: Transaction, key_id: UUID, caller: Caller) -> ApiKeyRow:
    """Lock a key. Raises NotFound unless the caller could have created the key itself."""
    row = await key_queries.lock_key(tx.session, key_id)
    if row is None or not caller.may_mint(caller_of(row)):
        raise NotFound("API key", str(key_id), field=("id",))
    return row


def _check_live(row: ApiKeyRow, now: datetime, requested: str) -> None:
    state = state_at(row["revoked_at"], row["expires_at"], now)
    if state != "live":
        raise IllegalTransition("API key", state, requested, field=("id",))


def _report(
    tx: Transaction,
    payload: KeyPayload,
    action: str,
    key_id: UUID,
    caller: Caller,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    tx.outbox.record(payload, key_id, actor=caller.actor)
    tx.outbox.audit(caller.actor, action, ("ApiKey", key_id), before=before, after=after)


async def ensure_bootstrap_key(transactions: Transactions, secret: str) -> None:
    """Store `secret` as an ADMIN key, unless a key with this secret exists already."""

    async def work(tx: Transaction) -> None:
        if await key_queries.key_by_hash(tx.session, key_hash(secret)) is not None:
            return
        facts: KeyFacts = {
            "name": BOOTSTRAP,
            "actor": BOOTSTRAP,
            "role": Role.ADMIN.value,
            "channels": None,
            "locations": None,
            "refund_limit_minor": None,
            "refund_limit_currency": None,
            "expires_at": None,
        }
        key_id = tx.new_id()
        prefix = f"{BOOTSTRAP}-{tx.new_id().hex[-8:]}"
        await _insert(tx, key_id, prefix, key_hash(secret), facts, SYSTEM)
        after = {"name": facts["name"], "actor": facts["actor"], "role": facts["role"]}
        payload = KeyCreated(role=Role.ADMIN, actor=BOOTSTRAP)
        _report(tx, payload, "apiKeyCreate", key_id, SYSTEM, after=after)

    await transactions.run(work)
