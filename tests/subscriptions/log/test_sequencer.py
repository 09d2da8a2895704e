"""Positions of events: assigned after commit, without gaps, in causal order, by one process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import models.queries.events.event_log as event_log
import models.queries.events.leases as leases
from models.database.database import Database
from subscriptions.log.sequencer import BATCH_MAX, LEASE
from tests.subscriptions.log.facts import note, now, transactions, write
from tests.subscriptions.log.numbering import WAITING, Callbacks, a_sequencer, log_of, running
from workflows.transactions.transaction import Transaction


async def test_what_is_committed_gets_the_next_positions(database: Database) -> None:
    heard = Callbacks()
    sequencer = a_sequencer(database, heard)
    writer = transactions(database, sequencer.wake)
    async with running(sequencer):
        await write(writer, 1, 2)
        await heard.until(2)
        await write(writer, 3)
        await heard.until(3)
    assert await log_of(database) == [(1, 1), (2, 2), (3, 3)]
    async with database.reading() as session:
        assert not await event_log.has_pending(session)
        row = await leases.lease(session, LEASE)
    assert row is not None
    assert row["counter"] == 3


async def test_with_listeners_it_passes_on_the_events_of_the_log(
    database: Database,
) -> None:
    heard, has_listeners = Callbacks(), True
    sequencer = a_sequencer(database, heard, has_listeners=lambda: has_listeners)
    writer = transactions(database, sequencer.wake)
    async with running(sequencer):
        await write(writer, *range(BATCH_MAX + 3))
        await heard.until(BATCH_MAX + 3)
        has_listeners = False
        await write(writer, 1)
        await heard.until(BATCH_MAX + 4)
    async with database.reading() as session:
        log = await event_log.events_after(session, 0, 100_000)
    assert heard.events == log[: BATCH_MAX + 3]


async def test_what_was_pending_before_is_numbered_at_once(database: Database) -> None:
    await write(transactions(database), *range(BATCH_MAX + 7))
    heard = Callbacks()
    async with running(a_sequencer(database, heard)):
        await heard.until(BATCH_MAX + 7)
    assert [number for _, number in await log_of(database)] == list(range(BATCH_MAX + 7))


async def test_events_without_a_wake_up_are_found_within_a_second(database: Database) -> None:
    heard = Callbacks()
    silent = transactions(database)
    async with running(a_sequencer(database, heard)):
        await write(silent, 1)
        await heard.until(1)
        await write(silent, 2)
        await heard.until(2)


async def test_a_bystander_forwards_and_never_numbers(database: Database) -> None:
    mine, theirs = Callbacks(), Callbacks()
    holder = a_sequencer(database, mine, "a")
    bystander = a_sequencer(database, theirs, "b")
    writer = transactions(database, bystander.wake)
    async with running(holder):
        await write(transactions(database, holder.wake), 1)
        await mine.until(1)
        async with running(bystander):
            await write(writer, 2)
            await theirs.until_forwarded()
            holder.notify()
            await mine.until(2)
            assert not bystander.is_holder
    assert theirs.position == 0


async def test_a_released_lease_is_taken_over(database: Database) -> None:
    mine, theirs = Callbacks(), Callbacks()
    async with running(a_sequencer(database, mine, "a")):
        await write(transactions(database), 1)
        await mine.until(1)
    async with asyncio.timeout(2), running(a_sequencer(database, theirs, "b")):
        await write(transactions(database), 2)
        await theirs.until(2)
    assert await log_of(database) == [(1, 1), (2, 2)]


async def test_events_committed_during_the_last_check_are_numbered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Callbacks()
    sequencer = a_sequencer(database, heard)
    numbering = sequencer._transactions
    number = numbering.run_briefly

    async def number_and_be_stopped(*args: Any) -> Any:
        batch = await number(*args)
        if heard.position == 1:
            await write(transactions(database), 2)
            sequencer.stop()
        return batch

    monkeypatch.setattr(numbering, "run_briefly", number_and_be_stopped)
    await write(transactions(database), 1)
    async with asyncio.timeout(10):
        await sequencer.run()
    assert await log_of(database) == [(1, 1), (2, 2)]


async def test_a_dead_holder_is_replaced_within_five_seconds(database: Database) -> None:
    mine, theirs = Callbacks(), Callbacks()
    dead = asyncio.create_task(a_sequencer(database, mine, "a").run())
    await write(transactions(database), 1)
    await mine.until(1)
    dead.cancel()
    await asyncio.gather(dead, return_exceptions=True)
    await write(transactions(database), 2)
    async with asyncio.timeout(5), running(a_sequencer(database, theirs, "b")):
        await theirs.until(2)


async def test_a_holder_that_slept_finds_out_before_it_numbers(database: Database) -> None:
    """It believes that it holds the lease; the lease row shows otherwise when it assigns
    positions."""
    mine = Callbacks()
    sequencer = a_sequencer(database, mine, "a")
    async with running(sequencer):
        await write(transactions(database), 1)
        await mine.until(1)

        async def rob(tx: Transaction) -> None:
            await leases.lock_lease(tx.session, LEASE)
            later = now().replace(year=now().year + 1)
            await leases.hold_lease(tx.session, LEASE, "thief", later, 1)
            note(tx, 2)

        await transactions(database).run(rob)
        sequencer.wake()
        await write(transactions(database, sequencer.wake), 3)
        await mine.until_forwarded()
        assert not sequencer.is_holder
    assert await log_of(database) == [(1, 1)]
    async with database.reading() as session:
        row = await leases.lease(session, LEASE)
    assert row is not None
    assert row["holder"] == "thief"


async def test_a_waiter_for_the_lease_continues_after_the_numbered_events(
    postgres_url: str,
) -> None:
    """The statement began while another process held the row lock and numbered event 1."""
    database, mine = Database(postgres_url), Callbacks()
    await database.open()
    writer = transactions(database)
    sequencer = a_sequencer(database, mine, "a")
    await writer.run(lambda tx: leases.make_lease(tx.session, LEASE, tx.now))
    await write(writer, 1, 2)
    late: list[asyncio.Task[None]] = []

    async def number_one(tx: Transaction) -> None:
        await leases.lock_lease(tx.session, LEASE)
        late.append(asyncio.create_task(sequencer.run()))
        async with database.reading() as watch, asyncio.timeout(10):
            while not await watch.fetch_value(WAITING):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await event_log.number_pending(tx.session, LEASE, "b", tx.now, tx.now, 1)

    await writer.run(number_one)
    await mine.until(2)
    sequencer.stop()
    await late[0]
    assert await log_of(database) == [(1, 1), (2, 2)]
    await database.close()
