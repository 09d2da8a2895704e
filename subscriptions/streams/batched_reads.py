"""What is true now, read once for everybody who asks in the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from models.database.sessions import Contention, DatabaseUnavailable

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

BATCH_MAX = 500
RETRY_SECONDS = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0)

Read = Callable[[Sequence[KeyT]], Awaitable[Mapping[KeyT, ValueT]]]


class BatchedReads(Generic[KeyT, ValueT]):
    """Reads values by key; what is asked for in one turn of the event loop is one read.

    Nothing is remembered: a read begins after it was asked for, so it sees what was committed.
    """

    def __init__(self, read: Read[KeyT, ValueT]) -> None:
        self._read = read
        self._waiting: dict[KeyT, asyncio.Future[ValueT | None]] = {}
        self._reads: set[asyncio.Task[None]] = set()

    async def get(self, keys: Collection[KeyT]) -> dict[KeyT, ValueT]:
        """The values that exist, read now."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._start)
        futures = {}
        for key in keys:
            if key not in self._waiting:
                self._waiting[key] = loop.create_future()
            futures[key] = self._waiting[key]
        found = {}
        for key, future in futures.items():
            value = await asyncio.shield(future)
            if value is not None:
                found[key] = value
        return found

    def _start(self) -> None:
        waiting, self._waiting = self._waiting, {}
        keys = list(waiting)
        for first in range(0, len(keys), BATCH_MAX):
            batch = {key: waiting[key] for key in keys[first : first + BATCH_MAX]}
            task = asyncio.create_task(self._fill(batch))
            self._reads.add(task)
            task.add_done_callback(self._reads.discard)

    async def _fill(self, batch: Mapping[KeyT, asyncio.Future[ValueT | None]]) -> None:
        try:
            values = await self._patiently(list(batch))
        except Exception as error:  # noqa: BLE001  whoever asked is told
            for future in batch.values():
                future.set_exception(error)
                future.exception()  # those who asked may be gone
            return
        for key, future in batch.items():
            future.set_result(values.get(key))

    async def _patiently(self, keys: Sequence[KeyT]) -> Mapping[KeyT, ValueT]:
        """Read; a database that restarts meanwhile only makes it later."""
        for seconds in RETRY_SECONDS:
            try:
                return await self._read(keys)
            except (DatabaseUnavailable, Contention, TimeoutError):
                await asyncio.sleep(seconds)
        return await self._read(keys)
