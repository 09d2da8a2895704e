"""Plan cache of PostgreSQL: plans survive between uses of a connection and are renewed with age."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import models.queries.idempotency as idempotency_queries
from models.database.database import Database, DatabaseLimits
from models.database.plan_cache import (
    CONNECTIONS_MAX,
    RENEW_SECONDS_MAX,
    RENEW_SECONDS_MIN,
    SETTINGS,
    PlanAges,
)
from models.database.sessions import Session

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FILL = (
    "INSERT INTO idempotency_key (id, actor, key, action, arguments_hash, created_at)"
    " SELECT md5('k' || n)::uuid, 'a', 'key-' || n, 'x', '', now()"
    " FROM generate_series(1, 20000) n"
)
NAME = (
    "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%pg_try_advisory_xact_lock%'"
    " AND statement NOT LIKE '%pg_prepared_statements%'"
)


async def _take(session: Session) -> None:
    await idempotency_queries.take_keys(session, {("a", "key-1"): 1})


async def _kept_plan(session: Session) -> str:
    """Plan that the connection has prepared for the statement of `_take`."""
    name = await session.fetch_value(NAME)
    rows = await session.fetch(f"EXPLAIN EXECUTE {name} ('{{1}}', '{{a}}', '{{key-1}}')")
    return "\n".join(row["QUERY PLAN"] for row in rows)


async def test_a_plan_for_an_empty_table_does_not_outlive_its_growth(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlanAges, "are_over", lambda *_: False)
    database = Database(postgres_url, DatabaseLimits(pool=1))
    await database.open()
    try:
        # Force the sequential scan that PostgreSQL may choose for an empty table.
        async with database.writer() as session:
            await session.execute("SET enable_indexscan = off")
            await session.execute("SET enable_bitmapscan = off")
            await _take(session)
            assert "Seq Scan on idempotency_key" in await _kept_plan(session)
            await session.execute("RESET enable_indexscan")
            await session.execute("RESET enable_bitmapscan")
            await session.execute(FILL)
        async with database.writer() as session:
            await _take(session)
            # the old plan is kept
            assert "Seq Scan on idempotency_key" in await _kept_plan(session)
        monkeypatch.setattr(PlanAges, "are_over", lambda *_: True)
        async with database.writer() as session:
            await _take(session)
            plan = await _kept_plan(session)
            assert "Seq Scan on idempotency_key" not in plan
            assert "idempotency_key_" in plan  # one of the table's indexes
    finally:
        await database.close()


async def test_all_but_snapshots_keep_one_plan_for_all_values(postgres_url: str) -> None:
    database = Database(postgres_url, DatabaseLimits(pool=1))
    await database.open()
    try:
        counted = "SELECT sum(generic_plans) FROM pg_prepared_statements"
        async with database.writer() as session:
            await _take(session)
            assert await session.fetch_value(counted) > 0
        chosen = {**SETTINGS, "plan_cache_mode": "auto"}
        for opened, expected in (
            (database.writer, SETTINGS),
            (database.reading, SETTINGS),
            (database.snapshot, chosen),
            (database.snapshot, chosen),  # prepared by the one before
        ):
            async with opened() as session:
                settings = {name: await session.fetch_value(f"SHOW {name}") for name in SETTINGS}
            assert settings == expected
    finally:
        await database.close()


def test_each_connection_renews_on_its_own_and_not_before_its_time() -> None:
    now = 100.0
    ages = PlanAges(lambda: now)
    assert ages.are_over(1)
    assert not ages.are_over(1)
    assert ages.are_over(2)
    wait = RENEW_SECONDS_MIN
    for _ in range(10):
        now += wait - 0.001
        assert not ages.are_over(1)
        now += 0.001
        assert ages.are_over(1)
        assert not ages.are_over(1)
        wait = min(2 * wait, RENEW_SECONDS_MAX)
    assert wait == RENEW_SECONDS_MAX


def test_connections_that_ended_are_forgotten() -> None:
    ages = PlanAges(lambda: 0.0)
    for number in range(CONNECTIONS_MAX * 3):
        assert ages.are_over(number)
    assert len(ages._renewals) <= CONNECTIONS_MAX
