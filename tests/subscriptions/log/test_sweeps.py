"""Checks for pending events stay cheap, however many events have been numbered."""

from __future__ import annotations

import orjson
import pytest

import models.queries.events.event_log as event_log
import subscriptions.log.sequencer as sequencer
from models.database.database import Database
from models.database.sessions import Contention, Session
from subscriptions.log.sequencer import BATCH_MAX
from tests.subscriptions.log.facts import transactions, write
from tests.subscriptions.log.numbering import Callbacks, a_sequencer, running


async def pages_of_a_check(database: Database) -> int:
    """Number of pages that a check reads if nothing is pending."""
    check = "SELECT event_id FROM event_pending ORDER BY event_id LIMIT 1"
    async with database.reading() as session:
        text = await session.fetch_value(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {check}")
    [explained] = orjson.loads(text)
    pages: int = explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"]
    return pages


async def test_a_check_does_not_scan_the_numbered_events(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "SWEEP_EVENTS", BATCH_MAX)
    database, callbacks = Database(postgres_url), Callbacks()
    await database.open()
    try:
        numbering = a_sequencer(database, callbacks)
        async with running(numbering):
            for number in range(1, 6):
                await write(transactions(database), *range(BATCH_MAX))
                numbering.wake()
                await callbacks.until(number * BATCH_MAX)
        assert await pages_of_a_check(database) < 5  # without sweeps it would be fifteen
    finally:
        await database.close()


async def test_a_sweep_that_fails_stops_no_numbering(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = 0

    async def fails(_: Session) -> None:
        nonlocal failed
        failed += 1
        raise Contention("not now")

    monkeypatch.setattr(sequencer, "SWEEP_EVENTS", 1)
    monkeypatch.setattr(event_log, "vacuum_pending", fails)
    callbacks = Callbacks()
    numbering = a_sequencer(database, callbacks)
    writer = transactions(database, numbering.wake)
    async with running(numbering):
        for position in range(1, 4):
            await write(writer, position)
            await callbacks.until(position)
            # the sequencer reports position 1 while it is still taking the lease
            assert numbering.is_holder or position == 1
    assert failed == 3
