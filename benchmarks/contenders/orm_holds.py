"""Holds as an application with an ORM makes them: read, change and save in one transaction each.

Usage: python -m benchmarks.contenders.orm_holds URL REQUESTS CLIENTS < orders.json
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import uvloop
from tortoise import Tortoise
from tortoise.transactions import in_transaction

import server.process.garbage_collection as garbage_collection
from models.access import IdempotencyKey
from models.audit import AuditEntry
from models.catalog import Item
from models.database.configuration import DatabaseLimits, tortoise_config
from models.events import Event
from models.reservations import Reservation, ReservationLine
from models.stock import StockLevel, StockMovement

Order = Sequence[tuple[str, int]]


async def hold(order: Order, key: str) -> None:
    """Hold the units of each SKU at the first location with enough stock."""
    now = datetime.now(UTC)
    hold_id, transaction_id = uuid4(), uuid4()
    async with in_transaction("default"):
        await Reservation.create(
            id=hold_id,
            status="HELD",
            channel_id=1,
            actor="orm",
            created_at=now,
            expires_at=now + timedelta(seconds=900),
            first_ttl_seconds=900,
            routing={},
        )
        for place, (sku, units) in enumerate(sorted(order)):
            await _take(hold_id, transaction_id, place, sku, units)
        await Event.create(
            type="reservation.created",
            occurred_at=now,
            actor="orm",
            subject_type="Reservation",
            subject_key=str(hold_id),
            subject_version=1,
            channel_id=1,
            data={},
            transaction_id=transaction_id,
            digest="",
        )
        await AuditEntry.create(
            id=uuid4(),
            at=now,
            actor="orm",
            action="reservationCreate",
            subject=str(hold_id),
            content_digest="",
            transaction_id=transaction_id,
            digest="",
        )
        await IdempotencyKey.create(
            id=uuid4(),
            actor="orm",
            key=key,
            action="reservationCreate",
            arguments_hash="",
            outcome={},
            created_at=now,
        )


async def _take(hold_id: UUID, transaction_id: UUID, place: int, sku: str, units: int) -> None:
    now = datetime.now(UTC)
    item = await Item.get(sku=sku)
    found = StockLevel.filter(item_id=item.id, available__gte=units).order_by("location_id")
    level = await found.select_for_update().first()
    assert level is not None
    level.available -= units
    level.held += units
    level.version += 1
    level.updated_at = now
    await level.save()
    where = {"item_id": item.id, "location_id": level.location_id, "quantity": units}
    await ReservationLine.create(id=uuid4(), reservation_id=hold_id, line_no=place, **where)
    await StockMovement.create(
        id=uuid4(),
        kind="HELD",
        from_state="AVAILABLE",
        to_state="HELD",
        actor="orm",
        occurred_at=now,
        transaction_id=transaction_id,
        digest="",
        **where,
    )


async def run(url: str, orders: Sequence[Order], requests: int, clients: int) -> float:
    """Make `requests` holds and return their number per second. All must be accepted."""
    await Tortoise.init(config=tortoise_config(url, DatabaseLimits()), _enable_global_fallback=True)
    numbers, next_order = iter(range(requests)), itertools.cycle(orders)

    async def client() -> None:
        for number in numbers:
            await hold(next(next_order), f"orm-{number}-{uuid4()}")

    garbage_collection.settle()  # the same settings as for Restow
    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - started
    await Tortoise.close_connections()
    return requests / seconds


def main() -> None:
    """Read the orders and print the rate."""
    url, requests, clients = sys.argv[1:]
    print(uvloop.run(run(url, json.load(sys.stdin), int(requests), int(clients))))


if __name__ == "__main__":
    main()
