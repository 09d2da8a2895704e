"""A sequencer on its own, and a recorder of its callbacks."""

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


class Callbacks:
    """Records the callbacks of a sequencer."""

    def __init__(self) -> None:
        self.position = 0
        self.events: list[LoggedEvent] = []
        self.forwarded = 0
        self._changed = asyncio.Event()

    def numbered(self, batch: Numbered) -> None:
        self.position = batch.position
        self.events += batch.events
        self._changed.set()

    def forward(self) -> None:
        """Note that another process has to assign the positions."""
        self.forwarded += 1
        self._changed.set()

    async def until(self, position: int) -> None:
        """Wait until everything up to a position is numbered."""
        await self._when(lambda: self.position >= position)

    async def until_forwarded(self) -> None:
        """Wait until the sequencer has forwarded to another process."""
        await self._when(lambda: self.forwarded > 0)

    async def _when(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()


def a_sequencer(
    database: Database, callbacks: Callbacks, holder: str = "a", **facts: Any
) -> Sequencer:
    """Create a sequencer without running it."""
    return Sequencer(
        transactions(database),
        holder=holder,
        numbered=callbacks.numbered,
        forward=callbacks.forward,
        **facts,
    )


@asynccontextmanager
async def running(sequencer: Sequencer) -> AsyncIterator[None]:
    """Run a sequencer during the block."""
    task = asyncio.create_task(sequencer.run())
    try:
        yield
    finally:
        sequencer.stop()
        await task


async def log_of(database: Database) -> list[tuple[int, int]]:
    """(position, number) of every event in the log."""
    async with database.reading() as session:
        events = await event_log.events_after(session, 0, 100_000)
    return [(event.position, event.data["number"]) for event in events]
