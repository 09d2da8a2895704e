"""The feeder of one process: reads the log once for all its webhooks, and makes their messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import models.queries.events.event_log as event_log
import workflows.webhooks.feeding as feeding
from domain.webhooks.delivery_queue import QueuedMessage
from domain.webhooks.messages import MessageStatus
from models.integrations import NewMessage
from models.queries.events.event_log import LoggedEvent
from workflows.transactions.runner import Transactions
from workflows.webhooks.endpoints import REPEATED_MAX, Endpoint, queued
from workflows.webhooks.feeding import PAGE, Fed, FeedPart
from workflows.webhooks.terms import Render

POLL_SECONDS: Final = 1.0
# Events that come in within this time become messages together.
PAUSE_SECONDS: Final = 0.02
# A position that needs no message is stored after so many events, or after this time.
UNSTORED_MAX: Final = 500
UNSTORED_FOR: Final = timedelta(seconds=1)
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
# Texts of messages are kept while the queue of their webhook is short.
TEXTS_MAX: Final = 1_000


class Feeder:
    """Makes messages for the webhooks in `endpoints`; `added` is called after it.

    `queues` is held while messages are written and queued.
    """

    def __init__(
        self,
        transactions: Transactions,
        render: Render,
        endpoints: Mapping[UUID, Endpoint],
        holder: str,
        queues: asyncio.Lock,
        added: Callable[[], None],
    ) -> None:
        self._transactions = transactions
        self._render = render
        self._endpoints = endpoints
        self._holder = holder
        self._queues = queues
        self._added = added
        self._announced = 0
        self._has_work = asyncio.Event()
        self._page: Sequence[LoggedEvent] = ()
        self._stored_at: dict[UUID, datetime] = {}

    def wake(self, position: int) -> None:
        """Report that the log has grown up to a position."""
        if position > self._announced:
            self._announced = position
            self._has_work.set()

    def wake_up(self) -> None:
        """Look at the log and the webhooks now."""
        self._has_work.set()

    async def feed(self) -> None:
        """Wait for events, and make messages of all of them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._has_work.wait()
        self._has_work.clear()
        while await self._feed_next() + await self._repeat_next():
            self._added()
        await self._store_seen()
        await asyncio.sleep(PAUSE_SECONDS)

    async def _feed_next(self) -> int:
        """Feed the webhooks that are furthest behind, by one page; returns how many went on."""
        open_ = [each for each in self._endpoints.values() if each.takes_events]
        if not open_:
            return 0
        after = min(each.seen_position for each in open_)
        page = await self._after(after)
        if not page:
            return 0
        now, last = self._transactions.clock(), page[-1].position
        parts = []
        for endpoint in open_:
            if after <= endpoint.seen_position < last:
                parts.append(self._part(endpoint, page, now))
        stored = [each for each in parts if self._must_store(each, now)]
        return len(parts) - len(stored) + await self._write(stored)

    def _part(self, endpoint: Endpoint, page: Sequence[LoggedEvent], now: datetime) -> FeedPart:
        first = endpoint.seen_position - page[0].position + 1
        events = page[max(0, first) :]
        return feeding.part_of(endpoint, events, self._render, now, after=endpoint.seen_position)

    def _must_store(self, part: FeedPart, now: datetime) -> bool:
        """True if the part has to be written now; else its position is only remembered."""
        endpoint = part.endpoint
        stored_at = self._stored_at.get(endpoint.id)
        is_behind = part.through - endpoint.row["fed_position"] >= UNSTORED_MAX
        if part.messages or is_behind or stored_at is None or now - stored_at >= UNSTORED_FOR:
            return True
        endpoint.seen_position = part.through
        return False

    async def _store_seen(self) -> None:
        """Store the positions that needed no message and were not stored for some time."""
        now = self._transactions.clock()
        await self._write(
            [
                FeedPart(each, each.seen_position, each.seen_position, ())
                for each in self._endpoints.values()
                if each.seen_position > each.row["fed_position"]
                and not each.is_still
                and now - self._stored_at.get(each.id, LONG_AGO) >= UNSTORED_FOR
            ]
        )

    async def _write(self, parts: Sequence[FeedPart]) -> int:
        """Write parts; returns the number of those that were written.

        The settings of the others have changed. They are read again with the next tick.
        """
        if not parts:
            return 0
        async with self._queues:
            written = await self._transactions.run(lambda tx: feeding.feed(tx, parts, self._holder))
            now = self._transactions.clock()
            for part in parts:
                fed = written.get(part.endpoint.id)
                if fed is not None:
                    self._follow(part, fed, now)
        return len(written)

    def _follow(self, part: FeedPart, fed: Fed, now: datetime) -> None:
        endpoint = part.endpoint
        if part.is_replay:
            ends = part.through if part.through < _until(endpoint) else None
            endpoint.row["replay_after"] = ends
        else:
            endpoint.seen_position = endpoint.row["fed_position"] = part.through
            self._stored_at[endpoint.id] = now
        keeps_text = len(endpoint.queue) < TEXTS_MAX
        for message in fed.messages:
            endpoint.queue.add(_queued(message, keeps_text))
        for row in fed.repeated:
            endpoint.queue.add(queued(row))

    async def _after(self, position: int) -> Sequence[LoggedEvent]:
        """The next events after a position, from the last page if it has them."""
        page = self._page
        if page and page[0].position <= position + 1 <= page[-1].position:
            return page[position + 1 - page[0].position :]
        async with self._transactions.database.reading() as session:
            self._page = await event_log.events_after(session, position, PAGE)
        return self._page

    async def _repeat_next(self) -> int:
        """Feed a page of events again to each webhook that is replayed; returns their number."""
        count = 0
        for endpoint in list(self._endpoints.values()):
            after = endpoint.row["replay_after"]
            if after is None or endpoint.is_still or len(endpoint.queue) >= REPEATED_MAX:
                continue
            until = min(after + PAGE, _until(endpoint))
            async with self._transactions.database.reading() as session:
                events = await event_log.events_between(session, after, until)
            now = self._transactions.clock()
            part = feeding.part_of(endpoint, events, self._render, now, is_replay=True, after=after)
            count += await self._write([part])
        return count


def _until(endpoint: Endpoint) -> int:
    until = endpoint.row["replay_until"]
    assert until is not None
    return until


def _queued(message: NewMessage, keeps_text: bool) -> QueuedMessage:
    return QueuedMessage(
        id=message["id"],
        type=message["type"],
        status=MessageStatus.PENDING,
        position=message["position"],
        subject=message["subject"],
        due_at=message["next_attempt_at"],
        payload=message["payload"] if keeps_text else None,
    )
