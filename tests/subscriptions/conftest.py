"""A process with everything running."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from models.database.database import Database
from subscriptions.runtime import Live
from tests.subscriptions.log import transactions
from tests.subscriptions.places import Ledger, Place


@pytest.fixture
async def place(database: Database) -> AsyncIterator[Place]:
    """A process with everything running."""
    ledger = Ledger()
    live = Live(database, transactions(database), broadcast_url="memory://", promises=ledger)
    await live.start()
    try:
        yield Place(live, transactions(database, live.committed), ledger)
    finally:
        await live.stop()
