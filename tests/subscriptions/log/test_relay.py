"""Position of the relay, and the position at which it hands a reader over to a group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import models.queries.events.event_log as event_log
from models.database.database import Database
from models.database.sessions import Session
from models.queries.events.event_log import LoggedEvent, Numbered
from subscriptions.log.listeners import EVERY, ExactListener
from subscriptions.log.relay import Relay
from subscriptions.log.sequencer import Sequencer
from tests.subscriptions.log.facts import transactions, until, write


class Log:
    """A log that grows on request, numbered by a process other than the relay's."""

    def __init__(self, database: Database) -> None:
        self._writer = transactions(database)
        self.last = 0
        self.sequencer = Sequencer(
            transactions(database), holder="other", numbered=self._numbered, forward=lambda: None
        )

    async def grow(self, count: int) -> None:
        """Commit events and wait for their positions."""
        wanted = self.last + count
        await write(self._writer, *range(count))
        self.sequencer.wake()
        await until(lambda: self.last == wanted)

    def _numbered(self, batch: Numbered) -> None:
        self.last = batch.position


@pytest.fixture
async def log(database: Database) -> AsyncIterator[Log]:
    """An empty log with a running sequencer."""
    made = Log(database)
    numbering = asyncio.create_task(made.sequencer.run())
    try:
        yield made
    finally:
        made.sequencer.stop()
        await numbering


async def events_of(database: Database) -> list[LoggedEvent]:
    """All events of the log."""
    async with database.reading() as session:
        return await event_log.events_after(session, 0, 1_000)


def a_listener() -> ExactListener:
    """A listener for all events."""
    return ExactListener(frozenset({EVERY}), lambda _: True, 1_000)


class Newcomer:
    """An audience that joins an existing group."""

    joined_at = 0

    def __init__(self) -> None:
        self.handed_over: list[int] = []

    def caught_up(self, position: int) -> bool:
        """Note the position at which the group takes over."""
        self.handed_over.append(position)
        return True


async def test_a_reader_ahead_of_the_relay_is_handed_over_where_it_is(
    database: Database, log: Log
) -> None:
    relay = Relay(database)  # not running: its position stays while the log grows
    await log.grow(3)
    newcomer = Newcomer()
    async with relay.following(a_listener(), None) as past:
        assert [page async for page in past] == []
        await log.grow(5)
        async with relay.following(a_listener(), 8, audience=newcomer) as past:
            assert [page async for page in past] == []
        async with relay.following(a_listener(), 2, audience=newcomer) as past:
            assert [event.position async for page in past for event in page] == [3]
    assert relay.position == 3
    assert newcomer.handed_over == [8, 3]


async def test_overlapping_checks_never_set_the_relay_back(database: Database, log: Log) -> None:
    relay = Relay(database)
    for _ in range(10):
        checks = []
        for _ in range(3):
            checks.append(asyncio.create_task(relay._skip_to_end()))
            await log.grow(1)
            stands = relay.position or 0
            await relay._skip_to_end()
            assert (relay.position or 0) >= max(stands, log.last)
        await asyncio.gather(*checks)
        assert relay.position == log.last


async def test_events_before_the_first_listener_are_read_when_it_joins(
    database: Database, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscriptions.log.relay.POLL_SECONDS", 60.0)
    relay = Relay(database)
    running = asyncio.create_task(relay.run())
    await until(lambda: relay.position == 0)
    listener = a_listener()
    measured = asyncio.Event()
    check = relay._skip_to_end

    async def check_then_grow() -> None:
        await check()
        if not measured.is_set():
            measured.set()
            await log.grow(1)
            relay.wake(1)

    monkeypatch.setattr(relay, "_skip_to_end", check_then_grow)
    async with asyncio.timeout(10), relay.following(listener, None) as past:
        assert [page async for page in past] == []
        assert [event.position for event in await listener.take(10)] == [1]
    running.cancel()
    await asyncio.wait([running])


async def test_events_numbered_by_this_process_are_delivered_without_a_read(
    database: Database, log: Log
) -> None:
    relay = Relay(database)  # not running
    listener = a_listener()
    async with relay.following(listener, None) as past:
        assert [page async for page in past] == []
        await log.grow(3)
        first, second, third = await events_of(database)
        relay.take([second, third])  # the first event is missing, so these are read from the table
        assert relay.position == 0
        relay.take([first, second])
        relay.take([third])
        relay.take([third])
        taken = await listener.take(10)
        assert [event.position for event in taken] == [1, 2, 3]
        assert relay.position == 3
        assert relay.recent(2) == second


async def test_events_delivered_during_a_read_are_delivered_once(
    database: Database, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay(database)
    listener = a_listener()
    read = event_log.events_after

    async def read_while_delivered(
        session: Session, position: int, limit: int
    ) -> list[LoggedEvent]:
        page = await read(session, position, limit)
        relay.take(page[:2])
        return page

    monkeypatch.setattr(event_log, "events_after", read_while_delivered)
    async with relay.following(listener, None) as past:
        assert [page async for page in past] == []
        await log.grow(3)
        await relay._catch_up()
        assert [event.position for event in await listener.take(10)] == [1, 2, 3]


async def test_a_listener_that_fails_does_not_keep_the_others_from_being_numbered(
    database: Database, log: Log
) -> None:
    def fails(_: LoggedEvent) -> bool:
        raise KeyError("queue")

    relay = Relay(database)
    async with relay.following(ExactListener(frozenset({EVERY}), fails, 10), None) as past:
        assert [page async for page in past] == []
        await log.grow(2)
        relay.take(await events_of(database))  # called by the sequencer, so it must not raise
        relay.wake(2)
    listener = a_listener()
    async with relay.following(listener, 0) as past:
        assert [event.position async for page in past for event in page] == [1, 2]
