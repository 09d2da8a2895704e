"""Cache of stock levels with their item and location, kept up to date by events.

A `stock.changed` event contains the quantities of its level. So the present quantities are those of
its newest delivered event. Item and location are read once per level. The cache is cleared when the
relay meets an event of any item or location, or skips events. So it is never older than the events
that the relay has delivered.
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

LEVELS_MAX = 10_000
# Columns of a level and their keys in its event. All other columns change only with an event.
NUMBERS = {
    column: json_key(column)
    for column in (
        *(state.lower() for state in StockState),
        *("safety_stock", "picked", "missing", "binned", "incoming"),
    )
}
_CACHED_TYPES = frozenset({"Item", "Location"})


class LevelCache:
    """Levels by id with their item and location; `read` loads them from the database."""

    def __init__(self, read: Read[int, LevelDetails]) -> None:
        self._reads = BatchedReads(read)
        self._known: OrderedDict[int, LevelDetails] = OrderedDict()
        self._clears = 0  # number of clears, to detect one during a read

    def observe(self, event: LoggedEvent) -> None:
        """Process the next event of the relay, before listeners get it."""
        if event.subject_type in _CACHED_TYPES:
            self.clear()

    def clear(self) -> None:
        """Drop all entries: events may have been skipped."""
        self._known.clear()
        self._clears += 1

    async def of(self, events: Sequence[LoggedEvent]) -> Mapping[int, LevelDetails]:
        """The levels of these `stock.changed` events, each of which is the newest of its level."""
        found: dict[int, LevelDetails] = {}
        unknown: list[int] = []
        for event in events:
            key = int(event.subject_key)
            details = self._updated(key, event)
            if details is None:
                unknown.append(key)
            else:
                found[key] = details
        if unknown:
            clears = self._clears
            read = await self._reads.get(unknown)
            found.update(read)
            if clears == self._clears:  # otherwise the rows may be older than events
                self._store(read)
        return found

    def _updated(self, key: int, event: LoggedEvent) -> LevelDetails | None:
        known, data = self._known.get(key), event.data
        if known is None or not all(name in data for name in NUMBERS.values()):
            return None
        self._known.move_to_end(key)
        if known.level["version"] >= event.subject_version:
            return known  # read after the commit of this event, before it had a position
        level = {
            **known.level,
            **{column: data[name] for column, name in NUMBERS.items()},
            "version": event.subject_version,
            "updated_at": event.occurred_at,
        }
        return LevelDetails(cast("StockLevelRow", level), known.item, known.location)

    def _store(self, levels: Mapping[int, LevelDetails]) -> None:
        self._known.update(levels)
        while len(self._known) > LEVELS_MAX:
            self._known.popitem(last=False)
