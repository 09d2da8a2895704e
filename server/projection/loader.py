"""Batched reads by key for one operation."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

K = TypeVar("K", int, UUID)
V = TypeVar("V")

# The read of the same rows with some columns only.
Narrow = Callable[[frozenset[str]], Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]]


class Loader(Generic[K, V]):
    """Batched reads by key: requests of the same turn of the event loop share one read.

    Each key is read once. Unlike Strawberry's DataLoader, a request for many keys needs no future
    for each. `narrow`: the read of some columns, if the loader has rows of which a document may
    show few.
    """

    def __init__(
        self,
        read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
        narrow: Narrow[K, V] | None = None,
    ) -> None:
        self._read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]] = read
        self._narrow: Narrow[K, V] | None = narrow
        self._narrowed: dict[frozenset[str], Loader[K, V]] = {}
        self.found: dict[K, V | None] = {}
        self._rounds: dict[K, _Round] = {}
        self._next: _Round | None = None

    def narrowed(self, columns: frozenset[str] | None) -> "Loader[K, V]":
        """The loader of the same rows with these columns; this one for None: all columns."""
        if columns is None or self._narrow is None:
            return self
        made = self._narrowed.get(columns)
        if made is None:
            made = self._narrowed[columns] = Loader(self._narrow(columns))
        return made

    def prime(self, key: K, value: V) -> None:
        """Store a value, replacing an older one."""
        self.found[key] = value

    async def load(self, key: K) -> V | None:
        """The value of one key; None if there is none."""
        return (await self.many((key,)))[key]

    async def load_many(self, keys: Sequence[K]) -> list[V | None]:
        """The values of several keys, in their order."""
        found = await self.many(keys)
        return [found[key] for key in keys]

    async def many(self, keys: Iterable[K]) -> Mapping[K, V | None]:
        """A mapping with all these keys: their values, or None if there is none."""
        found, rounds = self.found, self._rounds
        unknown = {key: None for key in keys if key not in found}
        if unknown:
            fresh = [key for key in unknown if key not in rounds]
            if fresh:
                if self._next is None:
                    self._next = _Round()
                    self._next.task = asyncio.ensure_future(self._run(self._next))
                self._next.keys += fresh
                rounds.update(dict.fromkeys(fresh, self._next))
            # Every round is joined at once, also while another one is awaited.
            needed = {id(rounds[key]): rounds[key] for key in unknown}.values()
            waiters = [(round_, round_.join()) for round_ in needed]
            try:
                for round_, waiter in waiters:
                    await waiter
                    if round_.error is not None:
                        raise round_.error
            finally:
                for _, waiter in waiters:
                    waiter.cancel()
        return found

    async def _run(self, round_: "_Round") -> None:
        self._next = None
        if all(waiter.cancelled() for waiter in round_.waiters):
            # No waiter is left: the snapshot may be closed by now, and must not be opened again.
            for key in round_.keys:
                del self._rounds[key]
            return
        try:
            values = await self._read(round_.keys)
            self.found.update({key: values.get(key) for key in round_.keys})
        except Exception as error:  # noqa: BLE001  every waiter raises it
            round_.error = error
        round_.is_over = True
        round_.wake()


class _Round:
    """One read, for the keys that were requested in one turn of the event loop."""

    task: asyncio.Task[None]

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.waiters: list[asyncio.Future[None]] = []
        self.error: Exception | None = None
        self.is_over = False

    def join(self) -> asyncio.Future[None]:
        """A future that ends with the read; a waiter that no longer needs it cancels it."""
        waiter = asyncio.get_running_loop().create_future()
        if self.is_over:
            waiter.set_result(None)
        else:
            self.waiters.append(waiter)
        return waiter

    def wake(self) -> None:
        """End the futures of the remaining waiters."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
