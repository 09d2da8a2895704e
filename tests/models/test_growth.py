"""Hot queries use an index in a large catalog with a long history.

PostgreSQL plans the queries on tables that are large enough for their statistics to decide. No
setting forbids a sequential scan.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

import models.queries.catalog.lookups as lookups
import models.queries.events.event_log as event_log
import models.queries.idempotency as idempotency_queries
import models.queries.orders.orders as order_queries
import models.queries.orders.reservations as reservation_queries
import models.queries.reads.stock as stock_reads
import models.queries.stock.availability as availability_queries
import models.queries.stock.changes as change_queries
import models.queries.stock.stock as stock_queries
from models.database.database import Database
from models.database.sessions import Row, Session
from models.database.sql import Question
from models.queries.listing.paging import Window
from models.queries.listing.scopes import Scope

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SKUS = 30_000
LARGE = {
    *("item", "stock_level", "reservation", "reservation_line", "event", "event_position"),
    *("sales_order", "order_line", "idempotency_key"),
}
FILL = (
    "INSERT INTO location (id, code, code_key, name, kind, time_zone, pack_required, active)"
    " SELECT n, 'L' || n, 'l' || n, 'L' || n, 'WAREHOUSE', 'UTC', FALSE, TRUE"
    " FROM generate_series(1, 3) n",
    "INSERT INTO channel (id, code, code_key, name, kind, currency, priority, safety_buffer,"
    " active) VALUES (1, 'web', 'web', 'Web', 'STOREFRONT', 'GBP', 1, 0, TRUE)",
    "INSERT INTO channel_location (channel_id, location_id)"
    " SELECT 1, n FROM generate_series(1, 3) n",
    "INSERT INTO item (id, sku, sku_key, name, returnable, created_at, updated_at)"
    f" SELECT n, 'SKU-' || n, 'sku-' || n, 'Item', TRUE, now(), now()"
    f" FROM generate_series(1, {SKUS}) n",
    "INSERT INTO stock_level (item_id, location_id, available, updated_at)"
    f" SELECT i, l, 50, now() FROM generate_series(1, {SKUS}) i, generate_series(1, 3) l",
    # many ended holds, 200 live ones, three of them expired
    "INSERT INTO reservation (id, status, channel_id, actor, created_at, expires_at,"
    " first_ttl_seconds, routing)"
    " SELECT md5('r' || n)::uuid, CASE WHEN n <= 200 THEN 'HELD' ELSE 'RELEASED' END, 1, 'a',"
    " $1::timestamptz - interval '1 hour',"
    " $1::timestamptz + (CASE WHEN n <= 3 THEN -5 ELSE 600 END) * interval '1 second', 60, '{}'"
    f" FROM generate_series(1, {SKUS}) n",
    "INSERT INTO reservation_line (id, reservation_id, line_no, item_id, location_id, quantity)"
    " SELECT md5('l' || n)::uuid, md5('r' || n)::uuid, 0, n, 1, 1"
    f" FROM generate_series(1, {SKUS}) n",
    "INSERT INTO sales_order (id, number, channel_id, external_reference, external_reference_key,"
    " status, service_level, currency, shipping_minor, shipping_tax_minor, total_minor,"
    " deposit_minor, placed_at, created_at, updated_at, actor)"
    " SELECT md5('o' || n)::uuid, 'N' || n, 1, 'W-' || n, 'w-' || n, 'ALLOCATED', 'STANDARD',"
    f" 'GBP', 0, 0, 1, 0, now(), now(), now(), 'a' FROM generate_series(1, {SKUS}) n",
    "INSERT INTO order_line (id, order_id, line_no, item_id, quantity, unit_price_minor,"
    " discount_minor, tax_minor, allocated, backordered)"
    " SELECT md5('ol' || n)::uuid, md5('o' || n)::uuid, 0, n, 1, 1, 0, 0,"
    " (n > 50)::int, (n <= 50)::int"
    f" FROM generate_series(1, {SKUS}) n",
    "INSERT INTO event (id, type, occurred_at, actor, subject_type, subject_key, subject_version,"
    " data, transaction_id, digest)"
    " SELECT n, 'stock.changed', now(), 'a', 'StockLevel', n::text, 1, '{}', md5('t' || n)::uuid,"
    f" '' FROM generate_series(1, {SKUS}) n",
    "INSERT INTO event_position (position, event_id)"
    f" SELECT n, n FROM generate_series(1, {SKUS}) n",
    "DELETE FROM event_pending",
    "INSERT INTO idempotency_key (id, actor, key, action, arguments_hash, created_at)"
    " SELECT md5('k' || n)::uuid, 'a', 'key-' || n, 'x', '', now()"
    f" FROM generate_series(1, {SKUS}) n",
    "VACUUM ANALYZE",
)


class Planner:
    """Stands in for a session and records the plan of each fetched query."""

    engine = "postgres"

    def __init__(self, session: Session) -> None:
        self._session = session
        self.scans: set[str] = set()

    async def fetch(self, sql: str, *args: object) -> Sequence[Row]:
        planned = await self._session.fetch_value(f"EXPLAIN (FORMAT JSON) {sql}", *args)
        for node in _nodes(orjson.loads(planned)[0]["Plan"]):
            if node["Node Type"] == "Seq Scan":
                self.scans.add(node["Relation Name"])
        return await self._session.fetch(sql, *args)

    async def rows(self, _: type, sql: str, *args: object) -> Sequence[Row]:
        return await self.fetch(sql, *args)

    async def row(self, _: type, sql: str, *args: object) -> Row | None:
        return await self.fetch_one(sql, *args)

    async def value(self, _: type, sql: str, *args: object) -> Any:
        return await self.fetch_value(sql, *args)

    async def answer(self, question: Question[Any]) -> Any:
        return question.read(await self.fetch(question.sql, *question.args))

    async def fetch_one(self, sql: str, *args: object) -> Row | None:
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None

    async def fetch_value(self, sql: str, *args: object) -> Any:
        row = await self.fetch_one(sql, *args)
        return None if row is None else next(iter(row.values()))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


@asynccontextmanager
async def planner(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    for statement in FILL:
        await connection.execute(statement, *([NOW] if "$1" in statement else []))
    await connection.close()
    database = Database(url)
    await database.open()
    try:
        async with database.reading() as session:
            yield Planner(session)
    finally:
        await database.close()


@pytest.mark.parametrize("skus", [1, 24])
async def test_hot_queries_use_indexes(postgres_url: str, skus: int) -> None:
    ids = list(range(100, 100 + skus))
    names = [f"SKU-{number}" for number in ids]
    async with planner(postgres_url) as session:
        assert len(await availability_queries.supply_of_items(session, names, NOW)) == skus
        await session.answer(availability_queries.backordered(ids))
        assert len(await lookups.items_by_sku(session, names)) == skus
        assert len(await stock_queries.lock_levels(session, ids)) == 3 * skus
        lock = stock_queries.supply_lock(names, ["W-9"], NOW, 50, 200)
        assert len(await session.answer(lock)) == 3 * skus
        assert await reservation_queries.holds_over(session, ids, NOW, 50) == set()
        over = reservation_queries.over_of(ids, names, ["W-9"], NOW, 50)
        assert await session.answer(over) == []
        assert await session.answer(reservation_queries.live_by_reference(["W-9"], NOW)) == {}
        assert await change_queries.since(session, SKUS, []) == []
        assert len(await change_queries.since(session, SKUS - 5, [])) == 5
        assert await event_log.last_position(session) == SKUS
        assert len(await event_log.events_after(session, SKUS - 5, 500)) == 5
        assert len(await event_log.events_between(session, 5, 9, ["stock.changed"])) == 4
        lease = ("sequencer", "a", NOW, NOW, 1_000)
        # there is no lease yet
        assert await event_log.number_pending(session, *lease, with_events=True) is None
        known = {("a", "key-1"): 1, ("a", "new"): 2}
        assert len(await idempotency_queries.take_keys(session, known)) == len(known)
        assert len(await stock_reads.levels_by_id(session, Scope(), ids)) == skus
        hold = UUID(await session.fetch_value("SELECT md5('r7')"))
        assert len(await reservation_queries.lines_of(session, [hold])) == 1
        assert await order_queries.orders_by_reference(session, [1], ["W-9"])
        window = Window(50)
        page = await stock_reads.levels(session, Scope(), window, skus=names, locations=None)
        assert len(page.rows) == min(50, 3 * skus)
        assert session.scans & LARGE == set()
