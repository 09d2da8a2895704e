"""Looks that many may share: each begins after everybody who waits for it has asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Seen = TypeVar("Seen")


class SharedReads(Generic[Seen]):
    """Looks one after the other. Who asks while one is under way shares the next.

    A task of its own does the looking: cancelling one who waits leaves it to the others.
    """

    def __init__(self, look: Callable[[], Awaitable[Seen]]) -> None:
        self._look = look
        self._waiting: list[asyncio.Future[Seen]] = []
        self._looking: asyncio.Task[None] | None = None

    async def next(self) -> Seen:
        """What a look saw that began after this call."""
        told: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        self._waiting.append(told)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._go_on())
        return await told

    async def _go_on(self) -> None:
        """Look, and tell those who had asked by then, until nobody waits."""
        while self._waiting:
            # From here on whoever asks is too late for this one.
            waiting, self._waiting = self._waiting, []
            try:
                seen = await self._look()
            except asyncio.CancelledError:
                for told in (*waiting, *self._waiting):
                    told.cancel()
                self._waiting = []
                raise
            except Exception as error:  # noqa: BLE001  theirs, not the task's
                for told in waiting:
                    if not told.done():
                        told.set_exception(error)
            else:
                for told in waiting:
                    if not told.done():
                        told.set_result(seen)
