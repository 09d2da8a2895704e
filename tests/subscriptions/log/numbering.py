"""A sequencer on its own, and what it tells its process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import models.queries.events.event_log as event_log
from models.database.database import Database
from models.queries.events.event_log import LoggedEvent, Numbered
from subscriptions.log.sequencer import Sequencer
from tests.subscriptions.log.facts import transactions

WAITING = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


class Heard:
    """What a sequencer told its process."""

    def __init__(self) -> None:
        self.position = 0
        self.events: list[LoggedEvent] = []
        self.forwarded = 0
        self._changed = asyncio.Event()

    def numbered(self, batch: Numbered) -> None:
        """A batch was numbered."""
        self.position = batch.position
        self.events += batch.events
        self._changed.set()

    def forward(self) -> None:
        """Somebody else has to number."""
        self.forwarded += 1
        self._changed.set()

    async def until(self, position: int) -> None:
        """Wait until everything up to a position is numbered."""
        await self._when(lambda: self.position >= position)

    async def until_forwarded(self) -> None:
        """Wait until somebody else has to number."""
        await self._when(lambda: self.forwarded > 0)

    async def _when(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()


def a_sequencer(database: Database, heard: Heard, holder: str = "a", **facts: Any) -> Sequencer:
    """A sequencer that does not run yet."""
    return Sequencer(
        transactions(database),
        holder=holder,
        numbered=heard.numbered,
        forward=heard.forward,
        **facts,
    )


@asynccontextmanager
async def running(sequencer: Sequencer) -> AsyncIterator[None]:
    """Run it inside the block, and stop it at the end."""
    task = asyncio.create_task(sequencer.run())
    try:
        yield
    finally:
        sequencer.stop()
        await task


async def log_of(database: Database) -> list[tuple[int, int]]:
    """(position, number) of the whole log."""
    async with database.reading() as session:
        events = await event_log.events_after(session, 0, 100_000)
    return [(event.position, event.data["number"]) for event in events]
