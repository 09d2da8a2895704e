"""Availability for streams, by the same rule as queries and reservations."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import models.queries.stock.availability as availability_queries
import workflows.availability.availability
from domain.access.callers import SYSTEM
from domain.values.codes import comparison_key
from models.database.database import Database
from workflows.availability.availability import Availability

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class AvailabilityReads:
    """Reads availability for all subscribers. Callers check before that a channel is visible."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def of(self, channel: str, skus: Sequence[str]) -> Mapping[str, Availability]:
        """The present availability of the SKUs that exist, by the keys of the SKUs."""
        async with self._database.snapshot() as session:
            found = await workflows.availability.availability.find(
                session, channel, skus, SYSTEM, self._clock()
            )
        return {comparison_key(each.sku): each for each in found if each is not None}

    async def skus(self, channel: str) -> Sequence[str]:
        """All SKUs with stock at one of the channel's locations."""
        async with self._database.reading() as session:
            return await availability_queries.skus_of_channel(session, channel)

    def comparison_key(self, availability: Availability) -> Hashable:
        """The availability without the instant of its computation."""
        return replace(availability, places=tuple(availability.places), as_of=_NO_TIME)
