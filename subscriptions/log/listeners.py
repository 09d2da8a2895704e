"""Listeners of events, found by key.

A listener names keys. An event has a few keys: its type, its SKUs, its location, its subjects, its
queue, and EVERY. So the cost of an event depends on the number of its listeners, not on all
listeners.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

from domain.errors import RequestError
from domain.events.cursors import ReaderTooSlow
from domain.values.codes import comparison_key
from models.queries.events.event_log import LoggedEvent

Key = tuple[str, str]
EVERY: Key = ("every", "")
Wants = Callable[[LoggedEvent], bool]
ItemT = TypeVar("ItemT")


def of_types(types: Iterable[str]) -> frozenset[Key]:
    """Keys of events of these types."""
    return frozenset(("type", name) for name in types)


def of_skus(skus: Iterable[str]) -> frozenset[Key]:
    """Keys of events about these SKUs, in any spelling."""
    return frozenset(("sku", comparison_key(sku)) for sku in skus)


def at_locations(codes: Iterable[str]) -> frozenset[Key]:
    """Keys of events at these locations, in any spelling of their codes."""
    return frozenset(("location", comparison_key(code)) for code in codes)


def about(subjects: Iterable[str]) -> frozenset[Key]:
    """Keys of events about these subjects (`Order:<id>`) or their parts."""
    return frozenset(("about", subject) for subject in subjects)


def in_queue(queue: str, location: str) -> frozenset[Key]:
    """Keys of events about tasks of a queue at a location."""
    return frozenset({("queue", f"{queue} {comparison_key(location)}")})


def subjects_of(event: LoggedEvent) -> Iterable[str]:
    """The subject of an event, and the order and the return that it is a part of."""
    found = [f"{event.subject_type}:{event.subject_key}"]
    for owner, name in (("Order", "order"), ("Return", "return")):
        if key := event.data.get(name):
            found.append(f"{owner}:{key}")
    return found


def skus_of(event: LoggedEvent) -> Iterable[str]:
    """The SKUs that an event names: one as `sku`, or several as the keys of `units`."""
    sku, units = event.data.get("sku"), event.data.get("units")
    if isinstance(sku, str):
        return (sku,)
    return units.keys() if isinstance(units, Mapping) else ()


def keys_of(event: LoggedEvent) -> list[Key]:
    """The keys of an event."""
    keys = [EVERY, ("type", event.type), *of_skus(skus_of(event)), *about(subjects_of(event))]
    if event.location is not None:
        keys += at_locations((event.location,))
        if event.subject_type == "Task":
            keys += in_queue(event.data["queue"], event.location)
    return keys


class Listener(ABC, Generic[ItemT]):
    """A bounded buffer of events between the relay and one subscriber.

    `offer` never waits. `wants` decides about an event that one of `keys` selected. Events up to
    the position `seen` are ignored.
    """

    def __init__(self, keys: frozenset[Key], wants: Wants) -> None:
        self.keys = keys
        self.seen = 0
        self._wants = wants
        self._arrived = asyncio.Event()
        self._end: RequestError | None = None
        self._is_over = False

    def offer(self, event: LoggedEvent) -> None:
        """Store an event if it is new and wanted."""
        if event.position <= self.seen or self._end is not None:
            return
        self.seen = event.position
        if self._wants(event):
            self._keep(event)
            self._arrived.set()

    def finish(self) -> None:
        """Announce the end: the subscriber gets the stored events, then the end."""
        self._is_over = True
        self._arrived.set()

    async def take(self, limit: int) -> Sequence[ItemT]:
        """Up to `limit` stored events, oldest first; waits for the first, empty at the end.

        If too many events were offered, raises ReaderTooSlow after the stored ones.
        """
        while True:
            if taken := self._taken(limit):
                return taken
            if self._end is not None:
                raise self._end
            if self._is_over:
                return ()
            self._arrived.clear()
            await self._arrived.wait()

    @abstractmethod
    def _keep(self, event: LoggedEvent) -> None: ...

    @abstractmethod
    def _taken(self, limit: int) -> Sequence[ItemT]: ...


class ExactListener(Listener[LoggedEvent]):
    """All events, in order. If its buffer is full, the subscriber gets ReaderTooSlow with its last
    cursor.
    """

    def __init__(self, keys: frozenset[Key], wants: Wants, capacity: int) -> None:
        super().__init__(keys, wants)
        self._capacity = capacity
        self._kept: deque[LoggedEvent] = deque()

    def _keep(self, event: LoggedEvent) -> None:
        if len(self._kept) >= self._capacity:
            self._end = ReaderTooSlow(self._kept[-1].position)
        else:
            self._kept.append(event)

    def _taken(self, limit: int) -> Sequence[LoggedEvent]:
        kept = self._kept
        return [kept.popleft() for _ in range(min(limit, len(kept)))]


class FoldingListener(Listener[tuple[str, LoggedEvent]]):
    """The latest event per subject, in the order of positions. A slow subscriber skips older ones.

    `subjects` returns the subjects of an event. An item is (subject, its latest event). The buffer
    is bounded by the number of subjects, and by `capacity`.
    """

    def __init__(
        self,
        keys: frozenset[Key],
        wants: Wants,
        subjects: Callable[[LoggedEvent], Iterable[str]],
        capacity: int,
    ) -> None:
        super().__init__(keys, wants)
        self._subjects = subjects
        self._capacity = capacity
        self._kept: dict[str, LoggedEvent] = {}
        self.folds = 0

    def _keep(self, event: LoggedEvent) -> None:
        for subject in self._subjects(event):
            if self._kept.pop(subject, None) is not None:
                self.folds += 1
            elif len(self._kept) >= self._capacity:
                self._end = ReaderTooSlow(None)
                return
            self._kept[subject] = event

    @property
    def is_filling(self) -> bool:
        """True if the buffer is at least half full."""
        return 2 * len(self._kept) >= self._capacity

    def _taken(self, limit: int) -> Sequence[tuple[str, LoggedEvent]]:
        chosen = list(islice(self._kept, limit))
        return [(subject, self._kept.pop(subject)) for subject in chosen]

    def has_more_of(self, position: int) -> bool:
        """True if only a part of this event's subjects was taken, and others are still stored."""
        return bool(self._kept) and next(iter(self._kept.values())).position == position


class Index:
    """Listeners by key."""

    def __init__(self) -> None:
        self._listeners: set[Listener[Any]] = set()
        self._by_key: dict[Key, set[Listener[Any]]] = {}

    def __len__(self) -> int:
        return len(self._listeners)

    def add(self, listener: Listener[Any]) -> None:
        """Add a listener under its keys."""
        self._listeners.add(listener)
        for key in listener.keys:
            self._by_key.setdefault(key, set()).add(listener)

    def discard(self, listener: Listener[Any]) -> None:
        """Remove a listener, if present."""
        if listener not in self._listeners:
            return
        self._listeners.remove(listener)
        for key in listener.keys:
            found = self._by_key[key]
            found.remove(listener)
            if not found:
                del self._by_key[key]

    def matching(self, event: LoggedEvent) -> Iterable[Listener[Any]]:
        """Listeners with a key of this event, each once."""
        found = [self._by_key[key] for key in keys_of(event) if key in self._by_key]
        return tuple(found[0]) if len(found) == 1 else set().union(*found)
