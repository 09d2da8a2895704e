"""Statements about a level read few pages, however long its history of counts is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

import models.queries.counts.counts as count_queries
from models.database.database import Database
from tests.builders.floor.counts import Counting, open_counting
from tests.builders.transactions import rows
from tests.plans.explained import MODES, recording

LINES = 2_000
PAGES_MAX = 30
# Earlier counts of the same levels, each with its attempt.
_EARLIER = (
    f"""INSERT INTO stock_count_line (id, count_id, level_id, item_id, location_id, status,
  variance, value_minor, value_currency, posted_at)
SELECT md5(l.id::text || n)::uuid, md5(l.count_id::text || n)::uuid, l.level_id, l.item_id,
  l.location_id, l.status, l.variance, l.value_minor, l.value_currency,
  l.posted_at - n * interval '1 hour'
FROM stock_count_line l, generate_series(1, {LINES}) n""",
    f"""INSERT INTO count_attempt (id, line_id, number, counted_by, counted_at, counted, expected,
  counts)
SELECT md5(a.id::text || n)::uuid, md5(a.line_id::text || n)::uuid, a.number, a.counted_by,
  a.counted_at - n * interval '1 hour', a.counted, a.expected, a.counts
FROM count_attempt a, generate_series(1, {LINES}) n""",
)


@pytest.fixture
async def counting(postgres_url: str) -> AsyncIterator[Counting]:
    database = Database(postgres_url)
    await database.open()
    try:
        counting = await open_counting(database)
        await counting.shop.receive(5)
        assert not (await counting.record(("TEE-M", 4))).refusals
        yield counting
    finally:
        await database.close()


async def test_the_last_count_of_a_level_is_found_without_the_others(counting: Counting) -> None:
    connection = await asyncpg.connect(counting.database.url)
    try:
        await connection.execute("SET session_replication_role = replica")
        for statement in _EARLIER:
            await connection.execute(statement)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    found = await rows(counting.database, "SELECT DISTINCT level_id FROM stock_count_line")
    with recording() as recorder:
        async with counting.database.reading() as session:
            left = await count_queries.levels_with_units_left(session, [found[0]["level_id"]])
    assert left == []
    costs = {mode: cost.pages for (_, mode), cost in recorder.costs.items()}
    assert costs.keys() == set(MODES)
    assert max(costs.values()) <= PAGES_MAX, costs
