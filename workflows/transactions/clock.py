"""The process's clock, corrected to the database's: what leases and expiry are judged by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from models.database.database import Database, database_offset
from models.database.errors import unforeseen

logger = structlog.get_logger(__name__)

MEASURE_SECONDS = 60.0


def machine_time() -> datetime:
    """The machine's own clock, in UTC."""
    return datetime.now(UTC)


class Clock:
    """Tells the database's time as far as it is known; call it for the instant now."""

    def __init__(self, read: Callable[[], datetime] = machine_time) -> None:
        self._read = read
        self._offset = timedelta(0)

    def __call__(self) -> datetime:
        """The instant now, in UTC."""
        return self._read() + self._offset

    async def measure(self, database: Database) -> None:
        """Find out how far the database's clock is ahead. Raises DatabaseError."""
        self._offset = await database_offset(database, self._read)

    async def run(self, database: Database) -> None:
        """Measure every minute until cancelled; what fails is tried again a minute later."""
        while True:
            await asyncio.sleep(MEASURE_SECONDS)
            try:
                await self.measure(database)
            except Exception as error:  # leases and expiry go by this clock until the process ends
                logger.warning("clock.not_measured", error=repr(error), exc_info=unforeseen(error))
