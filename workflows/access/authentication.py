"""Authentication of API keys, with an in-process cache.

A cached key is used for FRESH_SECONDS without asking the database. A revoked key may therefore work
that long in this process. Expiry is checked against the clock at each call.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

import models.queries.access as key_queries
from domain.access.api_keys import BEARER_MAX, key_hash, prefix_of, state_at
from domain.access.callers import Caller
from domain.errors import Unauthenticated
from models.access import ApiKeyRow
from models.database.database import Database
from models.database.errors import unforeseen
from workflows.access.api_keys import caller_of
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

FRESH_SECONDS: Final = 2.0
USE_SECONDS: Final = 60.0
RECORD_SECONDS: Final = 10.0
KNOWN_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class CachedKey:
    """A live key as it was at `loaded_at`."""

    caller: Caller
    expires_at: datetime | None
    loaded_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        """True if it may be used without reading the database again."""
        return 0 <= (now - self.loaded_at).total_seconds() < FRESH_SECONDS


async def authenticate(database: Database, bearer: str, now: datetime) -> Caller:
    """The caller of this key. Raises Unauthenticated if the key is unknown, expired or revoked."""
    return (await _look_up(database, bearer, now)).caller


async def _look_up(database: Database, bearer: str, now: datetime) -> CachedKey:
    row = await _row(database, bearer)
    if row is None or state_at(row["revoked_at"], row["expires_at"], now) != "live":
        raise _unknown()
    return CachedKey(caller_of(row), row["expires_at"], now)


async def _row(database: Database, bearer: str) -> ApiKeyRow | None:
    if not 1 <= len(bearer) <= BEARER_MAX:
        return None
    secret_hash, prefix = key_hash(bearer), prefix_of(bearer)
    async with database.reading() as session:
        row = None if prefix is None else await key_queries.key_by_prefix(session, prefix)
        if row is None:
            # The operator chooses the text of the bootstrap key; it may have no prefix.
            return await key_queries.key_by_hash(session, secret_hash)
    # These are hashes of 256 random bits: the time of the comparison reveals nothing of the secret.
    return row if row["secret_hash"] == secret_hash else None


def _unknown() -> Unauthenticated:
    return Unauthenticated("The API key is unknown, expired or revoked.")


async def live_keys(database: Database, key_ids: Iterable[UUID], now: datetime) -> set[UUID]:
    """The keys, of these, that still work. Open WebSockets are checked with it periodically."""
    async with database.reading() as session:
        return await key_queries.live_keys(session, key_ids, now)


class KeyCache:
    """Cache of the keys that this process used lately, and the times at which they were used."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._known: OrderedDict[str, CachedKey] = OrderedDict()
        self._loading: dict[str, asyncio.Task[CachedKey]] = {}
        self._used: dict[UUID, datetime] = {}
        self._recorded: dict[UUID, datetime] = {}

    def cached(self, bearer: str, now: datetime) -> Caller | None:
        """The caller of a key that was read lately; None if the database must be asked."""
        known = self._known.get(key_hash(bearer))
        if known is None or not known.is_fresh(now):
            return None
        if known.expires_at is not None and known.expires_at <= now:
            return None
        self._note_use(known.caller.key_id, now)
        return known.caller

    async def authenticate(self, bearer: str, now: datetime) -> Caller:
        """The caller of this key. Raises Unauthenticated if it is unknown, expired or revoked."""
        secret_hash = key_hash(bearer)
        known = self._known.get(secret_hash)
        if known is None or not known.is_fresh(now):
            known = await self._load(secret_hash, bearer, now)
        if known.expires_at is not None and known.expires_at <= now:
            raise _unknown()
        self._note_use(known.caller.key_id, now)
        return known.caller

    def knows(self, bearer: str) -> bool:
        """True if this key was live when this process last asked the database."""
        return key_hash(bearer) in self._known

    async def _load(self, secret_hash: str, bearer: str, now: datetime) -> CachedKey:
        """Share one look-up among all requests that wait for the same key."""
        task = self._loading.get(secret_hash)
        if task is None:
            task = asyncio.create_task(_look_up(self._transactions.database, bearer, now))
            self._loading[secret_hash] = task
            task.add_done_callback(lambda done: self._loaded(secret_hash, done))
        return await asyncio.shield(task)

    def _loaded(self, secret_hash: str, done: asyncio.Task[CachedKey]) -> None:
        del self._loading[secret_hash]
        self._known.pop(secret_hash, None)
        if not done.cancelled() and done.exception() is None:
            self._known[secret_hash] = done.result()
            if len(self._known) > KNOWN_MAX:
                self._known.popitem(last=False)

    def _note_use(self, key_id: UUID | None, now: datetime) -> None:
        if key_id is not None:
            self._used[key_id] = now

    async def run(self) -> None:
        """Write the use times every RECORD_SECONDS until cancelled. A failed write is repeated."""
        while True:
            await asyncio.sleep(RECORD_SECONDS)
            try:
                await self.record_uses()
            except Exception as error:  # a failed write must not end the loop
                logger.warning(
                    "keys.uses_not_recorded", error=repr(error), exc_info=unforeseen(error)
                )

    async def record_uses(self) -> None:
        """Write the last use of each key, at most once in USE_SECONDS for a key."""
        due = {
            key_id: at
            for key_id, at in self._used.items()
            if key_id not in self._recorded
            or (at - self._recorded[key_id]).total_seconds() >= USE_SECONDS
        }
        if not due:
            return

        async def work(tx: Transaction) -> None:
            await key_queries.record_uses(tx.session, due)

        await self._transactions.run(work)
        latest = max(due.values())
        recent = {
            key_id: at
            for key_id, at in self._recorded.items()
            if (latest - at).total_seconds() < USE_SECONDS
        }
        self._recorded = recent | due
        for key_id, at in due.items():
            if self._used.get(key_id) == at:
                del self._used[key_id]
