"""Key cache: few database reads, and no key that works long after it has ended."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

import workflows.access.api_keys
import workflows.access.authentication as authentication
from domain.access.api_keys import CreateKey, RevokeKey
from domain.access.callers import SYSTEM, Role
from domain.errors import Unauthenticated
from models.database.database import Database
from subscriptions.cancellation import end
from tests.builders.transactions import MORNING, Clock, rows, transactions_on
from workflows.access.authentication import FRESH_SECONDS, KeyCache, live_keys
from workflows.transactions.actions import Reactions
from workflows.transactions.outcomes import Request
from workflows.transactions.runner import Transactions


async def a_key(
    transactions: Transactions, ends_after: timedelta | None = None
) -> tuple[UUID, str]:
    expires_at = None if ends_after is None else transactions.clock() + ends_after
    command = CreateKey("till", Role.STOREFRONT, expires_at=expires_at)
    outcome = await transactions.perform(workflows.access.api_keys.create, Request(command, SYSTEM))
    assert outcome.secret is not None
    return UUID(str(outcome.refs["apiKey"])), outcome.secret


async def revoke(transactions: Transactions, key_id: UUID) -> None:
    await transactions.perform(workflows.access.api_keys.revoke, Request(RevokeKey(key_id), SYSTEM))


async def test_revocation_is_seen_within_five_seconds(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    key_id, text = await a_key(transactions)
    keys = KeyCache(transactions)
    await keys.authenticate(text, clock())
    await revoke(transactions, key_id)
    clock.forward(seconds=FRESH_SECONDS)
    assert FRESH_SECONDS < 5
    with pytest.raises(Unauthenticated):
        await keys.authenticate(text, clock())


async def test_expiry_is_seen_at_once(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    _, text = await a_key(transactions, ends_after=timedelta(seconds=1))
    keys = KeyCache(transactions)
    await keys.authenticate(text, clock())
    clock.forward(seconds=1)
    with pytest.raises(Unauthenticated):
        await keys.authenticate(text, clock())


async def test_a_fresh_key_is_not_looked_up_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = transactions_on(database)
    _, text = await a_key(transactions)
    keys = KeyCache(transactions)
    callers = await asyncio.gather(*(keys.authenticate(text, MORNING) for _ in range(50)))
    assert len(set(callers)) == 1
    await database.close()
    assert await keys.authenticate(text, MORNING) == callers[0]
    await database.open()


async def test_an_unknown_key_is_asked_for_every_time(database: Database) -> None:
    transactions = transactions_on(database)
    keys = KeyCache(transactions)
    with pytest.raises(Unauthenticated):
        await keys.authenticate("open sesame", MORNING)
    await workflows.access.api_keys.ensure_bootstrap_key(transactions, "open sesame")
    assert (await keys.authenticate("open sesame", MORNING)).role is Role.ADMIN


async def test_uses_are_written_once_a_minute(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    _, text = await a_key(transactions)
    keys = KeyCache(transactions)
    seen = []
    for _ in range(4):
        await keys.authenticate(text, clock())
        await keys.record_uses()
        (row,) = await rows(database, "SELECT last_used_at FROM api_key")
        seen.append((row["last_used_at"] - MORNING).total_seconds())
        clock.forward(seconds=40)
    assert seen == [0, 0, 80, 80]


async def test_uses_are_written_also_after_a_failure(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "RECORD_SECONDS", 0.01)
    transactions = transactions_on(database)
    _, text = await a_key(transactions)
    failures = [KeyError("broken")]

    def now() -> datetime:
        if failures:
            raise failures.pop()
        return MORNING

    keys = KeyCache(Transactions(database, clock=now, new_id=uuid4, reactions=Reactions({})))
    await keys.authenticate(text, MORNING)
    recording = asyncio.create_task(keys.run())
    async with asyncio.timeout(10):
        while not await rows(database, "SELECT id FROM api_key WHERE last_used_at IS NOT NULL"):
            assert not recording.done()
    assert not failures
    await end(recording)


async def test_sockets_can_ask_which_of_their_keys_still_work(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    kept, _ = await a_key(transactions)
    revoked, _ = await a_key(transactions)
    expired, _ = await a_key(transactions, ends_after=timedelta(minutes=1))
    await revoke(transactions, revoked)
    clock.forward(minutes=1)
    assert await live_keys(database, [kept, revoked, expired], clock()) == {kept}
