"""Looks that many may share: each begins after everybody who waits for it has asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Seen = TypeVar("Seen")


class Looks(Generic[Seen]):
    """Looks one after the other. Who asks while one is under way shares the next.

    A look runs in a task of its own: cancelling one who waits leaves it to the others.
    """

    def __init__(self, look: Callable[[], Awaitable[Seen]]) -> None:
        self._look = look
        self._current: asyncio.Task[Seen] | None = None
        self._next: asyncio.Task[Seen] | None = None

    async def next(self) -> Seen:
        """What a look saw that began after this call."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._current))
        return await asyncio.shield(self._next)

    async def _after(self, current: asyncio.Task[Seen] | None) -> Seen:
        if current is not None and not current.done():
            await asyncio.wait([current])
        # From here on whoever asks is too late for this one.
        self._current, self._next = self._next, None
        return await self._look()
