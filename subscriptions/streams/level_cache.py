"""Levels as events tell them: the numbers come with the event, what they are of is remembered.

A `stock.changed` has the numbers that its level had then, so the newest one that was shown of a
level has those that it has now. The item and the location of a level are read once, and forgotten
as soon as the relay meets a fact about any item or location, or passes events without having seen
them: so what is remembered is never older than what the relay has shown.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import cast

from domain.events.payloads import json_key
from domain.stock.states import StockState
from models.queries.events.event_log import LoggedEvent
from models.queries.reads.stock import LevelDetails
from models.stock import StockLevelRow
from subscriptions.streams.batched_reads import BatchedReads, Read

REMEMBERED_MAX = 10_000
# Columns of a level and their keys in its event; no other column of a level changes without one.
NUMBERS = {
    column: json_key(column)
    for column in (*(state.lower() for state in StockState), "safety_stock")
}
_DESCRIBED = frozenset({"Item", "Location"})


class LevelCache:
    """Levels by id with their item and location; `read` reads them all."""

    def __init__(self, read: Read[int, LevelDetails]) -> None:
        self._board = BatchedReads(read)
        self._known: OrderedDict[int, LevelDetails] = OrderedDict()
        self._forgotten = 0  # how often

    def saw(self, event: LoggedEvent) -> None:
        """The relay shows this event next."""
        if event.subject_type in _DESCRIBED:
            self.forget()

    def forget(self) -> None:
        """Remember nothing: something may have happened that was not seen."""
        self._known.clear()
        self._forgotten += 1

    async def of(self, events: Sequence[LoggedEvent]) -> Mapping[int, LevelDetails]:
        """The levels of these `stock.changed`, of which each is its level's newest."""
        found: dict[int, LevelDetails] = {}
        unknown: list[int] = []
        for event in events:
            key = int(event.subject_key)
            shelf = self._told(key, event)
            if shelf is None:
                unknown.append(key)
            else:
                found[key] = shelf
        if unknown:
            forgotten = self._forgotten
            read = await self._board.get(unknown)
            found.update(read)
            if forgotten == self._forgotten:  # else it may be older than what was seen meanwhile
                self._remember(read)
        return found

    def _told(self, key: int, event: LoggedEvent) -> LevelDetails | None:
        known, data = self._known.get(key), event.data
        if known is None or not all(name in data for name in NUMBERS.values()):
            return None
        self._known.move_to_end(key)
        if known.level["version"] >= event.subject_version:
            return known  # it was read when this was committed, and had no position yet
        level = {
            **known.level,
            **{column: data[name] for column, name in NUMBERS.items()},
            "version": event.subject_version,
            "updated_at": event.occurred_at,
        }
        return LevelDetails(cast("StockLevelRow", level), known.item, known.location)

    def _remember(self, shelves: Mapping[int, LevelDetails]) -> None:
        self._known.update(shelves)
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
