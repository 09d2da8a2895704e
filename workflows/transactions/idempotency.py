"""Idempotency keys: a mutation with a key is performed once.

The row of the key is written in the transaction of the mutation, which first takes an advisory
lock on the key. The row alone would not do: while it is uncommitted no other transaction sees it,
and a wait on its unique index cannot be bounded for one request of a batch. A second request with
the key waits for the lock, then returns the outcome of the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson

import models.queries.idempotency as idempotency_queries
from domain.access.callers import Caller
from domain.errors import IdempotencyKeyRequired, IdempotencyKeyReused
from domain.values.codes import comparison_key
from models.access import IdempotencyKey
from models.database.sessions import Contention
from models.queries.idempotency import StoredOutcomeRow
from workflows.transactions.outcomes import Outcome, Refusal, Request
from workflows.transactions.unit_of_work import UnitOfWork

KEPT = timedelta(days=7)
FORGOTTEN_MAX = 1_000
KEY_MAX = 255
ANONYMOUS_KEY_MIN = 22

# Codes of the channels and of the locations of a key; None: all.
KeyScope = list[list[str] | None]


def arguments_hash(action: str, command: object) -> str:
    """A hash that is equal for the same action with the same arguments."""
    text = orjson.dumps(command, default=_by_value, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(action.encode() + b"\0" + text).hexdigest()


def _by_value(part: object) -> str:
    """JSON of a decimal by its value: 1.5 and 1.50 are the same argument."""
    return f"{part.normalize():f}" if isinstance(part, Decimal) else str(part)


def check_key(request: Request[object], requires_key: bool) -> None:
    """Raise IdempotencyKeyRequired if the caller must send a key, or a longer one."""
    if request.key is None:
        if requires_key:
            raise IdempotencyKeyRequired()
        return
    if not request.key or len(request.key) > KEY_MAX:
        raise IdempotencyKeyRequired(
            f"An idempotency key must have 1 to {KEY_MAX} characters; it has {len(request.key)}."
        )
    if request.caller.role is None and len(request.key) < ANONYMOUS_KEY_MIN:
        raise IdempotencyKeyRequired(
            f"Without an API key, an idempotency key must have at least {ANONYMOUS_KEY_MIN}"
            f" characters; it has {len(request.key)}."
        )


class KeyInUse(Exception):
    """Another transaction holds the key, and waiting for it took too long."""


@dataclass(slots=True)
class Claims:
    """The requests of a batch by the state of their keys.

    `answered`: an earlier transaction has performed it. `first`: the first request of each (actor,
    key). `followers`: an earlier request of the
    batch has the same key, and its outcome decides. `busy`: another transaction uses the key now;
    such a request is retried alone. All others are new. `hashes`, `scopes`: by request with a key.
    """

    answered: dict[int, Outcome] = field(default_factory=dict)
    first: dict[tuple[str, str], int] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)
    scopes: dict[int, KeyScope] = field(default_factory=dict)
    followers: dict[int, int] = field(default_factory=dict)
    busy: set[int] = field(default_factory=set)

    def is_fresh(self, index: int) -> bool:
        """True if the request is to be performed."""
        return not (index in self.answered or index in self.followers or index in self.busy)

    def following(self, index: int, first: Outcome | None) -> Outcome | None:
        """The outcome of a follower, given that of the first request; None: it is retried alone.

        If the first stored no outcome, the key is free for other arguments.
        """
        if first is None:
            return None
        holder = self.followers[index]
        if self.hashes[index] == self.hashes[holder]:
            if first.refusals and self.scopes[index] != self.scopes[holder]:
                return Outcome.refused(_other_scope())
            return replace(first, replayed=first.is_stored)
        return Outcome.refused(IdempotencyKeyReused()) if first.is_stored else None


def read_claims(action: str, requests: Sequence[Request[Any]]) -> Claims:
    """The keys of a batch, none of them claimed yet."""
    claims = Claims()
    for index, request in enumerate(requests):
        if request.key is None:
            continue
        claims.hashes[index] = arguments_hash(action, request.command)
        claims.scopes[index] = scope_of_key(request.caller)
        holder = claims.first.setdefault((request.caller.actor, request.key), index)
        if holder != index:
            claims.followers[index] = holder
    return claims


def expect_new(unit: UnitOfWork, claims: Claims) -> bool:
    """Let the workflow's lock claim the keys, which are expected to be new.

    The lock raises Interrupted if one is not; `claim` must decide then. False: there is no key, or
    two requests have the same.
    """
    if not claims.first or claims.followers:
        return False
    numbers = {pair: _lock_number(*pair) for pair in claims.first}
    unit.guard(idempotency_queries.not_new(unit.session.engine, numbers))
    return True


async def claim(unit: UnitOfWork, claims: Claims, *, waits: bool) -> None:
    """Claim the keys of a batch; a request that was performed before is answered from its row.

    With `waits` it waits for the transaction that has the key. That is for a single request: in a
    batch, one duplicate would delay all others. Raises KeyInUse.
    """
    if claims.first:
        await _take(unit, claims, claims.first, waits=waits)


async def _take(
    unit: UnitOfWork, claims: Claims, first: Mapping[tuple[str, str], int], *, waits: bool
) -> None:
    numbers = {pair: _lock_number(*pair) for pair in first}
    free, found = await idempotency_queries.take_keys(unit.session, numbers)
    if waits and not free:
        [(pair, number)] = numbers.items()
        try:
            await idempotency_queries.wait_for_key(unit.session, number)
        except Contention:
            raise KeyInUse from None
        free, found = {pair}, await idempotency_queries.key_rows(unit.session, [pair])
    rows = {index: row for pair, index in first.items() if (row := found.get(pair)) is not None}
    claims.busy |= {index for pair, index in first.items() if pair not in free} - rows.keys()
    for index, row in rows.items():
        claims.answered[index] = _replay(row, claims.hashes[index], claims.scopes[index])
    for index, holder in [*claims.followers.items()]:
        if holder in rows:
            del claims.followers[index]
            claims.answered[index] = _replay(
                rows[holder], claims.hashes[index], claims.scopes[index]
            )


def _lock_number(actor: str, key: str) -> int:
    """A signed 64-bit number for a key; two keys that share one only wait for each other."""
    digest = hashlib.sha256(f"{actor}\0{key}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _replay(row: StoredOutcomeRow, expected_hash: str, scope: KeyScope) -> Outcome:
    if row["arguments_hash"] != expected_hash:
        return Outcome.refused(IdempotencyKeyReused())
    stored = orjson.loads(row["outcome"])
    if stored["refusals"] and stored.get("scope", scope) != scope:
        return Outcome.refused(_other_scope())
    return decode(stored)


def _other_scope() -> IdempotencyKeyReused:
    return IdempotencyKeyReused(
        "The idempotency key was already used with a key of this actor that has another scope."
    )


def scope_of_key(caller: Caller) -> KeyScope:
    """The codes of the caller's channels and locations, as JSON; None: all of them.

    A refusal names quantities and codes of what the first key could see. A replay of a success
    needs no check: its objects are read again, within the scope of the second key.
    """
    return [
        None if codes is None else sorted(map(comparison_key, codes))
        for codes in (caller.channels, caller.locations)
    ]


def encode(outcome: Outcome, scope: KeyScope) -> str:
    """An outcome as the JSON that is stored with its key. Refusals are stored with their scope."""
    refusals = [
        {"code": r.code, "field": r.field, "message": r.message, "details": r.details}
        for r in outcome.refusals
    ]
    stored: dict[str, Any] = {"refs": outcome.refs, "refusals": refusals}
    if refusals:
        stored["scope"] = scope
    return orjson.dumps(stored, default=str).decode()


def decode(stored: Mapping[str, Any]) -> Outcome:
    """A stored outcome, marked as replayed."""
    refusals = tuple(
        Refusal(r["code"], tuple(r["field"]), r["message"], r["details"])
        for r in stored["refusals"]
    )
    return Outcome(refs=stored["refs"], refusals=refusals, replayed=True)


def settle(
    unit: UnitOfWork,
    action: str,
    claims: Claims,
    requests: Sequence[Request[Any]],
    outcomes: Sequence[Outcome | None],
) -> None:
    """Store each new outcome with its key, except outcomes that a client may try again."""
    for index, arguments in claims.hashes.items():
        outcome, request = outcomes[index], requests[index]
        if claims.is_fresh(index) and outcome is not None and outcome.is_stored:
            row = {
                "id": unit.new_id(),
                "actor": request.caller.actor,
                "key": request.key,
                "action": action,
                "arguments_hash": arguments,
                "outcome": encode(outcome, claims.scopes[index]),
                "created_at": unit.now,
            }
            unit.add(IdempotencyKey, row)


async def delete_old_keys(unit: UnitOfWork) -> int:
    """Delete idempotency keys after their retention time; returns their number."""
    before = unit.now - KEPT
    return await idempotency_queries.delete_keys(unit.session, before, FORGOTTEN_MAX)
