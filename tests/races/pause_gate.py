"""A gate in a run: what is compared while it is shut stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.subscriptions.log.facts import until


class PauseGate:
    """Lets steps through. While it is shut there are none."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._inside = 0

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """A step of somebody's work."""
        while not self._open.is_set():
            await self._open.wait()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    @asynccontextmanager
    async def shut(self) -> AsyncIterator[None]:
        """Nobody steps; those under way have ended."""
        self._open.clear()
        await until(lambda: not self._inside, seconds=30)
        try:
            yield
        finally:
            self._open.set()
