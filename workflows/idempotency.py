"""A mutation with a key is done once: the key's row lives in the mutation's own transaction.

A second request with the key waits on the row's unique index until the first has ended, then
answers what the first one did. Rows are inserted in the order of (actor, key), so that batches
which share keys cannot deadlock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

import models.queries.idempotency as queries
from domain.errors import IdempotencyKeyRequired, IdempotencyKeyReused
from workflows.outcomes import Outcome, Refusal, Request

if TYPE_CHECKING:
    from workflows.transactions import Transaction

KEPT = timedelta(days=7)
KEY_MAX = 255
ANONYMOUS_KEY_MIN = 22


def arguments_hash(action: str, command: object) -> str:
    """The same for the same action with the same arguments."""
    text = orjson.dumps(command, default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(action.encode() + b"\0" + text).hexdigest()


def check_key(request: Request[object], requires_key: bool) -> None:
    """Raise IdempotencyKeyRequired where the caller must send a key, or a longer one."""
    if request.key is None:
        if requires_key:
            raise IdempotencyKeyRequired()
        return
    if not request.key or len(request.key) > KEY_MAX:
        raise IdempotencyKeyRequired(f"An idempotency key has 1 to {KEY_MAX} characters.")
    if request.caller.role is None and len(request.key) < ANONYMOUS_KEY_MIN:
        raise IdempotencyKeyRequired(
            f"Without an API key an idempotency key has at least {ANONYMOUS_KEY_MIN} characters."
        )


@dataclass(slots=True)
class Claims:
    """Which requests of a batch are new, which are answered already, which repeat a neighbour."""

    answered: dict[int, Outcome] = field(default_factory=dict)
    rows: dict[int, UUID] = field(default_factory=dict)
    repeats: dict[int, int] = field(default_factory=dict)


async def claim(tx: Transaction, action: str, requests: Sequence[Request[Any]]) -> Claims:
    """Take the keys of a batch: what was done before is answered from its row."""
    claims = Claims()
    first: dict[tuple[str, str], int] = {}
    hashes: dict[int, str] = {}
    for index, request in enumerate(requests):
        if request.key is None:
            continue
        hashes[index] = arguments_hash(action, request.command)
        holder = first.setdefault((request.caller.actor, request.key), index)
        if holder != index:
            same = hashes[holder] == hashes[index]
            if same:
                claims.repeats[index] = holder
            else:
                claims.answered[index] = Outcome.refused(IdempotencyKeyReused())
    for (actor, key), index in sorted(first.items()):
        row_id = tx.new_id()
        values = (row_id, actor, key, action, hashes[index], tx.now)
        if await queries.take_key(tx.session, *values):
            claims.rows[index] = row_id
        else:
            claims.answered[index] = await _replay(tx, actor, key, hashes[index])
    return claims


async def _replay(tx: Transaction, actor: str, key: str, expected_hash: str) -> Outcome:
    row = await queries.key_row(tx.session, actor, key)
    if row is None or row["arguments_hash"] != expected_hash:
        return Outcome.refused(IdempotencyKeyReused())
    return decode(orjson.loads(row["outcome"]))


def encode(outcome: Outcome) -> str:
    """An outcome as the JSON that is stored with its key."""
    refusals = [
        {"code": r.code, "field": r.field, "message": r.message, "details": r.details}
        for r in outcome.refusals
    ]
    return orjson.dumps({"refs": outcome.refs, "refusals": refusals}, default=str).decode()


def decode(stored: Mapping[str, Any]) -> Outcome:
    """A stored outcome, marked as replayed."""
    refusals = tuple(
        Refusal(r["code"], tuple(r["field"]), r["message"], r["details"])
        for r in stored["refusals"]
    )
    return Outcome(refs=stored["refs"], refusals=refusals, replayed=True)


async def settle(tx: Transaction, claims: Claims, outcomes: Sequence[Outcome | None]) -> None:
    """Store each new outcome with its key; keys of what may be tried again are given back."""
    stored, freed = [], []
    for index, row_id in claims.rows.items():
        outcome = outcomes[index]
        if outcome is not None and outcome.is_stored:
            stored.append((encode(outcome), row_id))
        else:
            freed.append(row_id)
    if stored:
        await queries.store_outcomes(tx.session, stored)
    if freed:
        await queries.free_keys(tx.session, freed)
