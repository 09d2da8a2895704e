"""Positions: given after commit, without gaps, in causal order, by one process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import models.queries.event_log as event_log
import models.queries.leases as leases
from models.database import Database
from models.queries.event_log import LoggedEvent, Numbered
from models.sessions import Contention, Session
from subscriptions.sequencer import BATCH_MAX, LEASE, WITHIN_MAX, Sequencer
from tests.subscriptions.log import note, now, transactions, write
from workflows.transactions import Transaction

_WAITING = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


class Heard:
    """What a sequencer told its process."""

    def __init__(self) -> None:
        self.position = 0
        self.events: list[LoggedEvent] = []
        self.forwarded = 0
        self._changed = asyncio.Event()

    def numbered(self, batch: Numbered) -> None:
        """A batch was numbered."""
        self.position = batch.position
        self.events += batch.events
        self._changed.set()

    def forward(self) -> None:
        """Somebody else has to number."""
        self.forwarded += 1
        self._changed.set()

    async def until(self, position: int) -> None:
        """Wait until everything up to a position is numbered."""
        await self._when(lambda: self.position >= position)

    async def until_forwarded(self) -> None:
        """Wait until somebody else has to number."""
        await self._when(lambda: self.forwarded > 0)

    async def _when(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()


def a_sequencer(database: Database, heard: Heard, holder: str = "a", **facts: Any) -> Sequencer:
    """A sequencer that does not run yet."""
    return Sequencer(
        transactions(database),
        holder=holder,
        numbered=heard.numbered,
        forward=heard.forward,
        **facts,
    )


@asynccontextmanager
async def running(sequencer: Sequencer) -> AsyncIterator[None]:
    """Run it inside the block, and stop it at the end."""
    task = asyncio.create_task(sequencer.run())
    try:
        yield
    finally:
        sequencer.stop()
        await task


async def log_of(database: Database) -> list[tuple[int, int]]:
    """(position, number) of the whole log."""
    async with database.reading() as session:
        events = await event_log.events_after(session, 0, 100_000)
    return [(event.position, event.data["number"]) for event in events]


async def test_what_is_committed_gets_the_next_positions(database: Database) -> None:
    heard = Heard()
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


async def test_while_it_is_heard_it_tells_the_events_as_the_log_has_them(
    database: Database,
) -> None:
    heard, is_heard = Heard(), True
    sequencer = a_sequencer(database, heard, is_heard=lambda: is_heard)
    writer = transactions(database, sequencer.wake)
    async with running(sequencer):
        await write(writer, *range(BATCH_MAX + 3))
        await heard.until(BATCH_MAX + 3)
        is_heard = False
        await write(writer, 1)
        await heard.until(BATCH_MAX + 4)
    async with database.reading() as session:
        log = await event_log.events_after(session, 0, 100_000)
    assert heard.events == log[: BATCH_MAX + 3]


async def test_what_was_pending_before_is_numbered_at_once(database: Database) -> None:
    await write(transactions(database), *range(BATCH_MAX + 7))
    heard = Heard()
    async with running(a_sequencer(database, heard)):
        await heard.until(BATCH_MAX + 7)
    assert [number for _, number in await log_of(database)] == list(range(BATCH_MAX + 7))


async def test_facts_nobody_spoke_of_are_found_within_a_second(database: Database) -> None:
    heard = Heard()
    silent = transactions(database)
    async with running(a_sequencer(database, heard)):
        await write(silent, 1)
        await heard.until(1)
        await write(silent, 2)
        await heard.until(2)


async def test_a_bystander_forwards_and_never_numbers(database: Database) -> None:
    mine, theirs = Heard(), Heard()
    holder = a_sequencer(database, mine, "a")
    bystander = a_sequencer(database, theirs, "b")
    writer = transactions(database, bystander.wake)
    async with running(holder):
        await write(transactions(database, holder.wake), 1)
        await mine.until(1)
        async with running(bystander):
            await write(writer, 2)
            await theirs.until_forwarded()
            holder.heard()
            await mine.until(2)
            assert not bystander.is_holder
    assert theirs.position == 0


async def test_a_released_lease_is_taken_over(database: Database) -> None:
    mine, theirs = Heard(), Heard()
    async with running(a_sequencer(database, mine, "a")):
        await write(transactions(database), 1)
        await mine.until(1)
    async with asyncio.timeout(2), running(a_sequencer(database, theirs, "b")):
        await write(transactions(database), 2)
        await theirs.until(2)
    assert await log_of(database) == [(1, 1), (2, 2)]


async def test_a_dead_holder_is_replaced_within_five_seconds(database: Database) -> None:
    mine, theirs = Heard(), Heard()
    dead = asyncio.create_task(a_sequencer(database, mine, "a").run())
    await write(transactions(database), 1)
    await mine.until(1)
    dead.cancel()
    await asyncio.gather(dead, return_exceptions=True)
    await write(transactions(database), 2)
    async with asyncio.timeout(5), running(a_sequencer(database, theirs, "b")):
        await theirs.until(2)


async def test_a_holder_that_slept_finds_out_before_it_numbers(database: Database) -> None:
    """It believes to be the holder, but the row says otherwise when it comes to number."""
    mine = Heard()
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


async def test_who_waited_for_the_lease_goes_on_behind_what_was_numbered_meanwhile(
    postgres_url: str,
) -> None:
    """The statement began while another process had the row locked, and numbered event 1."""
    database, mine = Database(postgres_url), Heard()
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
            while not await watch.fetch_value(_WAITING):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await event_log.number_pending(tx.session, LEASE, "b", tx.now, tx.now, 1)

    await writer.run(number_one)
    await mine.until(2)
    sequencer.stop()
    await late[0]
    assert await log_of(database) == [(1, 1), (2, 2)]
    await database.close()


class Within:
    """A writer whose transactions are numbered in themselves, and what it heard."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.heard = Heard()
        self.is_heard = True
        self.left_over = 0  # commits whose events are still to be numbered
        self.sequencer = a_sequencer(database, self.heard, is_heard=lambda: self.is_heard)
        self.writer = transactions(database, self._committed, self.sequencer.number_within)

    def _committed(self) -> None:
        self.left_over += 1

    async def pending(self) -> bool:
        """Whether something is committed and has no position."""
        async with self.database.reading() as session:
            return await event_log.has_pending(session)


@asynccontextmanager
async def holding(database: Database) -> AsyncIterator[Within]:
    """One that holds the lease, behind position 1, and looks for itself only every second."""
    place = Within(database)
    async with running(place.sequencer):
        await write(transactions(database, place.sequencer.wake), 1)
        await place.heard.until(1)
        yield place


async def test_who_is_heard_numbers_in_the_transaction_itself(database: Database) -> None:
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
        place.is_heard = False
        await write(place.writer, 2)
        assert (place.left_over, place.heard.position) == (1, 1)
        place.is_heard = True
        await write(place.writer, *range(3, 4 + WITHIN_MAX))
        assert (place.left_over, place.heard.position) == (2, 1)
        place.sequencer.wake()
        await place.heard.until(WITHIN_MAX + 3)
    stranger = Within(database)  # who does not hold the lease
    await write(stranger.writer, 1)
    assert (stranger.left_over, stranger.heard.position) == (1, 0)


async def test_what_waits_since_before_comes_first(database: Database) -> None:
    async with holding(database) as place:
        place.is_heard = False
        await write(place.writer, *range(2, 2 + WITHIN_MAX))
        place.is_heard = True
        await write(place.writer, 999)  # there is room for no more than what waits
        await place.heard.until(WITHIN_MAX + 2)
    numbers = [number for _, number in await log_of(database)]
    assert numbers == [*range(1, 2 + WITHIN_MAX), 999]


async def test_a_transaction_that_is_tried_again_leaves_no_gap(database: Database) -> None:
    async with holding(database) as place:
        number = place.sequencer.number_within
        tries = 0

        async def and_lose(session: Session, events: int) -> Callable[[], None] | None:
            nonlocal tries
            tries += 1
            assert await number(session, events) is not None
            raise Contention("lost after it was numbered")

        await write(transactions(database, place.sequencer.wake, and_lose), 2)
        await place.heard.until(2)
        await write(place.writer, 3)
    assert tries == 1
    assert await log_of(database) == [(1, 1), (2, 2), (3, 3)]


async def test_numbers_that_cannot_be_given_stop_no_business(database: Database) -> None:
    """The log is broken: the next position is there already."""
    async with holding(database) as place:

        async def take_the_next(tx: Transaction) -> None:
            note(tx, 7)
            tx.outbox.add_rows(tx)
            await tx.flush()
            tx.outbox.events.clear()
            await tx.session.execute(
                "INSERT INTO event_position (position, event_id)"
                " SELECT 2, max(event_id) FROM event_pending"
            )
            await tx.session.execute("DELETE FROM event_pending")

        await transactions(database).run(take_the_next)
        await write(place.writer, 2)
        assert (place.left_over, place.heard.position) == (1, 1)
        assert await place.pending()
    assert await log_of(database) == [(1, 1), (2, 7)]


async def test_while_somebody_numbers_a_transaction_does_not_wait_for_that(
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
