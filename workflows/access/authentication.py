"""From the text of a key to the caller that it acts for, without asking the database each time.

What was found is believed for FRESH_SECONDS: so long may a revoked key go on working in this
process. Expiry is judged by the clock at each call.
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
from models.database.database import Database
from models.database.errors import unforeseen
from models.database.sessions import Row
from workflows.access.api_keys import caller_of
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

FRESH_SECONDS: Final = 2.0
USE_SECONDS: Final = 60.0
RECORD_SECONDS: Final = 10.0
KNOWN_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class Known:
    """A live key as it was at `loaded_at`."""

    caller: Caller
    expires_at: datetime | None
    loaded_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Whether it may be believed without another look."""
        return 0 <= (now - self.loaded_at).total_seconds() < FRESH_SECONDS


async def authenticate(database: Database, bearer: str, now: datetime) -> Caller:
    """Who holds this key. Raises Unauthenticated where it is unknown, expired or revoked."""
    return (await _look_up(database, bearer, now)).caller


async def _look_up(database: Database, bearer: str, now: datetime) -> Known:
    row = await _row(database, bearer)
    if row is None or state_at(row["revoked_at"], row["expires_at"], now) != "live":
        raise _unknown()
    return Known(caller_of(row), row["expires_at"], now)


async def _row(database: Database, bearer: str) -> Row | None:
    if not 1 <= len(bearer) <= BEARER_MAX:
        return None
    secret_hash, prefix = key_hash(bearer), prefix_of(bearer)
    async with database.reading() as session:
        row = None if prefix is None else await key_queries.key_by_prefix(session, prefix)
        if row is None:
            # the bootstrap key is written as its operator likes
            return await key_queries.key_by_hash(session, secret_hash)
    # hashes of 256 random bits: how long comparing them takes says nothing about the secret
    return row if row["secret_hash"] == secret_hash else None


def _unknown() -> Unauthenticated:
    return Unauthenticated("The API key is unknown, expired or revoked.")


async def live_keys(database: Database, key_ids: Iterable[UUID], now: datetime) -> set[UUID]:
    """Those of these keys that still work: what open sockets ask for again and again."""
    async with database.reading() as session:
        return await key_queries.live_keys(session, key_ids, now)


class KeyRing:
    """The keys that this process has seen lately, and when they were used."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._loading: dict[str, asyncio.Task[Known]] = {}
        self._used: dict[UUID, datetime] = {}
        self._recorded: dict[UUID, datetime] = {}

    async def authenticate(self, bearer: str, now: datetime) -> Caller:
        """Who holds this key. Raises Unauthenticated where it is unknown, expired or revoked."""
        secret_hash = key_hash(bearer)
        known = self._known.get(secret_hash)
        if known is None or not known.is_fresh(now):
            known = await self._load(secret_hash, bearer, now)
        if known.expires_at is not None and known.expires_at <= now:
            raise _unknown()
        self._note_use(known.caller.key_id, now)
        return known.caller

    async def _load(self, secret_hash: str, bearer: str, now: datetime) -> Known:
        """One look-up for all requests that wait for the same key."""
        task = self._loading.get(secret_hash)
        if task is None:
            task = asyncio.create_task(_look_up(self._transactions.database, bearer, now))
            self._loading[secret_hash] = task
            task.add_done_callback(lambda done: self._loaded(secret_hash, done))
        return await asyncio.shield(task)

    def _loaded(self, secret_hash: str, done: asyncio.Task[Known]) -> None:
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
        """Write the uses of keys now and then until cancelled; what fails is tried again later."""
        while True:
            await asyncio.sleep(RECORD_SECONDS)
            try:
                await self.record_uses()
            except Exception as error:  # a key's last use matters less than that this goes on
                logger.warning(
                    "keys.uses_not_recorded", error=repr(error), exc_info=unforeseen(error)
                )

    async def record_uses(self) -> None:
        """Write when keys were used last, each once in USE_SECONDS at most."""
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
