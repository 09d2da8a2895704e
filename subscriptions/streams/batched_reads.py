"""Batched reads: keys requested in the same turn of the event loop are read together."""

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
    """Reads values by key; all keys requested in one turn of the event loop are one read.

    There is no cache. A read starts after its request, so it includes everything committed before.
    """

    def __init__(self, read: Read[KeyT, ValueT]) -> None:
        self._read = read
        self._waiting: dict[KeyT, asyncio.Future[ValueT | None]] = {}
        self._reads: set[asyncio.Task[None]] = set()

    async def get(self, keys: Collection[KeyT]) -> dict[KeyT, ValueT]:
        """The present values of the keys that exist."""
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
            values = await self._read_with_retries(list(batch))
        except Exception as error:  # noqa: BLE001  every waiter gets the error
            for future in batch.values():
                future.set_exception(error)
                future.exception()  # the waiters may be gone
            return
        for key, future in batch.items():
            future.set_result(values.get(key))

    async def _read_with_retries(self, keys: Sequence[KeyT]) -> Mapping[KeyT, ValueT]:
        """Read the values, with retries while the database restarts."""
        for seconds in RETRY_SECONDS:
            try:
                return await self._read(keys)
            except (DatabaseUnavailable, Contention, TimeoutError):
                await asyncio.sleep(seconds)
        return await self._read(keys)
