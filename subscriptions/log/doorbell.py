"""The doorbell: tells every process that the log has grown. It carries no fact, only a position.

Nothing depends on it but speed: whoever listens also looks at the log every second. One channel
and one subscription per process, opened at start, because of what `broadcaster` does (0.3.1):

- It never recovers when Redis or PostgreSQL restarts, and its subscribers hang without an error.
  So silence is tested: after a quiet second the process rings itself, and if it does not hear
  that either, everything is built anew.
- With redis-py ≥ 8 the first subscription receives nothing: Redis has a backend of our own.
- Two first subscribers of a channel race, and its queues are unbounded: here is only one, which
  does nothing but note a number.
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
PENDING = 0  # "something was committed that has no position yet"
BEAT = -1  # rung to be heard by ourselves; means nothing
QUIET_SECONDS = 1.0
OPEN_SECONDS = 3.0
CLOSE_SECONDS = 0.5
BACKOFF_SECONDS = (0.1, 2.0)

Hear = Callable[[], Awaitable[Event]]


class DoorbellSilent(ConnectionError):
    """We rang and did not hear it: the connection is dead, whatever it says of itself."""


class Doorbell:
    """Rings in every process that has the same `url`; `heard` is told the position, or PENDING."""

    def __init__(self, url: str, heard: Callable[[int], None]) -> None:
        self._url = url
        self._heard = heard
        self._to_ring: set[int] = set()
        self._has_to_ring = asyncio.Event()
        self._position = PENDING
        self._is_connected = False

    @property
    def is_connected(self) -> bool:
        """Whether a subscription stands (`/readyz`)."""
        return self._is_connected

    def ring(self, position: int) -> None:
        """Have every process hear `position`; does not wait, and the newest one wins."""
        if position > PENDING:
            self._to_ring.discard(self._position)
            self._position = position
        self._to_ring.add(position)
        self._has_to_ring.set()

    async def run(self) -> None:
        """Ring and listen until cancelled, on a new connection whenever one has failed."""
        attempt = 0
        while True:
            try:
                async with self._subscribed() as (broadcast, hear):
                    attempt = 0
                    self._is_connected = True
                    self.ring(self._position)  # what was rung meanwhile was heard by nobody
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(self._publish(broadcast))
                        tasks.create_task(self._listen(hear))
            except Exception as error:  # noqa: BLE001  any failure of any backend: build it anew
                logger.warning("doorbell.lost", error=_causes(error), attempt=attempt)
            finally:
                self._is_connected = False
            lowest, highest = BACKOFF_SECONDS
            await asyncio.sleep(min(lowest * 2**attempt, highest) * (0.5 + random.random()))
            attempt = min(attempt + 1, 10)

    @asynccontextmanager
    async def _subscribed(self) -> AsyncIterator[tuple[Broadcast, Hear]]:
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

    async def _listen(self, hear: Hear) -> None:
        is_answer_due = False
        while True:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    message = await hear()
            except TimeoutError:
                if is_answer_due:
                    raise DoorbellSilent("rang, and did not hear it") from None
                is_answer_due = True
                self.ring(BEAT)
                continue
            is_answer_due = False
            if message.message.isdecimal():  # not a BEAT
                self._heard(int(message.message))


async def _close(*steps: Callable[[], Awaitable[None]]) -> None:
    """Leave what may be broken already; none of it may keep us from building it anew."""
    for leave in steps:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await leave()
        except Exception as error:  # noqa: BLE001  it was broken: that is why we leave
            logger.debug("doorbell.close_failed", error=repr(error))


def _causes(error: BaseException) -> str:
    """What failed in the tasks of a group, in one line."""
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(_causes(cause) for cause in error.exceptions)
    return repr(error)
