"""Lists of holds by status, also while the sweep is late."""

from __future__ import annotations

from uuid import UUID

import pytest

import models.queries.reads.reservations as reservation_reads
import workflows.reservations.expiry as reservation_expiry
from models.database.database import Database
from models.queries.listing.paging import Window
from models.queries.listing.scopes import Scope
from tests.builders.store import Shop, open_shop


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


async def expired(shop: Shop, window: Window) -> list[UUID]:
    """The ids of a page of expired holds."""
    async with shop.database.snapshot() as session:
        page = await reservation_reads.reservations(
            session, Scope(), window, status="EXPIRED", channel=None, now=shop.clock.now
        )
    return [row["id"] for row in page.rows]


async def test_swept_and_unswept_expired_holds_are_one_list(shop: Shop) -> None:
    await shop.receive(9)
    for _ in range(2):
        await shop.hold(("TEE-M", 1), ttl_seconds=60)
        await shop.hold(("TEE-M", 1), ttl_seconds=3_000)
        shop.clock.forward(seconds=100)
        await reservation_expiry.sweep(shop.transactions)
    await shop.hold(("TEE-M", 1), ttl_seconds=1_000)
    shop.clock.forward(seconds=3_100)
    async with shop.database.snapshot() as session:
        rows = await session.fetch("SELECT id, created_at, status FROM reservation")
        page = await reservation_reads.reservations(
            session, Scope(), Window(9), status="EXPIRED", channel=None, now=shop.clock.now
        )
        assert await page.listing.count(session) == 5
    assert sorted(row["status"] for row in rows) == ["EXPIRED"] * 2 + ["HELD"] * 3
    newest = sorted(rows, key=lambda row: (row["created_at"], row["id"]), reverse=True)
    ids = [row["id"] for row in newest]
    assert await expired(shop, Window(9)) == ids
    assert await expired(shop, Window(2)) == ids[:2]
    assert await expired(shop, Window(2, from_end=True)) == ids[-2:]
    third = [newest[2]["created_at"].isoformat(), str(ids[2])]
    assert await expired(shop, Window(9, after=third)) == ids[3:]
    assert await expired(shop, Window(9, before=third)) == ids[:2]
