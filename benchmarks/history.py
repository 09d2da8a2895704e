"""Rows of a long history, written in bulk without workflows: holds, orders, parcels, tasks."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from uuid import uuid4

import asyncpg

from benchmarks.bulk import bulk_without_indexes
from models.database.sqlite_values import instant_text
from models.migrations.runner import sqlite_path

_HOLDS = """
INSERT INTO reservation (id, status, channel_id, actor, created_at, expires_at, first_ttl_seconds,
  routing)
SELECT md5($1 || n)::uuid, $2, 1, 'history', $3::timestamptz - interval '1 hour',
  $3::timestamptz + $4::float8 * n / $5 * interval '1 second', 3600, '{"chosen": []}'
FROM generate_series(1, $5::bigint) AS n
"""
_LINES = """
INSERT INTO reservation_line (id, reservation_id, line_no, item_id, location_id, quantity,
  held_until_at)
SELECT gen_random_uuid(), md5($1 || n)::uuid, 0, 1 + n % $6, 1, 1,
  CASE WHEN $2 = 'HELD' THEN $3::timestamptz + $4::float8 * n / $5 * interval '1 second' END
FROM generate_series(1, $5::bigint) AS n
"""
_HELD = """
UPDATE stock_level SET held = l.units FROM (
  SELECT item_id, location_id, SUM(quantity) AS units FROM reservation_line
  WHERE held_until_at IS NOT NULL GROUP BY item_id, location_id) AS l
WHERE l.item_id = stock_level.item_id AND l.location_id = stock_level.location_id
"""
_ORDERS = """
INSERT INTO sales_order (id, number, channel_id, external_reference, status, service_level,
  currency, shipping_minor, shipping_tax_minor, total_minor, deposit_minor, placed_at, created_at,
  updated_at, actor)
SELECT md5('o' || n)::uuid, 'N' || n, 1, 'W-' || n, 'ALLOCATED', 'STANDARD', 'GBP', 0, 0, 1500, 0,
  now(), now(), now(), 'history'
FROM generate_series(1, $1::bigint) AS n
"""
_ORDER_LINES = """
INSERT INTO order_line (id, order_id, line_no, item_id, quantity, unit_price_minor, discount_minor,
  tax_minor, allocated, backordered)
SELECT gen_random_uuid(), md5('o' || n)::uuid, 0, 1 + n % $2::bigint, 3, 500, 0, 0, 3, 0
FROM generate_series(1, $1::bigint) AS n
"""
# Of 20 orders 18 are delivered, one is on its way, and one waits for its shipping in time.
_KIND = "CASE n % 20 WHEN 0 THEN 'ALLOCATED' WHEN 1 THEN 'SHIPPED' ELSE 'DELIVERED' END"
_TRADE = (
    f"""
INSERT INTO sales_order (id, number, channel_id, external_reference, status, service_level,
  currency, shipping_minor, shipping_tax_minor, total_minor, deposit_minor, placed_at, created_at,
  updated_at, ship_by_at, deliver_by_at, actor)
SELECT md5('o' || n)::uuid, 'N' || n, 1, 'W-' || n, {_KIND}, 'STANDARD', 'GBP', 0, 0, 1500, 0,
  now() - interval '1 day', now(), now(), now() + interval '2 days', now() + interval '5 days',
  'history'
FROM generate_series(1, $1::bigint) AS n
""",
    """
INSERT INTO fulfillment (id, order_id, number, location_id, status, carrier, carrier_key,
  tracking_number, tracking_number_key, created_at, shipped_at, delivered_at, updated_at)
SELECT md5('f' || n)::uuid, md5('o' || n)::uuid, 'N' || n || '-1', 1,
  CASE n % 20 WHEN 0 THEN 'OPEN' WHEN 1 THEN 'SHIPPED' ELSE 'DELIVERED' END, 'dhl', 'dhl',
  'T' || n, 't' || n, now(), CASE WHEN n % 20 > 0 THEN now() - interval '1 day' END,
  CASE WHEN n % 20 > 1 THEN now() END, now()
FROM generate_series(1, $1::bigint) AS n
""",
)
_TASKS = """
INSERT INTO task (id, queue, status, location_id, channel_id, subject_type, subject_key, priority,
  priority_reasons, seniority, claimed_by, created_at, ended_at, updated_at)
SELECT gen_random_uuid(), $2, $3, 1, 1, 'Fulfillment', gen_random_uuid()::text, 0, '[]', n,
  CASE WHEN $3 = 'DONE' THEN 'history' END, at - interval '10 minutes',
  CASE WHEN $3 = 'DONE' THEN at END, at
FROM (SELECT n, $4::timestamptz - n * $5::float8 * interval '1 second' AS at
  FROM generate_series(1, $1::bigint) AS n) AS tasks
"""
_DAY_SECONDS = 86_400.0


async def add_holds(
    url: str, count: int, status: str, start: datetime, seconds: float, skus: int
) -> None:
    """Add holds of one unit each; their ends are spread evenly over `seconds` from `start` on."""
    connection = await asyncpg.connect(url)
    try:
        args = (f"{status}{start}", status, start, seconds, count)
        await connection.execute(_HOLDS, *args)
        await connection.execute(_LINES, *args, skus)
        await connection.execute(_HELD)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def add_orders(url: str, count: int, skus: int) -> None:
    """Add orders of one line each."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_ORDERS, count)
        await connection.execute(_ORDER_LINES, count, skus)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def add_trade(url: str, count: int, skus: int) -> None:
    """Add orders of one line with their parcels, none of which is late."""
    async with bulk_without_indexes(url) as connection:
        for statement in _TRADE:
            await connection.execute(statement, count)
        await connection.execute(_ORDER_LINES, count, skus)


async def add_tasks(url: str, count: int, of_a_day: int, still_open: int, end: datetime) -> None:
    """Add PICK tasks: `of_a_day` done on the day before `end`, the others on the days before it, as
    many each day, and open ones.
    """
    day = end - timedelta(seconds=_DAY_SECONDS)
    async with bulk_without_indexes(url) as connection:
        for number, ended in ((of_a_day, end), (count - of_a_day - still_open, day)):
            step = _DAY_SECONDS / (of_a_day + 1)
            await connection.execute(_TASKS, number, "PICK", "DONE", ended, step)
        await connection.execute(_TASKS, still_open, "PICK", "OPEN", end, 1.0)


def add_holds_to_sqlite(url: str, count: int, start: datetime, seconds: float, skus: int) -> None:
    """Add live holds in the same way to a SQLite file."""
    created = instant_text(start - timedelta(hours=1))
    ends = [
        instant_text(start + timedelta(seconds=seconds * n / count)) for n in range(1, count + 1)
    ]
    holds = [str(uuid4()) for _ in range(count)]
    with sqlite3.connect(sqlite_path(url)) as connection:
        connection.executemany(
            "INSERT INTO reservation (id, status, channel_id, actor, created_at, expires_at,"
            " first_ttl_seconds, routing) VALUES (?, 'HELD', 1, 'history', ?, ?, 3600, '{}')",
            [(hold, created, end) for hold, end in zip(holds, ends, strict=True)],
        )
        connection.executemany(
            "INSERT INTO reservation_line (id, reservation_id, line_no, item_id, location_id,"
            " quantity, held_until_at) VALUES (?, ?, 0, ?, 1, 1, ?)",
            [
                (hold, hold, 1 + n % skus, end)
                for n, (hold, end) in enumerate(zip(holds, ends, strict=True))
            ],
        )
        connection.execute(_HELD)
    connection.close()
