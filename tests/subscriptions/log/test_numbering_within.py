"""Positions assigned inside the writing transaction: conditions, order, independence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

import models.queries.events.event_log as event_log
import models.queries.events.leases as leases
import subscriptions.log.sequencer as sequencer
from models.database.database import Database
from models.database.sessions import Contention, Session
from models.queries.events.event_log import Numbered
from subscriptions.log.sequencer import LEASE, WITHIN_MAX
from tests.subscriptions.log.facts import note, transactions, until, write
from tests.subscriptions.log.numbering import WAITING, Callbacks, a_sequencer, log_of, running
from workflows.transactions.transaction import Transaction


class Within:
    """A writer whose transactions number their own events, and a recorder of the callbacks."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.heard = Callbacks()
        self.has_listeners = True
        self.left_over = 0  # commits that left events without a position
        self.sequencer = a_sequencer(database, self.heard, has_listeners=lambda: self.has_listeners)
        self.writer = transactions(database, self._committed, self.sequencer.numbers_within)

    def _committed(self) -> None:
        self.left_over += 1

    async def pending(self) -> bool:
        """True if a committed event has no position."""
        async with self.database.reading() as session:
            return await event_log.has_pending(session)


@asynccontextmanager
async def holding(database: Database) -> AsyncIterator[Within]:
    """A lease holder after position 1, which checks for pending events only when it is woken."""
    place = Within(database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequencer, "POLL_SECONDS", 6.0)
        async with running(place.sequencer):
            await until(lambda: place.sequencer.is_holder)
            await write(transactions(database), 1)
            place.sequencer.wake()  # woken once here, so that no wake-up is pending
            await place.heard.until(1)
            yield place


async def test_with_listeners_events_are_numbered_in_the_transaction(database: Database) -> None:
    async with holding(database) as place:
        for number in range(2, 40):
            await write(place.writer, number, -number)
            assert place.heard.position == 2 * number - 1
        assert place.left_over == 0
        assert not await place.pending()
    assert await log_of(database) == [
        (1, 1),
        *(
            (2 * (number - 1) + shift, number if shift == 0 else -number)
            for number in range(2, 40)
            for shift in (0, 1)
        ),
    ]
    async with database.reading() as session:
        log = await event_log.events_after(session, 0, 1_000)
    assert place.heard.events == log


async def test_otherwise_it_is_numbered_after_the_commit(database: Database) -> None:
    async with holding(database) as place:
        place.has_listeners = False
        await write(place.writer, 2)
        assert (place.left_over, place.heard.position) == (1, 1)
        place.has_listeners = True
        await write(place.writer, *range(3, 4 + WITHIN_MAX))
        assert (place.left_over, place.heard.position) == (2, 1)
        place.sequencer.wake()
        await place.heard.until(WITHIN_MAX + 3)
    stranger = Within(database)  # it does not hold the lease
    await write(stranger.writer, 1)
    assert (stranger.left_over, stranger.heard.position) == (1, 0)


async def test_what_waits_since_before_comes_first_and_what_is_left_wakes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with holding(database) as place:
        woken: list[int] = []
        monkeypatch.setattr(place.sequencer, "wake", lambda: woken.append(place.heard.position))
        place.has_listeners = False
        await write(place.writer, *range(2, WITHIN_MAX))
        place.has_listeners = True
        await write(place.writer, 998)
        assert (place.heard.position, woken) == (WITHIN_MAX, [])
        place.has_listeners = False
        await write(place.writer, *range(WITHIN_MAX, 2 * WITHIN_MAX))
        place.has_listeners = True
        # the limit leaves room only for the events that waited before
        await write(place.writer, 999)
        assert woken == [WITHIN_MAX]
        monkeypatch.undo()
        place.sequencer.wake()
        await place.heard.until(2 * WITHIN_MAX + 1)
    numbers = [number for _, number in await log_of(database)]
    assert numbers == [*range(1, WITHIN_MAX), 998, *range(WITHIN_MAX, 2 * WITHIN_MAX), 999]


async def test_a_batch_that_finds_its_events_taken_reports_that_more_may_be_pending(
    postgres_url: str,
) -> None:
    """The statement began before the other batch committed, and locked the lease row after it."""
    database = Database(postgres_url)
    await database.open()
    await transactions(database).run(lambda tx: leases.make_lease(tx.session, LEASE, tx.now))
    await write(transactions(database), *range(WITHIN_MAX + 20))
    late: list[asyncio.Task[Numbered | None]] = []

    async def number(tx: Transaction) -> Numbered | None:
        note(tx, 999)
        tx.outbox.add_rows()
        await tx.flush()
        return await event_log.number_pending(
            tx.session, LEASE, "a", tx.now, tx.now + timedelta(seconds=9), WITHIN_MAX
        )

    async def number_all(tx: Transaction) -> None:
        await leases.lock_lease(tx.session, LEASE)
        late.append(asyncio.create_task(transactions(database).run(number)))
        async with database.reading() as watch, asyncio.timeout(10):
            while not await watch.fetch_value(WAITING):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await event_log.number_pending(tx.session, LEASE, "a", tx.now, tx.now, 1_000)

    await transactions(database).run(number_all)
    batch = await late[0]
    assert batch is not None
    assert (batch.count, batch.is_all) == (0, False)
    await database.close()


async def test_a_transaction_that_is_tried_again_leaves_no_gap(database: Database) -> None:
    async with holding(database) as place:
        tries = 0

        async def number_and_lose(session: Session) -> Callable[[], None] | None:
            nonlocal tries
            tries += 1
            number = place.sequencer.numbers_within(1)
            assert number is not None
            assert await number(session) is not None
            raise Contention("lost after it was numbered")

        await write(transactions(database, place.sequencer.wake, lambda _: number_and_lose), 2)
        await place.heard.until(2)
        await write(place.writer, 3)
    assert tries == 1
    assert await log_of(database) == [(1, 1), (2, 2), (3, 3)]


async def test_positions_that_cannot_be_assigned_do_not_stop_transactions(
    database: Database,
) -> None:
    """The lease row is corrupt: its counter has a value that no position can have."""
    async with holding(database) as place:
        async with database.writer() as session:
            await session.execute("UPDATE lease SET counter = -9 WHERE name = $1", LEASE)
        await write(place.writer, 2)
        assert (place.left_over, place.heard.position) == (1, 1)
        assert await place.pending()


async def test_a_failing_listener_rolls_back_no_transaction(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with holding(database) as place:

        def fail(_: Numbered) -> None:
            raise RuntimeError("a listener is broken")

        monkeypatch.setattr(place.sequencer, "_numbered", fail)
        await write(place.writer, 2)
    assert await log_of(database) == [(1, 1), (2, 2)]


async def test_a_transaction_does_not_wait_while_another_process_numbers(
    postgres_url: str,
) -> None:
    database = Database(postgres_url)
    await database.open()
    async with holding(database) as place:

        async def hold_and_write(tx: Transaction) -> None:
            await leases.lock_lease(tx.session, LEASE)
            async with asyncio.timeout(5):
                await write(place.writer, 2)
            assert (place.left_over, place.heard.position) == (1, 1)

        await transactions(database).run(hold_and_write)
        await write(place.writer, 3)
        assert place.heard.position == 3
    assert await log_of(database) == [(1, 1), (2, 2), (3, 3)]
    await database.close()
