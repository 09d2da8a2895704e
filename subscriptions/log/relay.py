"""The relay: reads the log once per process and delivers each event to its listeners.

The newest events stay in memory as the *tail*. A listener that starts at a cursor reads pages of
past events at its own pace, from the tail or from the table. It joins the live listeners at the
position of the relay, in one step without a wait, so no event is missing or repeated. Without
listeners the relay reads no events; once per second it reads the length of the log.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from itertools import islice
from typing import Any, Protocol

import structlog

import models.queries.events.event_log as event_log
from domain.events.cursors import CursorAhead, CursorTooOld
from models.database.database import Database
from models.database.errors import unforeseen
from models.queries.events.event_log import LoggedEvent
from subscriptions.log.listeners import Index, Listener

logger = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
PAGE_MAX = 500
TAIL_MAX = 10_000
JOIN_MAX = 100  # largest distance of a joining listener to the relay; less than any buffer


class Audience(Protocol):
    """The receiver of a stream: one subscriber, or a group that others join while it runs."""

    @property
    def joined_at(self) -> int:
        """The position at which the last member joined. No member had received later events."""
        ...

    def caught_up(self, position: int) -> bool:
        """Report that the stream has reached the position of the relay. True: another stream
        continues.
        """
        ...


class Observer(Protocol):
    """An observer of the relay, called with each event before listeners get it."""

    def observe(self, event: LoggedEvent) -> None:
        """Process the next event."""
        ...

    def clear(self) -> None:
        """Drop all state: events were skipped."""
        ...


class Relay:
    """One reader of the log for all listeners and observers of this process."""

    def __init__(self, database: Database, *observers: Observer) -> None:
        self._database = database
        self._observers = observers
        self._index = Index()
        self._tail: deque[LoggedEvent] = deque(maxlen=TAIL_MAX)
        self._position: int | None = None  # None before the first poll
        self._announced = 0  # the highest position passed to `wake`
        self._awake = asyncio.Event()

    @property
    def listeners(self) -> int:
        """Number of listeners."""
        return len(self._index)

    @property
    def position(self) -> int | None:
        """Position of the last event delivered to all listeners; None before the first poll."""
        return self._position

    def recent(self, position: int) -> LoggedEvent | None:
        """The event at a position, if it is in the tail."""
        if self._position is None or not self._tail:
            return None
        index = position - (self._position - len(self._tail)) - 1
        return self._tail[index] if 0 <= index < len(self._tail) else None

    def wake(self, position: int) -> None:
        """Note that the log has grown, perhaps up to this position."""
        if position > max(self._position or 0, self._announced):
            self._announced = position
            if self._index:
                self._awake.set()

    def take(self, events: Sequence[LoggedEvent]) -> None:
        """Deliver events that this process has just numbered, without reading them again."""
        if self._index and events and events[0].position - 1 == self._position:
            try:
                for event in events:
                    self._deliver(event)
            except Exception:  # the failure of a listener must not stop numbering, which calls this
                logger.exception("relay.failed")

    async def run(self) -> None:
        """Deliver events until cancelled; polls every second while the database is unavailable."""
        while True:
            try:
                await self._catch_up()
            except Exception as error:  # without a relay no stream of this process advances
                logger.warning("relay.failed", error=repr(error), exc_info=unforeseen(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._awake.wait()
            self._awake.clear()

    @asynccontextmanager
    async def following(
        self,
        listener: Listener[Any],
        after: int | None,
        *,
        types: Sequence[str] | None = None,
        audience: Audience | None = None,
    ) -> AsyncIterator[AsyncIterator[list[LoggedEvent]]]:
        """Pages of past events after `after`; when they end, `listener` gets new events.

        `types` narrows pages that come from the table. Raises CursorTooOld, CursorAhead.
        """
        async with aclosing(self._past(listener, after, types, audience)) as past:
            try:
                yield past
            finally:
                self._index.discard(listener)

    async def _past(
        self,
        listener: Listener[Any],
        after: int | None,
        types: Sequence[str] | None,
        audience: Audience | None,
    ) -> AsyncGenerator[list[LoggedEvent], None]:
        cursor = await self._start(after)
        while not self._covers(cursor) or self._lag(cursor) > JOIN_MAX:
            if self._covers(cursor):
                page = self._tail_after(cursor)[:PAGE_MAX]
                cursor = page[-1].position
            else:
                cursor, page = await self._page(cursor, types)
            if page:
                yield page
        self._join(listener, cursor, audience)

    def _join(self, listener: Listener[Any], cursor: int, audience: Audience | None) -> None:
        """Add the listener at `cursor`, which the tail covers, without a wait."""
        assert self._position is not None
        listener.seen = cursor
        for event in self._tail_after(cursor):
            listener.offer(event)
        # Another process may have sent its client later events than this one has seen.
        if audience is not None and audience.caught_up(max(cursor, self._position)):
            listener.finish()
        else:
            self._index.add(listener)
            if self._announced > self._position:
                self._awake.set()  # a wake-up that arrived while there were no listeners

    async def _start(self, after: int | None) -> int:
        """The start position: events after it are delivered."""
        newest = await self._known_position()
        if after is None or (self._covers(after) and after <= newest):
            return newest if after is None else after
        async with self._database.reading() as session:
            newest = await event_log.last_position(session)
            oldest = await event_log.first_position(session) or 1
        if after > newest:
            raise CursorAhead(newest)
        if after == 0:
            return oldest - 1
        if after < oldest - 1:
            raise CursorTooOld(oldest)
        return after

    async def _known_position(self) -> int:
        """The position of the relay. Does not wait while there are listeners."""
        if self._position is None or not self._index:
            await self._skip_to_end()
        assert self._position is not None
        return self._position

    async def _skip_to_end(self) -> None:
        """Move to the end of the log, unless there are listeners."""
        async with self._database.reading() as session:
            newest = await event_log.last_position(session)
        # Of two concurrent reads the later one may finish first: never move back.
        if self._position is None or (not self._index and newest > self._position):
            self._position = newest
            self._drop_tail()

    def _covers(self, cursor: int) -> bool:
        """True if all events after `cursor` are in the tail or still to come."""
        assert self._position is not None
        return cursor >= self._position - len(self._tail)

    def _lag(self, cursor: int) -> int:
        assert self._position is not None
        return self._position - cursor

    def _tail_after(self, cursor: int) -> list[LoggedEvent]:
        """The events of the tail after `cursor`; positions have no gaps."""
        assert self._position is not None
        first = cursor - (self._position - len(self._tail))
        return list(islice(self._tail, first, None))

    async def _page(
        self, cursor: int, types: Sequence[str] | None
    ) -> tuple[int, list[LoggedEvent]]:
        """The next page of past events from the table, and the cursor after it."""
        newest = await self._known_position()
        through = min(cursor + PAGE_MAX, newest)
        async with self._database.reading() as session:
            page = await event_log.events_between(session, cursor, through, types)
            oldest = await event_log.first_position(session)
        if oldest is not None and oldest > cursor + 1:
            raise CursorTooOld(oldest)
        return through, page

    async def _catch_up(self) -> None:
        while self._index:
            position = await self._known_position()
            async with self._database.reading() as session:
                page = await event_log.events_after(session, position, PAGE_MAX)
            for event in page:
                if event.position > (self._position or 0):  # not delivered by `take` meanwhile
                    self._deliver(event)
            if len(page) < PAGE_MAX:
                return
            await asyncio.sleep(0)
        await self._skip_to_end()
        if self._index:  # a listener joined during that read
            self._awake.set()

    def _deliver(self, event: LoggedEvent) -> None:
        if event.position - 1 != self._position:
            # Retention deletes only old events: this process was blocked for the whole retention
            # period.
            logger.error("relay.gap", position=self._position, met=event.position)
            self._drop_tail()
        self._position = event.position
        self._tail.append(event)
        for observer in self._observers:
            observer.observe(event)
        for listener in self._index.matching(event):
            listener.offer(event)

    def _drop_tail(self) -> None:
        self._tail.clear()
        for observer in self._observers:
            observer.clear()
