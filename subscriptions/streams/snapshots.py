"""Snapshots of stock levels and availability, sent before the changes of a stream.

A snapshot starts at a position of the log and is read in pages afterwards, like the snapshot of a
queue (task_queues.py). Each later change has a higher position than the start and is sent after the
last page. So no change is lost; a change during the snapshot may be sent twice.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from typing import Generic, TypeVar

import models.queries.events.event_log as event_log
import models.queries.reads.stock as stock_reads
from domain.access.callers import Caller
from models.database.database import Database
from models.queries.listing.scopes import scope_of
from subscriptions.streams.stock_and_events import (
    AvailabilityChange,
    AvailabilitySource,
    StockChange,
    chosen_codes,
)

PAGE_MAX = 200

AvailabilityT = TypeVar("AvailabilityT")


class Snapshots(Generic[AvailabilityT]):
    """Reads the present state for one subscriber."""

    def __init__(self, database: Database, promises: AvailabilitySource[AvailabilityT]) -> None:
        self._database = database
        self._promises = promises

    async def position(self) -> int:
        """The position of the log at which a snapshot starts, and its changes begin."""
        async with self._database.reading() as session:
            return await event_log.last_position(session)

    async def availability(
        self, channel: str, skus: Collection[str] | None, position: int
    ) -> AsyncGenerator[AvailabilityChange[AvailabilityT], None]:
        """The availability of these SKUs, or of all that have had stock on the channel."""
        chosen_codes(skus, "skus")
        wanted = list(await self._promises.skus(channel) if skus is None else dict.fromkeys(skus))
        for first in range(0, len(wanted), PAGE_MAX):
            found = await self._promises.of(channel, wanted[first : first + PAGE_MAX])
            for availability in found.values():
                yield AvailabilityChange(str(position), position, availability)

    async def levels(
        self,
        caller: Caller,
        skus: Collection[str] | None,
        locations: Collection[str] | None,
        position: int,
    ) -> AsyncGenerator[StockChange, None]:
        """The levels of these SKUs and locations that the caller sees; None: all."""
        of, at = chosen_codes(skus, "skus"), chosen_codes(locations, "locations")
        last = 0
        while True:
            async with self._database.reading() as session:
                scope = await scope_of(session, caller)
                page = await stock_reads.level_causes(session, scope, of, at, last, PAGE_MAX)
                details = await stock_reads.level_details_by_id(session, [id for id, _ in page])
            for key, cause in page:
                if (found := details.get(key)) is not None:
                    yield StockChange(str(position), found, cause)
            if len(page) < PAGE_MAX:
                return
            last = page[-1][0]
