"""The clock of the process, corrected to the database's time. Leases and expiry use it."""

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
    """The database's time, estimated from the last measurement. Call it for the present instant."""

    def __init__(self, read: Callable[[], datetime] = machine_time) -> None:
        self._read = read
        self._offset = timedelta(0)

    def __call__(self) -> datetime:
        """The present instant, in UTC."""
        return self._read() + self._offset

    async def measure(self, database: Database) -> None:
        """Measure how far the database's clock is ahead. Raises DatabaseError."""
        self._offset = await database_offset(database, self._read)

    async def run(self, database: Database) -> None:
        """Measure every minute until cancelled; a failed measurement is repeated a minute later."""
        while True:
            await asyncio.sleep(MEASURE_SECONDS)
            try:
                await self.measure(database)
            except Exception as error:  # keep measuring: leases and expiry depend on this clock
                logger.warning("clock.not_measured", error=repr(error), exc_info=unforeseen(error))
