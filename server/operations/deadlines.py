"""Deadlines of running queries, checked by one timer for all of them.

A timer for each query would cost more than a small query's other overhead together.
"""

from __future__ import annotations

import asyncio
from typing import Final

# Parts of the limit between two checks; so a query may run longer by one of them.
CHECKS: Final = 40


class Running:
    """A query that runs. `is_over`: it was stopped, because its time was over."""

    __slots__ = ("is_over", "started", "task")

    def __init__(self, task: asyncio.Task[object] | None, started: float) -> None:
        self.task = task
        self.started = started
        self.is_over = False


class Deadlines:
    """The running queries of one process."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._running: dict[Running, None] = {}  # in the order of their start
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> Running:
        """Begin a query in the current task."""
        loop = asyncio.get_running_loop()
        running = Running(asyncio.current_task(loop), loop.time())
        self._running[running] = None
        if self._timer is None:
            self._timer = loop.call_later(self.seconds / CHECKS, self._check, loop)
        return running

    def end(self, running: Running) -> None:
        """End a query."""
        self._running.pop(running, None)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel the tasks whose time is over."""
        now = loop.time()
        for running in list(self._running):
            if now - running.started < self.seconds:
                break
            del self._running[running]
            running.is_over = True
            if running.task is not None:
                running.task.cancel()
        self._timer = None
        if self._running:
            self._timer = loop.call_later(self.seconds / CHECKS, self._check, loop)
