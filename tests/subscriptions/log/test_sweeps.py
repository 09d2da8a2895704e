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
from tests.subscriptions.log.numbering import Heard, a_sequencer, running


async def pages_of_a_look(database: Database) -> int:
    """Number of pages that a check reads if nothing is pending."""
    look = "SELECT event_id FROM event_pending ORDER BY event_id LIMIT 1"
    async with database.reading() as session:
        text = await session.fetch_value(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {look}")
    [explained] = orjson.loads(text)
    pages: int = explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"]
    return pages


async def test_a_check_does_not_scan_the_numbered_events(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "SWEEP_EVENTS", BATCH_MAX)
    database, heard = Database(postgres_url), Heard()
    await database.open()
    try:
        numbering = a_sequencer(database, heard)
        async with running(numbering):
            for number in range(1, 6):
                await write(transactions(database), *range(BATCH_MAX))
                numbering.wake()
                await heard.until(number * BATCH_MAX)
        assert await pages_of_a_look(database) < 5  # without sweeps it would be fifteen
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
    heard = Heard()
    numbering = a_sequencer(database, heard)
    writer = transactions(database, numbering.wake)
    async with running(numbering):
        for position in range(1, 4):
            await write(writer, position)
            await heard.until(position)
            # the sequencer reports position 1 while it is still taking the lease
            assert numbering.is_holder or position == 1
    assert failed == 3
