"""Rows of a warehouse floor, written in bulk without workflows: bins, parcels, tasks, codes.

They obey the rules of the tables. Triggers and foreign keys are off while they are written.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from benchmarks.bulk import bulk_without_indexes
from benchmarks.catalog import LOCATIONS, sku
from domain.tasks import LEASE, seniority
from workflows.access.api_keys import BOOTSTRAP

WAREHOUSE = LOCATIONS[0]
ZONE = "Z"
ZONE_ID = 101
FIRST_BIN_ID = 102
BINS = 100
CLAIMED, OPEN = "CLAIMED", "OPEN"

_ZONE = """
INSERT INTO location (id, code, code_key, name, kind, country_code, time_zone, pack_required,
  active, parent_id)
VALUES ($1, $2, lower($2), $2, 'ZONE', 'GB', 'Europe/London', FALSE, TRUE, 1)
"""
_BINS = """
INSERT INTO location (id, code, code_key, name, kind, country_code, time_zone, pack_required,
  active, parent_id, walk_order)
SELECT $1::bigint + n, 'B-' || n, 'b-' || n, 'B-' || n, 'BIN', 'GB', 'Europe/London', FALSE, TRUE,
  $2, n
FROM generate_series(0, $3::bigint - 1) AS n
"""
# Line l of parcel n, of 1 to `lines_max` lines. Primes spread the items over the catalog.
_LINES = """
  SELECT n, l, $3::bigint + (n * 7919 + l * 104729) % $4::bigint AS item_id
  FROM generate_series($1::bigint, $2::bigint) AS n, generate_series(0, n % $5::bigint) AS l
"""
_ORDERS = """
INSERT INTO sales_order (id, number, channel_id, external_reference, external_reference_key, status,
  service_level, currency, shipping_minor, shipping_tax_minor, total_minor, deposit_minor,
  placed_at, created_at, updated_at, actor)
SELECT md5('o' || n)::uuid, 'N' || n, 1, 'W-' || n, 'w-' || n, 'ALLOCATED', 'STANDARD', 'GBP', 0, 0,
  1500, 0, $3::timestamptz, $3, $3, 'history'
FROM generate_series($1::bigint, $2::bigint) AS n
"""
_ORDER_LINES = f"""
INSERT INTO order_line (id, order_id, line_no, item_id, quantity, unit_price_minor, discount_minor,
  tax_minor, allocated, backordered)
SELECT md5('l' || n || '.' || l)::uuid, md5('o' || n)::uuid, l, item_id, $6, 500, 0, 0, $6, 0
FROM ({_LINES}) AS lines
"""
_PARCELS = """
INSERT INTO fulfillment (id, order_id, number, location_id, status, created_at, updated_at)
SELECT md5('f' || n)::uuid, md5('o' || n)::uuid, 'N' || n || '-1', 1, 'OPEN', $3::timestamptz, $3
FROM generate_series($1::bigint, $2::bigint) AS n
"""
_PARCEL_LINES = f"""
INSERT INTO fulfillment_line (id, fulfillment_id, order_line_id, item_id, quantity)
SELECT gen_random_uuid(), md5('f' || n)::uuid, md5('l' || n || '.' || l)::uuid, item_id, $6
FROM ({_LINES}) AS lines
"""
_TASKS = """
INSERT INTO task (id, queue, status, location_id, channel_id, subject_type, subject_key, priority,
  priority_reasons, seniority, claimed_by, lease_until_at, created_at, updated_at)
SELECT md5('t' || n)::uuid, 'PICK', $3, 1, 1, 'Fulfillment', md5('f' || n)::uuid::text, 0, '[]',
  $4::bigint - n, $5, $6, $7::timestamptz, $7
FROM generate_series($1::bigint, $2::bigint) AS n
"""
_ALLOCATED = """
UPDATE stock_level s SET allocated = l.units FROM (
  SELECT f.location_id, fl.item_id, SUM(fl.quantity - fl.picked) AS units
  FROM fulfillment_line fl JOIN fulfillment f ON f.id = fl.fulfillment_id
  WHERE f.status = 'OPEN' GROUP BY f.location_id, fl.item_id) AS l
WHERE l.item_id = s.item_id AND l.location_id = s.location_id
"""
_BIN_STOCK = """
INSERT INTO bin_stock (id, level_id, bin_id, quantity, since_at)
SELECT gen_random_uuid(), id, $1::bigint + item_id % $2::bigint, available + held + allocated, $3
FROM stock_level WHERE location_id = 1 AND available + held + allocated > 0
"""
_BINNED = (
    "UPDATE stock_level SET binned = available + held + allocated WHERE location_id = 1",
    "DELETE FROM putaway_round",
)
_ITEMS = """
INSERT INTO item (id, sku, sku_key, name, category, price_minor, price_currency, returnable,
  created_at, updated_at)
SELECT n, 'SKU-' || lpad(n::text, 7, '0'), 'sku-' || lpad(n::text, 7, '0'), 'Item ' || n, 'goods',
  100 + n % 900, 'GBP', TRUE, now(), now()
FROM generate_series($1::bigint, $2::bigint) AS n
"""
_CODES = """
INSERT INTO item_code (item_id, code, scan_key)
SELECT n, 'CODE-' || n, 'code-' || n FROM generate_series(1, $1::bigint) AS n
"""


@dataclass(frozen=True, slots=True)
class Parcels:
    """Parcels `first` to `last` of 1 to `lines_max` lines, spread over `items` from `item_id` on,
    with `units` of each; their PICK tasks are claimed by the key of the benchmarks, or open.
    """

    first: int
    last: int
    items: int
    lines_max: int
    units: int = 1
    item_id: int = 1
    task: str = OPEN

    def lines(self, parcel: int) -> list[str]:
        """The SKU of each line of a parcel."""
        rows = range(parcel % self.lines_max + 1)
        return [sku(self.item_id + (parcel * 7919 + row * 104729) % self.items) for row in rows]


def fulfillment_id(parcel: int) -> str:
    """The global id of a parcel."""
    key = UUID(hashlib.md5(f"f{parcel}".encode(), usedforsecurity=False).hexdigest())
    return base64.b64encode(f"Fulfillment:{key}".encode()).decode()


def bin_code(name: str) -> str:
    """The code of the bin of an SKU."""
    return f"B-{int(name.rpartition('-')[2]) % BINS}"


async def add_floor(url: str, parcels: Sequence[Parcels]) -> None:
    """Add a zone with bins that hold all units of the warehouse, and these parcels."""
    now = datetime.now(UTC)
    async with bulk_without_indexes(url) as connection:
        await connection.execute(_ZONE, ZONE_ID, ZONE)
        await connection.execute(_BINS, FIRST_BIN_ID, ZONE_ID, BINS)
        await connection.execute("SELECT setval('location_id_seq', max(id)) FROM location")
        for each in parcels:
            await _add_parcels(connection, each, now)
        await connection.execute(_ALLOCATED)
        await connection.execute(_BIN_STOCK, FIRST_BIN_ID, BINS, now)
        for statement in _BINNED:
            await connection.execute(statement)


async def _add_parcels(
    connection: asyncpg.Connection[Any], parcels: Parcels, now: datetime
) -> None:
    span = (parcels.first, parcels.last)
    lines = (*span, parcels.item_id, parcels.items, parcels.lines_max, parcels.units)
    await connection.execute(_ORDERS, *span, now)
    await connection.execute(_ORDER_LINES, *lines)
    await connection.execute(_PARCELS, *span, now)
    await connection.execute(_PARCEL_LINES, *lines)
    claim = (BOOTSTRAP, now + LEASE) if parcels.task == CLAIMED else (None, None)
    await connection.execute(_TASKS, *span, parcels.task, seniority(now), *claim, now)


async def add_codes(url: str, present: int, items: int) -> None:
    """Add items without stock to those that are present, and give each of all a code."""
    async with bulk_without_indexes(url) as connection:
        await connection.execute(_ITEMS, present + 1, items)
        await connection.execute(_CODES, items)
