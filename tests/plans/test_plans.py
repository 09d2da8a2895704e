"""The pages that a statement reads do not depend on the number of rows in any table.

Every workflow, job and query runs on a database whose tables are small, and then on one whose
tables are large. The recorder measures each statement that the program sends, so a new statement
is measured without a line here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import asyncpg
import orjson
import pytest

import app
from models.queries.listing.scopes import CHECKED
from tests.plans.explained import Recorder, recording
from tests.plans.growth import grow
from tests.plans.known import GROWING, GROWING_TEXTS
from tests.plans.load import Load, hot, hot_and_scoped, order_lists, whole

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
SMALL = 1_000
SIZES = (10_000, 100_000, 1_000_000)
GROWTH_MAX = 1.3
# The rows that a scope hides from a page lie between the others by chance.
BY_CHANCE_MAX = 2.0
# Pages that a call may read beyond that: free-space maps, visibility maps, a split page.
PAGES_SPARE = 6
PAGES_FEW = 250
ROWS_SPARE = 20  # events and holds of concurrent work
# Statistics of tables that were never analyzed, and of tables that were empty when they were.
_UNKNOWN = (
    "DELETE FROM pg_statistic WHERE starelid >= 16384;"
    " UPDATE pg_class SET relpages = 0, reltuples = {} WHERE oid >= 16384 AND relkind IN ('r', 'i')"
)
# Each with its load: without statistics, the rows that a scope allows are looked for and sorted.
STATES = {
    "fresh": ("ANALYZE", hot_and_scoped),
    "never analyzed": (_UNKNOWN.format(-1), hot),
    "analyzed when empty": (_UNKNOWN.format(0), hot),
}
FUNCTION = "FROM pg_temp.restow_reads"  # the lock and the reads of a hold (decision 23)
ORDER_LISTS = "models.queries.reads.order_lists.orders"
LOOK_UP = "SELECT status FROM reservation WHERE id = $1"


async def pages_of_look_up(connection: Any) -> int:
    """Pages that a look-up by key reads: one more whenever the index gets another level."""
    key = await connection.fetchval("SELECT id FROM reservation LIMIT 1")
    found = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {LOOK_UP}", key)
    plan = orjson.loads(found)[0]["Plan"]
    pages: int = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return pages


async def measured(url: str, connection: Any, rows: int, load: Load) -> tuple[Recorder, int]:
    """Costs of a load's statements with tables of this size, and of a look-up by key."""
    await grow(connection, rows)
    await connection.execute("ANALYZE")
    with recording() as recorder:
        await load(url, f"S{rows}")
    return recorder, await pages_of_look_up(connection)


def grown(small: Recorder, large: Recorder, look_ups: float, size: int) -> list[str]:
    """Statements that read more pages in large tables, the worst first.

    A statement that reads a small part of a large table is left out: the rows of one call lie on
    fewer pages of a small table, and PostgreSQL rightly reads a table of a few pages as a whole.
    """
    found = []
    for key, cost in large.costs.items():
        before = small.costs.get(key)
        is_known = cost.code in GROWING or any(part in key[0] for part in GROWING_TEXTS)
        if before is None or is_known:
            continue
        growth = BY_CHANCE_MAX if CHECKED in key[0] else GROWTH_MAX
        has_more_pages = cost.pages > growth * look_ups * before.pages + PAGES_SPARE
        # The rows that the statements of a function read are not in its plan.
        has_more_rows = cost.rows > growth * before.rows + ROWS_SPARE or FUNCTION in key[0]
        if has_more_pages and has_more_rows and (cost.rows > size / 2 or cost.pages > PAGES_FEW):
            change = f"{before.pages} → {cost.pages} pages, {before.rows} → {cost.rows} rows"
            text = " ".join(key[0].split())[:300]
            line = f"{change}, {key[1].removeprefix('force_')}, {cost.code}: {text}"
            found.append((cost.pages / max(before.pages, 1), line))
    return [line for _, line in sorted(found, reverse=True)]


def _codes(recorder: Recorder) -> set[str]:
    return {cost.code for cost in recorder.costs.values()}


@pytest.mark.timeout(7_200)
@pytest.mark.skipif(not IS_LONG, reason="it takes minutes; RESTOW_LONG=1 runs it")
async def test_pages_do_not_depend_on_the_size_of_tables(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, report_figure: Callable[[str], None]
) -> None:
    monkeypatch.setattr(app, "JOBS", ())  # the actions run each job once
    connection = await asyncpg.connect(postgres_url)
    try:
        await whole(postgres_url, "A")
        small, look_up = await measured(postgres_url, connection, SMALL, whole)
        for size in SIZES:
            large, deeper = await measured(postgres_url, connection, size, whole)
            report_figure(f"{len(large.costs)} plans at {size} rows, look-ups {look_up} → {deeper}")
            lines = grown(small, large, deeper / look_up, size)
            assert lines == [], "\n".join(lines)
            unmeasured = {code for code in GROWING if code not in _codes(large)}
            assert unmeasured == set()
    finally:
        await connection.close()


async def test_pages_of_hot_statements_need_no_statistics(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, report_figure: Callable[[str], None]
) -> None:
    """Holds, orders, availability, single objects and first pages, whatever ANALYZE last saw."""
    monkeypatch.setattr(app, "JOBS", ())
    connection = await asyncpg.connect(postgres_url)
    try:
        await hot(postgres_url, "A")
        small, look_up = await measured(postgres_url, connection, SMALL, hot_and_scoped)
        await grow(connection, SIZES[0])
        for state, (statements, load) in STATES.items():
            await connection.execute(statements)
            with recording() as large:
                await load(postgres_url, state)
            deeper = await pages_of_look_up(connection)
            report_figure(f"{len(large.costs)} plans, {state}, look-ups {look_up} → {deeper}")
            lines = grown(small, large, deeper / look_up, SIZES[0])
            assert lines == [], "\n".join([state, *lines])
            assert any(FUNCTION in sql for sql, _ in large.costs)
    finally:
        await connection.close()


async def test_pages_of_order_lists_do_not_depend_on_the_number_of_orders(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, report_figure: Callable[[str], None]
) -> None:
    """Each filter, each sort, and the common pairs; 1,000,000 orders with RESTOW_LONG=1."""
    monkeypatch.setattr(app, "JOBS", ())
    connection = await asyncpg.connect(postgres_url)
    try:
        await hot(postgres_url, "A")
        small, look_up = await measured(postgres_url, connection, SMALL, order_lists)
        size = SIZES[-1] if IS_LONG else SIZES[0]
        large, deeper = await measured(postgres_url, connection, size, order_lists)
        lists = {key: cost for key, cost in large.costs.items() if cost.code == ORDER_LISTS}
        assert len(lists) > 30
        most = max(
            lists, key=lambda key: lists[key].pages / max(1, small.costs.get(key, lists[key]).pages)
        )
        before = small.costs[most].pages if most in small.costs else 0
        report_figure(
            f"{len(lists)} plans at {size} orders, at most {before} → {lists[most].pages} pages,"
            f" look-ups {look_up} → {deeper}: {' '.join(most[0].split())[-160:]}"
        )
        lines = grown(small, large, deeper / look_up, size)
        assert lines == [], "\n".join(lines)
    finally:
        await connection.close()
