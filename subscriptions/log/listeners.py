"""Who hears of which event: listeners found by what they ask for, not by asking each of them.

A listener names keys; an event has a few (its type, its SKU, its location, what it is about, its
queue, and EVERY). So an event
costs as much as it has listeners, however many others there are.
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
from models.queries.events.event_log import LoggedEvent

Key = tuple[str, str]
EVERY: Key = ("every", "")
Wants = Callable[[LoggedEvent], bool]
ItemT = TypeVar("ItemT")


def of_types(types: Iterable[str]) -> frozenset[Key]:
    """Events of these types."""
    return frozenset(("type", name) for name in types)


def of_skus(skus: Iterable[str]) -> frozenset[Key]:
    """Events about these SKUs."""
    return frozenset(("sku", sku) for sku in skus)


def at_locations(codes: Iterable[str]) -> frozenset[Key]:
    """Events at these locations."""
    return frozenset(("location", code) for code in codes)


def about(subjects: Iterable[str]) -> frozenset[Key]:
    """Events about these subjects (`Order:<id>`) or about parts of them."""
    return frozenset(("about", subject) for subject in subjects)


def in_queue(queue: str, location: str) -> frozenset[Key]:
    """Events about tasks of a queue at a location."""
    return frozenset({("queue", f"{queue} {location}")})


def subjects_of(event: LoggedEvent) -> Iterable[str]:
    """What an event is about, and the order and the return that this is a part of."""
    found = [f"{event.subject_type}:{event.subject_key}"]
    for owner, name in (("Order", "order"), ("Return", "return")):
        if key := event.data.get(name):
            found.append(f"{owner}:{key}")
    return found


def skus_of(event: LoggedEvent) -> Iterable[str]:
    """The SKUs that an event names: one as `sku`, or several in `units` by SKU."""
    sku, units = event.data.get("sku"), event.data.get("units")
    if isinstance(sku, str):
        return (sku,)
    return units.keys() if isinstance(units, Mapping) else ()


def keys_of(event: LoggedEvent) -> list[Key]:
    """Under which keys an event is found."""
    keys = [EVERY, ("type", event.type), *of_skus(skus_of(event)), *about(subjects_of(event))]
    if event.location is not None:
        keys.append(("location", event.location))
        if event.subject_type == "Task":
            keys += in_queue(event.data["queue"], event.location)
    return keys


class Listener(ABC, Generic[ItemT]):
    """Takes events as they come and keeps them, bounded, until its reader takes them.

    `offer` never waits. `wants` decides about an event that was found by one of `keys`; what a
    listener was offered up to `seen` it is not offered again.
    """

    def __init__(self, keys: frozenset[Key], wants: Wants) -> None:
        self.keys = keys
        self.seen = 0
        self._wants = wants
        self._news = asyncio.Event()
        self._end: RequestError | None = None
        self._is_over = False

    def offer(self, event: LoggedEvent) -> None:
        """Keep an event if it is new and wanted."""
        if event.position <= self.seen or self._end is not None:
            return
        self.seen = event.position
        if self._wants(event):
            self._keep(event)
            self._news.set()

    def finish(self) -> None:
        """Nothing more will be offered: the reader gets what is kept, then the end."""
        self._is_over = True
        self._news.set()

    async def take(self, limit: int) -> Sequence[ItemT]:
        """Up to `limit` of what is kept, oldest first, waiting for one; empty at the end.

        Raises ReaderTooSlow when too many were offered, after those that were kept.
        """
        while True:
            if taken := self._taken(limit):
                return taken
            if self._end is not None:
                raise self._end
            if self._is_over:
                return ()
            self._news.clear()
            await self._news.wait()

    @abstractmethod
    def _keep(self, event: LoggedEvent) -> None: ...

    @abstractmethod
    def _taken(self, limit: int) -> Sequence[ItemT]: ...


class ExactListener(Listener[LoggedEvent]):
    """Every event, in order. A reader that lets its buffer fill up is told where to go on."""

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
    """The latest event per subject, in the order of their positions: a slow reader skips.

    `subjects` names what an event is about. An item is (subject, its latest event). Bounded by the
    number of subjects, and by `capacity`.
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
        """Whether half of what it can keep is kept."""
        return 2 * len(self._kept) >= self._capacity

    def _taken(self, limit: int) -> Sequence[tuple[str, LoggedEvent]]:
        chosen = list(islice(self._kept, limit))
        return [(subject, self._kept.pop(subject)) for subject in chosen]

    def has_more_of(self, position: int) -> bool:
        """Whether a subject of the event at this position, which was taken in part, is kept."""
        return bool(self._kept) and next(iter(self._kept.values())).position == position


class Index:
    """Listeners by key."""

    def __init__(self) -> None:
        self._listeners: set[Listener[Any]] = set()
        self._by_key: dict[Key, set[Listener[Any]]] = {}

    def __len__(self) -> int:
        return len(self._listeners)

    def add(self, listener: Listener[Any]) -> None:
        """Have a listener found by its keys."""
        self._listeners.add(listener)
        for key in listener.keys:
            self._by_key.setdefault(key, set()).add(listener)

    def discard(self, listener: Listener[Any]) -> None:
        """Forget a listener, if it is here."""
        if listener not in self._listeners:
            return
        self._listeners.remove(listener)
        for key in listener.keys:
            found = self._by_key[key]
            found.remove(listener)
            if not found:
                del self._by_key[key]

    def matching(self, event: LoggedEvent) -> Iterable[Listener[Any]]:
        """Listeners that named a key of this event, each once."""
        found = [self._by_key[key] for key in keys_of(event) if key in self._by_key]
        return tuple(found[0]) if len(found) == 1 else set().union(*found)
