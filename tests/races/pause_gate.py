"""A gate that pauses a run, so that its state can be compared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.subscriptions.log.facts import until


class PauseGate:
    """Lets steps run. While it is shut, no step starts."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._inside = 0

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """Run a step of the work; wait first while the gate is shut."""
        while not self._open.is_set():
            await self._open.wait()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    @asynccontextmanager
    async def shut(self) -> AsyncIterator[None]:
        """Shut the gate during the block, after the running steps have ended."""
        self._open.clear()
        await until(lambda: not self._inside, seconds=30)
        try:
            yield
        finally:
            self._open.set()
