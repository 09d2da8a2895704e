"""Baseline for holds: a JSON endpoint with a group commit that writes the same rows as Restow.

Rows: hold, lines, movements, levels, events, audit entry and idempotency key. There is no routing,
no policy and no scope, and only one channel. One writer takes all requests that were queued during
its last commit.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

GROUP_MAX = 256
_LOCK_KEYS = "SELECT n FROM unnest($1::bigint[]) AS n WHERE pg_try_advisory_xact_lock(n)"
_KEYS = "SELECT key FROM idempotency_key WHERE key = ANY($1::text[])"
_LOCK = """
SELECT s.id, s.item_id, s.location_id, s.available, s.held, s.version, i.sku
FROM stock_level s JOIN item i ON i.id = s.item_id WHERE i.sku = ANY($1::text[])
ORDER BY s.item_id, s.location_id FOR NO KEY UPDATE OF s
"""
_APPLY = """
UPDATE stock_level s SET available = available - d.units, held = held + d.units,
  version = version + 1, updated_at = $3
FROM unnest($1::bigint[], $2::bigint[]) AS d(id, units) WHERE s.id = d.id
"""
_TABLES = {
    "reservation": "id:uuid status:text channel_id:bigint actor:text created_at:timestamptz"
    " expires_at:timestamptz first_ttl_seconds:bigint routing:jsonb",
    "reservation_line": "id:uuid reservation_id:uuid line_no:bigint item_id:bigint"
    " location_id:bigint quantity:bigint",
    "stock_movement": "id:uuid kind:text item_id:bigint location_id:bigint from_state:text"
    " to_state:text quantity:bigint reference:text actor:text occurred_at:timestamptz"
    " transaction_id:uuid digest:text",
    "event": "type:text occurred_at:timestamptz actor:text subject_type:text subject_key:text"
    " subject_version:bigint channel_id:bigint location_id:bigint data:jsonb"
    " transaction_id:uuid digest:text",
    "audit_entry": "id:uuid recorded_at:timestamptz actor:text action:text subject:text after:jsonb"
    " transaction_id:uuid digest:text content_digest:text",
    "idempotency_key": "id:uuid actor:text key:text action:text arguments_hash:text outcome:jsonb"
    " created_at:timestamptz",
}


def _insert(table: str) -> str:
    columns = [column.split(":") for column in _TABLES[table].split()]
    names = ", ".join(name for name, _ in columns)
    arrays = ", ".join(
        f"${place}::{'text' if kind == 'jsonb' else kind}[]"
        for place, (_, kind) in enumerate(columns, start=1)
    )
    chosen = ", ".join(f"{name}::jsonb" if kind == "jsonb" else name for name, kind in columns)
    return f"INSERT INTO {table} ({names}) SELECT {chosen} FROM unnest({arrays}) AS r({names})"


INSERTS = {table: _insert(table) for table in _TABLES}


def _digest(row: tuple[Any, ...]) -> str:
    return hashlib.sha256(orjson.dumps(row, default=str)).hexdigest()


@dataclass(slots=True)
class _Rows:
    """Rows that a batch writes, by table."""

    now: datetime
    transaction_id: UUID = field(default_factory=uuid4)
    tables: dict[str, list[tuple[Any, ...]]] = field(
        default_factory=lambda: {table: [] for table in _TABLES}
    )

    def hold(self, lines: list[tuple[Any, str, int]], key: str, body: bytes) -> UUID:
        """Add the rows of one hold and return its id."""
        tables, now, hold_id = self.tables, self.now, uuid4()
        until = now + timedelta(seconds=900)
        routing = '{"chosen": []}'
        tables["reservation"].append((hold_id, "HELD", 1, "baseline", now, until, 900, routing))
        for place, (level, _, quantity) in enumerate(lines):
            key_of_line = (level["item_id"], level["location_id"])
            tables["reservation_line"].append((uuid4(), hold_id, place, *key_of_line, quantity))
            reference = f"Reservation:{hold_id}"
            states = ("AVAILABLE", "HELD", quantity, reference, "baseline", now)
            movement = (uuid4(), "HELD", *key_of_line, *states, self.transaction_id)
            tables["stock_movement"].append((*movement, _digest(movement)))
        units = {sku: quantity for _, sku, quantity in lines}
        self.event("reservation.created", "Reservation", hold_id, 1, None, {"units": units})
        after = orjson.dumps({"status": "HELD", "units": units}).decode()
        audit = (uuid4(), now, "baseline", "reservationCreate", f"Reservation:{hold_id}", after)
        tables["audit_entry"].append((*audit, self.transaction_id, _digest(audit), ""))
        outcome = orjson.dumps({"reservation": str(hold_id)}).decode()
        arguments = hashlib.sha256(body).hexdigest()
        row = (uuid4(), "baseline", key, "reservationCreate", arguments, outcome, now)
        tables["idempotency_key"].append(row)
        return hold_id

    def event(
        self, kind: str, subject: str, key: object, version: int, place: int | None, data: Any
    ) -> None:
        content = orjson.dumps(data).decode()
        facts = (kind, self.now, "baseline", subject, str(key), version, 1, place)
        row = (*facts, content, self.transaction_id)
        self.tables["event"].append((*row, _digest(row)))


class Writer:
    """Hold units; one transaction for each batch of queued requests."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool
        self._queue: deque[tuple[Any, bytes, str, asyncio.Future[UUID | None]]] = deque()
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def reserve(self, request: Request) -> Response:
        """Answer a body `{"lines": [{"sku", "quantity"}]}`."""
        body = await request.body()
        future: asyncio.Future[UUID | None] = asyncio.get_running_loop().create_future()
        key = request.headers["idempotency-key"]
        self._queue.append((orjson.loads(body), body, key, future))
        self._wake.set()
        hold_id = await future
        if hold_id is None:
            answer: dict[str, Any] = {"reservation": None, "code": "INSUFFICIENT_STOCK"}
        else:
            answer = {"reservation": {"id": str(hold_id), "status": "HELD"}, "userErrors": []}
        return Response(orjson.dumps(answer), media_type="application/json")

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                count = min(GROUP_MAX, len(self._queue))
                batch = [self._queue.popleft() for _ in range(count)]
                async with self._pool.acquire() as connection, connection.transaction():
                    found = await self._hold(connection, batch)
                for (_, _, _, future), hold_id in zip(batch, found, strict=True):
                    future.set_result(hold_id)

    async def _hold(self, connection: Any, batch: Any) -> list[UUID | None]:
        keys = [key for _, _, key, _ in batch]
        numbers = [
            int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], signed=True) for key in keys
        ]
        await connection.fetch(_LOCK_KEYS, sorted(numbers))
        await connection.fetch(_KEYS, keys)
        skus = {line["sku"] for command, _, _, _ in batch for line in command["lines"]}
        levels: dict[str, list[Any]] = {}
        for row in await connection.fetch(_LOCK, list(skus)):
            levels.setdefault(row["sku"], []).append(row)
        left = {row["id"]: row["available"] for rows in levels.values() for row in rows}
        rows, taken, found = _Rows(datetime.now(UTC)), dict[int, int](), list[UUID | None]()
        for command, body, key, _ in batch:
            lines = []
            for line in command["lines"]:
                wanted = line["quantity"]
                chosen = [row for row in levels[line["sku"]] if left[row["id"]] >= wanted]
                if not chosen:
                    break
                lines.append((chosen[0], line["sku"], wanted))
            if len(lines) < len(command["lines"]):
                found.append(None)
                continue
            for level, _, quantity in lines:
                left[level["id"]] -= quantity
                taken[level["id"]] = taken.get(level["id"], 0) + quantity
            found.append(rows.hold(lines, key, body))
        await self._write(connection, rows, taken, levels)
        return found

    @staticmethod
    async def _write(
        connection: Any, rows: _Rows, taken: dict[int, int], levels: dict[str, list[Any]]
    ) -> None:
        for of_sku in levels.values():
            for row in of_sku:
                if units := taken.get(row["id"]):
                    facts = {"sku": row["sku"], "available": row["available"] - units}
                    subject = ("StockLevel", row["id"], row["version"] + 1, row["location_id"])
                    rows.event("stock.changed", *subject, facts)
        await connection.execute(_APPLY, list(taken), list(taken.values()), rows.now)
        for table, found in rows.tables.items():
            if found:
                await connection.execute(INSERTS[table], *map(list, zip(*found, strict=True)))
