"""Coalesces concurrent reads: each caller gets a read that started after its call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SharedReads(Generic[Result]):
    """Runs reads one after the other. Calls that come during a read share the next one.

    The reads run in a task of their own: if one caller is cancelled, the others still get the
    result.
    """

    def __init__(self, read: Callable[[], Awaitable[Result]]) -> None:
        self._read = read
        self._waiting: list[asyncio.Future[Result]] = []
        self._task: asyncio.Task[None] | None = None

    async def next(self) -> Result:
        """The result of a read that starts after this call."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        """Read, and give the result to the callers that came before the read, until none waits."""
        while self._waiting:
            # Callers that come from here on wait for the next read.
            waiting, self._waiting = self._waiting, []
            try:
                result = await self._read()
            except asyncio.CancelledError:
                for future in (*waiting, *self._waiting):
                    future.cancel()
                self._waiting = []
                raise
            except Exception as error:  # noqa: BLE001  raised in the callers
                for future in waiting:
                    if not future.done():
                        future.set_exception(error)
            else:
                for future in waiting:
                    if not future.done():
                        future.set_result(result)
