"""A hold of one line in one SQL statement, with a CTE for each written table.

The CTEs are a conditional update of the level, hold, line, movement, key, audit entry and event. A
careful application without group commit writes holds in this way. pgbench runs the same statement.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

ONE = """
WITH hold AS (
  SELECT {hold}::uuid AS id
), taken AS (
  UPDATE stock_level s SET available = available - {units}, held = held + {units},
    version = version + 1, updated_at = now()
  WHERE s.id = (
    SELECT l.id FROM stock_level l JOIN item i ON i.id = l.item_id
    WHERE i.sku = {sku} AND l.available >= {units} ORDER BY l.location_id LIMIT 1
  ) AND s.available >= {units}
  RETURNING s.id, s.item_id, s.location_id, s.version
), held AS (
  INSERT INTO reservation (id, status, channel_id, actor, created_at, expires_at,
    first_ttl_seconds, routing)
  SELECT hold.id, 'HELD', 1, 'bench', now(), now() + interval '900 seconds', 900, '{{}}'
  FROM hold, taken RETURNING id
), line AS (
  INSERT INTO reservation_line (id, reservation_id, line_no, item_id, location_id, quantity)
  SELECT gen_random_uuid(), held.id, 0, taken.item_id, taken.location_id, {units} FROM held, taken
), movement AS (
  INSERT INTO stock_movement (id, kind, item_id, location_id, from_state, to_state, quantity,
    reference, actor, occurred_at, transaction_id, digest)
  SELECT gen_random_uuid(), 'HELD', taken.item_id, taken.location_id, 'AVAILABLE', 'HELD', {units},
    'Reservation:' || held.id, 'bench', now(), held.id, md5(held.id::text) FROM held, taken
), key AS (
  INSERT INTO idempotency_key (id, actor, key, action, arguments_hash, outcome, created_at)
  SELECT gen_random_uuid(), 'bench', {key}, 'reservationCreate', '', '{{}}', now() FROM held
), audited AS (
  INSERT INTO audit_entry (id, recorded_at, actor, action, subject, transaction_id, digest,
    content_digest)
  SELECT gen_random_uuid(), now(), 'bench', 'reservationCreate', held.id::text, held.id, '', ''
  FROM held
), published AS (
  INSERT INTO event (type, occurred_at, actor, subject_type, subject_key, subject_version,
    channel_id, data, transaction_id, digest)
  SELECT 'reservation.created', now(), 'bench', 'Reservation', held.id::text, 1, 1, '{{}}', held.id,
    ''
  FROM held
)
SELECT id FROM held
"""
STATEMENT = ONE.format(hold="$1", units="$3", sku="$2", key="$4")
# pgbench has only text variables, so the SKU is built from a random number in :first … :last.
SCRIPT = "\\set number random(:first, :last)\n" + ONE.format(
    hold="gen_random_uuid()",
    units="1",
    sku="'SKU-' || lpad(:number::text, 7, '0')",
    key="gen_random_uuid()::text",
).strip().replace("\n", " ")


async def hold_one(pool: asyncpg.Pool[Any], sku: str, units: int, key: str) -> UUID | None:
    """Hold units of one SKU. Returns None if the stock is insufficient."""
    found: UUID | None = await pool.fetchval(STATEMENT, uuid4(), sku, units, key)
    return found


async def reserve(pool: asyncpg.Pool[Any], request: Request) -> Response:
    """Answer a hold request of one line by the statement."""
    [line] = orjson.loads(await request.body())["lines"]
    key = request.headers["idempotency-key"]
    hold_id = await hold_one(pool, line["sku"], line["quantity"], key)
    if hold_id is None:
        answer: dict[str, Any] = {"reservation": None, "code": "INSUFFICIENT_STOCK"}
    else:
        answer = {"reservation": {"id": str(hold_id), "status": "HELD"}, "userErrors": []}
    return Response(orjson.dumps(answer), media_type="application/json")
