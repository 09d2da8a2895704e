"""Reads the log once per process and hands each event to the listeners that asked for it.

The newest events stay in memory as the *tail*. A listener that begins at a cursor reads pages of
the past at its own pace, from the tail or from the table, and joins the living ones in one step
without a wait in it, at a position the relay stands at: so nothing is missing and nothing comes
twice. While nobody listens the relay reads nothing, and once a second notes how long the log is.
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

LOOK_SECONDS = 1.0
PAGE_MAX = 500
TAIL_MAX = 10_000
JOIN_MAX = 100  # events that a listener may be behind when it joins; less than any buffer


class Audience(Protocol):
    """Whom a stream is for: one reader, or a group that others join while it goes on."""

    @property
    def joined_at(self) -> int:
        """The position behind which the last of them joined; whoever joined had not seen more."""
        ...

    def caught_up(self, position: int) -> bool:
        """The stream stands where the relay does; true: somebody else goes on from there."""
        ...


class Witness(Protocol):
    """Somebody who remembers, and is told what the relay shows before listeners are offered it."""

    def saw(self, event: LoggedEvent) -> None:
        """This event is shown next."""
        ...

    def forget(self) -> None:
        """Events were passed without being shown."""
        ...


class Relay:
    """One reader of the log for all listeners of this process, and for its witnesses."""

    def __init__(self, database: Database, *witnesses: Witness) -> None:
        self._database = database
        self._witnesses = witnesses
        self._index = Index()
        self._tail: deque[LoggedEvent] = deque(maxlen=TAIL_MAX)
        self._position: int | None = None  # None: before the first look
        self._heard = 0  # the highest position that we were woken for
        self._news = asyncio.Event()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._index)

    @property
    def position(self) -> int | None:
        """The position up to which every listener was served; None before the first look."""
        return self._position

    def recent(self, position: int) -> LoggedEvent | None:
        """The event at a position, if it is in the tail."""
        if self._position is None or not self._tail:
            return None
        index = position - (self._position - len(self._tail)) - 1
        return self._tail[index] if 0 <= index < len(self._tail) else None

    def wake(self, position: int) -> None:
        """The log has grown, perhaps up to this position."""
        if position > max(self._position or 0, self._heard):
            self._heard = position
            if self._index:
                self._news.set()

    def take(self, events: Sequence[LoggedEvent]) -> None:
        """Events that this process has just numbered, so that they need not be read."""
        if self._index and events and events[0].position - 1 == self._position:
            try:
                for event in events:
                    self._admit(event)
            except Exception:  # a listener's; numbering, which tells us, must go on
                logger.exception("relay.failed")

    async def run(self) -> None:
        """Serve until cancelled; a database that is away is asked again every second."""
        while True:
            try:
                await self._catch_up()
            except Exception as error:  # without a relay no stream of this process moves
                logger.warning("relay.failed", error=repr(error), exc_info=unforeseen(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            self._news.clear()

    @asynccontextmanager
    async def following(
        self,
        listener: Listener[Any],
        after: int | None,
        *,
        types: Sequence[str] | None = None,
        audience: Audience | None = None,
    ) -> AsyncIterator[AsyncIterator[list[LoggedEvent]]]:
        """Pages of the past behind `after`; when they end, `listener` is offered what comes.

        `types` narrows the pages where they come from the table. Raises CursorTooOld, CursorAhead.
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
        while not self._covers(cursor) or self._behind(cursor) > JOIN_MAX:
            if self._covers(cursor):
                page = self._rest(cursor)[:PAGE_MAX]
                cursor = page[-1].position
            else:
                cursor, page = await self._page(cursor, types)
            if page:
                yield page
        self._join(listener, cursor, audience)

    def _join(self, listener: Listener[Any], cursor: int, audience: Audience | None) -> None:
        """From `cursor` on, which the tail covers; nothing here waits."""
        assert self._position is not None
        listener.seen = cursor
        for event in self._rest(cursor):
            listener.offer(event)
        # Another process may have shown its client more of the log than we have seen so far.
        if audience is not None and audience.caught_up(max(cursor, self._position)):
            listener.finish()
        else:
            self._index.add(listener)
            if self._heard > self._position:
                self._news.set()  # what we were woken for while nobody listened

    async def _start(self, after: int | None) -> int:
        """The position to begin behind."""
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
        """Where the relay stands; does not wait while somebody listens."""
        if self._position is None or not self._index:
            await self._measure()
        assert self._position is not None
        return self._position

    async def _measure(self) -> None:
        """Stand at the end of the log, unless somebody listens."""
        async with self._database.reading() as session:
            newest = await event_log.last_position(session)
        # Of two looks at once the later may have come first: we never stand further back.
        if self._position is None or (not self._index and newest > self._position):
            self._position = newest
            self._forget()

    def _covers(self, cursor: int) -> bool:
        """Whether everything behind `cursor` is in the tail, or still to come."""
        assert self._position is not None
        return cursor >= self._position - len(self._tail)

    def _behind(self, cursor: int) -> int:
        assert self._position is not None
        return self._position - cursor

    def _rest(self, cursor: int) -> list[LoggedEvent]:
        """The events of the tail behind `cursor`; positions have no gaps."""
        assert self._position is not None
        first = cursor - (self._position - len(self._tail))
        return list(islice(self._tail, first, None))

    async def _page(
        self, cursor: int, types: Sequence[str] | None
    ) -> tuple[int, list[LoggedEvent]]:
        """The next page of the past from the table, and the cursor behind it."""
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
                if event.position > (self._position or 0):  # not taken meanwhile
                    self._admit(event)
            if len(page) < PAGE_MAX:
                return
            await asyncio.sleep(0)
        await self._measure()
        if self._index:  # somebody came during that look
            self._news.set()

    def _admit(self, event: LoggedEvent) -> None:
        if event.position - 1 != self._position:
            # Retention takes only what is old: then we were away for as long as it keeps events.
            logger.error("relay.gap", position=self._position, met=event.position)
            self._forget()
        self._position = event.position
        self._tail.append(event)
        for witness in self._witnesses:
            witness.saw(event)
        for listener in self._index.matching(event):
            listener.offer(event)

    def _forget(self) -> None:
        self._tail.clear()
        for witness in self._witnesses:
            witness.forget()
