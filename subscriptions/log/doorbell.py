"""The doorbell: a broadcast to all processes that the log has grown.

A ring carries only a position.
Only latency depends on it, because every process also polls the log once per second. Each process
has one channel and one subscription, opened at start, because of defects in `broadcaster` (0.3.1):

- It does not recover after a restart of Redis or PostgreSQL, and its subscribers hang without an
  error. So silence is tested: after QUIET_SECONDS without a ring the process sends a heartbeat to
  itself. If that is not received either, the connection is made anew.
- With redis-py ≥ 8 the first subscription receives nothing. Therefore Redis has its own backend
  (redis_backend.py).
- Two concurrent first subscriptions of a channel race, and its queues are unbounded. Therefore
  there is only one subscription, and its reader only stores a number.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from broadcaster import Broadcast, Event

from subscriptions.log.redis_backend import RedisBackend

logger = structlog.get_logger(__name__)

CHANNEL = "restow_log"
PENDING = 0  # position of a ring for committed events without a position yet
HEARTBEAT = -1  # heartbeat of the process to itself
QUIET_SECONDS = 1.0
OPEN_SECONDS = 3.0
CLOSE_SECONDS = 0.5
BACKOFF_SECONDS = (0.1, 2.0)

Receive = Callable[[], Awaitable[Event]]


class DoorbellSilent(ConnectionError):
    """The process did not receive its own heartbeat: the connection is dead."""


class Doorbell:
    """Rings in every process with the same `url`. `on_ring` gets a position, or PENDING."""

    def __init__(self, url: str, on_ring: Callable[[int], None]) -> None:
        self._url = url
        self._on_ring = on_ring
        self._to_ring: set[int] = set()
        self._has_to_ring = asyncio.Event()
        self._position = PENDING
        self._is_connected = False

    @property
    def is_connected(self) -> bool:
        """True while a subscription is active (`/readyz`)."""
        return self._is_connected

    def ring(self, position: int) -> None:
        """Send `position` to every process. Does not wait; only the newest unsent position is
        sent.
        """
        if position > PENDING:
            self._to_ring.discard(self._position)
            self._position = position
        self._to_ring.add(position)
        self._has_to_ring.set()

    async def run(self) -> None:
        """Ring and receive until cancelled, on a new connection after each failure."""
        attempt = 0
        while True:
            try:
                async with self._subscribed() as (broadcast, receive):
                    attempt = 0
                    self._is_connected = True
                    self.ring(self._position)  # rings during the disconnection were lost
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(self._publish(broadcast))
                        tasks.create_task(self._listen(receive))
            except Exception as error:  # noqa: BLE001  any failure: reconnect
                logger.warning("doorbell.lost", error=_causes(error), attempt=attempt)
            finally:
                self._is_connected = False
            lowest, highest = BACKOFF_SECONDS
            await asyncio.sleep(min(lowest * 2**attempt, highest) * (0.5 + random.random()))
            attempt = min(attempt + 1, 10)

    @asynccontextmanager
    async def _subscribed(self) -> AsyncIterator[tuple[Broadcast, Receive]]:
        backend = None
        if self._url.startswith("redis"):
            backend = RedisBackend(self._url, timeout=OPEN_SECONDS)
        broadcast = Broadcast(self._url, backend=backend)
        stack = AsyncExitStack()
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await broadcast.connect()
                subscriber = await stack.enter_async_context(broadcast.subscribe(CHANNEL))
            yield broadcast, subscriber.get
        finally:
            await _close(
                stack.aclose, broadcast.disconnect, *([backend.disconnect] if backend else [])
            )

    async def _publish(self, broadcast: Broadcast) -> None:
        while True:
            await self._has_to_ring.wait()
            self._has_to_ring.clear()
            to_ring, self._to_ring = sorted(self._to_ring), set()
            for position in to_ring:
                async with asyncio.timeout(OPEN_SECONDS):
                    await broadcast.publish(CHANNEL, str(position))

    async def _listen(self, receive: Receive) -> None:
        is_answer_due = False
        while True:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    message = await receive()
            except TimeoutError:
                if is_answer_due:
                    raise DoorbellSilent("no answer to the heartbeat") from None
                is_answer_due = True
                self.ring(HEARTBEAT)
                continue
            is_answer_due = False
            if message.message.isdecimal():  # not a HEARTBEAT
                self._on_ring(int(message.message))


async def _close(*steps: Callable[[], Awaitable[None]]) -> None:
    """Close parts that may be broken already; failures do not prevent a new connection."""
    for leave in steps:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await leave()
        except Exception as error:  # noqa: BLE001  expected: it was broken
            logger.debug("doorbell.close_failed", error=repr(error))


def _causes(error: BaseException) -> str:
    """The failures in the tasks of a group, in one line."""
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(_causes(cause) for cause in error.exceptions)
    return repr(error)
