"""Pace: slices of the event loop for the work of large operations.

The work of all large operations together gets about SLICE_SECONDS of one iteration of the event
loop. Then I/O and small operations have their turn. Work that is over its slice waits in a queue,
and continues in a later iteration.
"""

import asyncio
from collections import deque
from time import perf_counter
from typing import Final

SLICE_SECONDS: Final = 0.005
# Waiting tasks that continue in one iteration; many are short.
WAKE_MAX: Final = 32


class Pace:
    """The slices of one process."""

    def __init__(self) -> None:
        self._since = 0.0
        self._wake = 1
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_scheduled = False

    def is_over(self) -> bool:
        """True if this iteration of the event loop has no time left for large operations."""
        return perf_counter() - self._since > SLICE_SECONDS

    async def turn(self) -> None:
        """Wait for a slice, if this one is over."""
        if not self.is_over():
            return
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiting.append(waiter)
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._next)
        await waiter

    def _next(self) -> None:
        """Start a slice; called once in an iteration while tasks wait."""
        now = perf_counter()
        # A batch of short tasks may grow; one that was longer than its slice shrinks.
        is_short = now - self._since < SLICE_SECONDS / 2
        self._wake = min(WAKE_MAX, self._wake * 2) if is_short else max(1, self._wake // 2)
        self._since = now
        for _ in range(min(self._wake, len(self._waiting))):
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
        self._is_scheduled = bool(self._waiting)
        if self._is_scheduled:
            asyncio.get_running_loop().call_soon(self._next)
