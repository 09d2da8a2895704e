"""Lists of holds by status, also while the sweep is late."""

from __future__ import annotations

from uuid import UUID

import pytest

import models.queries.listing.paging as paging
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


ENDS = "RCXH-HRXCR-H"  # released, committed, expired, still held; `-`: at the other location


async def test_pages_for_a_location_pass_over_hidden_holds(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of three rows; holds of some states are only at one of the locations."""
    monkeypatch.setattr(paging, "BLOCK", 3)
    for sku, at in (("TEE-M", "LEEDS"), ("TEE-S", "YORK")):
        await shop.receive(90, sku, at)
    for number, end in enumerate(ENDS):
        for sku in ("TEE-S",) if end == "-" else ("TEE-S", "TEE-M")[number % 2 :]:
            seconds = 60 if end == "X" else 9_000
            held = await shop.hold((sku, 1), ttl_seconds=seconds)
            if end == "R" and sku == "TEE-S":
                await shop.release(held)
            if end == "C":
                await shop.place((sku, 1), hold=held, reference=f"{number}-{sku}")
            shop.clock.forward(seconds=1)
    shop.clock.forward(seconds=70)
    await reservation_expiry.sweep(shop.transactions)
    async with shop.database.snapshot() as session:
        rows = await session.fetch(
            "SELECT r.id, r.created_at, r.status, l.location_id AS place FROM reservation r"
            " JOIN reservation_line l ON l.reservation_id = r.id ORDER BY r.created_at DESC"
        )
        places = {row["place"] for row in rows}
        assert len(places) == 2
        assert len({row["status"] for row in rows}) == 4
        for place in places:
            shown = [row for row in rows if row["place"] == place]
            for start in range(len(shown)):
                for size in (1, 2, 5, 20):
                    cursor = [shown[start]["created_at"].isoformat(), str(shown[start]["id"])]
                    later, earlier = shown[start + 1 :], shown[:start]
                    for window, expected in (
                        (Window(size), shown[:size]),
                        (Window(size, from_end=True), shown[-size:]),
                        (Window(size, after=cursor), later[:size]),
                        (Window(size, before=cursor, from_end=True), earlier[-size:]),
                        (Window(size, before=cursor), earlier[:size]),
                    ):
                        page = await reservation_reads.reservations(
                            session,
                            Scope(location_ids=[place]),
                            window,
                            status=None,
                            channel=None,
                            now=shop.clock.now,
                        )
                        assert [row["id"] for row in page.rows] == [row["id"] for row in expected]
