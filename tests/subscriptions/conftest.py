"""Fixture of a streaming process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from models.database.database import Database
from subscriptions.runtime import StreamingRuntime
from tests.subscriptions.live_process import FakeAvailability, LiveProcess
from tests.subscriptions.log.facts import transactions


@pytest.fixture
async def live_process(database: Database) -> AsyncIterator[LiveProcess]:
    """A process with sequencer, relay and streams running."""
    fake_availability = FakeAvailability()
    live = StreamingRuntime(
        database, transactions(database), broadcast_url="memory://", promises=fake_availability
    )
    await live.start()
    try:
        yield LiveProcess(live, transactions(database, live.committed), fake_availability)
    finally:
        await live.stop()
