"""Baseline for reads: Starlette, one asyncpg statement and orjson.

It sends the same bytes as Restow. It has no GraphQL, no permissions and no error handling: the
least work that can produce the answer.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.catalog import LOCATIONS

AVAILABILITY = """
SELECT i.sku, array_agg(GREATEST(0, s.available - s.safety_stock) ORDER BY s.location_id) AS units
FROM item i JOIN stock_level s ON s.item_id = i.id
WHERE i.sku = ANY($1::text[]) GROUP BY i.sku
"""
_ITEMS = """
SELECT id, sku, name, category, price_minor, price_currency FROM item ORDER BY id DESC LIMIT 50
"""
_LEVELS = """
SELECT s.id, s.available, s.held, s.allocated, s.safety_stock, s.updated_at, i.sku, l.code,
  s.available + s.held + s.allocated + s.quality_control + s.quarantine + s.refurbishing
    + s.damaged AS on_hand
FROM stock_level s JOIN item i ON i.id = s.item_id JOIN location l ON l.id = s.location_id
ORDER BY s.id DESC LIMIT 50
"""
_ORDERS = """
SELECT o.id, o.number, o.status, o.total_minor, o.currency, o.placed_at,
  array_agg(i.sku ORDER BY l.line_no) AS skus,
  array_agg(l.quantity ORDER BY l.line_no) AS quantities,
  array_agg(l.unit_price_minor ORDER BY l.line_no) AS prices
FROM (SELECT * FROM sales_order ORDER BY id DESC LIMIT 20) o
JOIN order_line l ON l.order_id = o.id JOIN item i ON i.id = l.item_id
GROUP BY o.id, o.number, o.status, o.total_minor, o.currency, o.placed_at ORDER BY o.id DESC
"""
_WALK = """
SELECT p.code, i.sku, l.quantity - l.picked AS quantity, f.id, f.number
FROM task t
JOIN fulfillment f ON f.id = t.subject_key::uuid
JOIN fulfillment_line l ON l.fulfillment_id = f.id AND l.picked < l.quantity
JOIN item i ON i.id = l.item_id
JOIN stock_level s ON s.item_id = l.item_id AND s.location_id = f.location_id
JOIN bin_stock b ON b.level_id = s.id
JOIN location p ON p.id = b.bin_id
WHERE t.location_id = 1 AND t.queue = 'PICK' AND t.status = 'CLAIMED' AND t.claimed_by = 'bootstrap'
  AND t.lease_until_at > now()
ORDER BY p.walk_order, i.id, t.priority DESC, t.seniority DESC
"""


def _id(kind: str, key: object) -> str:
    return b64encode(f"{kind}:{key}".encode()).decode()


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _money(minor: int, currency: str) -> dict[str, str]:
    return {"amount": f"{minor // 100}.{minor % 100:02d}", "currencyCode": currency}


def _answer(name: str, found: Any) -> Response:
    return Response(orjson.dumps({"data": {name: found}}), media_type="application/json")


class Reads:
    """One endpoint with one statement for each of the five query shapes."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool
        today = datetime.now(UTC).replace(hour=23, minute=59, second=59, microsecond=0)
        # Computed once: the baseline spends no time on dates.
        self._ship_by = _text(today + timedelta(days=1))
        self._deliver_by = _text(today + timedelta(days=3))

    async def availability(self, request: Request) -> Response:
        """Answer a body `{"channel", "skus"}`."""
        body = orjson.loads(await request.body())
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(AVAILABILITY, body["skus"])
        now, ship_by, channel = _text(datetime.now(UTC)), self._ship_by, body["channel"]
        deliver_by = self._deliver_by
        found = {row["sku"]: row["units"] for row in rows}
        answer = []
        for sku in body["skus"]:
            units = found[sku]
            total = sum(units)
            answer.append(
                {
                    "sku": sku,
                    "channel": channel,
                    "availableToPromise": total,
                    "inStock": total > 0,
                    "locations": [
                        {
                            "location": code,
                            "available": available,
                            "shipBy": ship_by if available else None,
                        }
                        for code, available in zip(LOCATIONS, units, strict=True)
                    ],
                    "shipBy": ship_by if total else None,
                    "deliverBy": deliver_by if total else None,
                    "asOf": now,
                }
            )
        return _answer("availability", answer)

    async def walk(self, _: Request) -> Response:
        """Answer with the claimed parcels' units by bin and item, in walk order."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_WALK)
        stops: list[dict[str, Any]] = []
        place = None
        for code, sku, quantity, key, number in rows:
            if place != (code, sku):
                place = (code, sku)
                stop = {"bin": {"code": code}, "item": {"sku": sku}, "quantity": 0, "parts": []}
                stops.append(stop)
            stops[-1]["quantity"] += quantity
            parcel = {"id": _id("Fulfillment", key), "number": number}
            stops[-1]["parts"].append({"quantity": quantity, "fulfillment": parcel})
        return _answer("pickWalk", stops)

    async def items(self, _: Request) -> Response:
        """Answer with the newest 50 items."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_ITEMS)
        nodes = [
            {
                "id": _id("Item", row["id"]),
                "sku": row["sku"],
                "name": row["name"],
                "category": row["category"],
                "price": _money(row["price_minor"], row["price_currency"]),
            }
            for row in rows
        ]
        return _answer("items", {"nodes": nodes})

    async def levels(self, _: Request) -> Response:
        """Answer with the newest 50 levels."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_LEVELS)
        nodes = [
            {
                "id": _id("StockLevel", row["id"]),
                "available": row["available"],
                "held": row["held"],
                "allocated": row["allocated"],
                "safetyStock": row["safety_stock"],
                "onHand": row["on_hand"],
                "updatedAt": _text(row["updated_at"]),
                "item": {"sku": row["sku"]},
                "location": {"code": row["code"]},
            }
            for row in rows
        ]
        return _answer("stockLevels", {"nodes": nodes})

    async def orders(self, _: Request) -> Response:
        """Answer with the newest 20 orders and their lines."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_ORDERS)
        nodes = [
            {
                "id": _id("Order", row["id"]),
                "number": row["number"],
                "status": row["status"],
                "total": _money(row["total_minor"], row["currency"]),
                "placedAt": _text(row["placed_at"]),
                "lines": [
                    {"sku": sku, "quantity": quantity, "unitPrice": _money(price, row["currency"])}
                    for sku, quantity, price in zip(
                        row["skus"], row["quantities"], row["prices"], strict=True
                    )
                ],
            }
            for row in rows
        ]
        return _answer("orders", {"nodes": nodes})
