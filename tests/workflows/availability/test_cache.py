"""Availability cache: its answers equal those of the database after every event."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

import models.queries.stock.availability as availability_queries
import models.queries.stock.changes as change_queries
import workflows.availability.availability
import workflows.availability.cache
import workflows.catalog.channels
import workflows.catalog.items
import workflows.catalog.locations
import workflows.reservations.expiry as reservation_expiry
import workflows.stock.goods_receipts
from domain.errors import NotFound
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.catalog import a_channel, a_location, an_item, items
from tests.builders.store import ADMIN, SHOP, SKUS, Shop, open_shop
from workflows.availability.availability import Availability
from workflows.availability.cache import AvailabilityCache
from workflows.stock.goods_receipts import SetSafetyStock
from workflows.transactions.outcomes import Request


async def stocked(database: Database) -> tuple[Shop, AvailabilityCache]:
    shop = await open_shop(database)
    for sku in SKUS:
        await shop.receive(10, sku)
    return shop, AvailabilityCache(database, shop.clock)


async def from_cache(cached: AvailabilityCache, channel: str = "web") -> list[Availability | None]:
    as_of, found = await cached.find(channel, SKUS, ADMIN)
    return [each and replace(each, as_of=as_of) for each in found]


async def read(shop: Shop, channel: str = "web") -> list[Availability | None]:
    async with shop.database.snapshot() as session:
        return await workflows.availability.availability.find(
            session, channel, SKUS, ADMIN, shop.clock.now
        )


async def test_after_every_fact_it_says_what_the_database_says(database: Database) -> None:
    shop, cached = await stocked(database)
    perform = shop.transactions.perform

    async def agrees() -> None:
        for channel in ("web", "market"):
            assert await from_cache(cached, channel) == await read(shop, channel)

    await agrees()
    hold = await shop.hold(("TEE-M", 3))
    await agrees()
    await shop.release(hold)
    await agrees()
    order = await shop.place(("TEE-M", 2), ("TEE-S", 1))
    await agrees()
    await shop.cancel(order)
    await agrees()
    await shop.adjust(-4)
    await agrees()
    waiting = await shop.place(("TEE-M", 30), reference="W-2", backorder=True)
    await agrees()
    await shop.cancel(waiting)
    await agrees()
    safety = SetSafetyStock("LEEDS", "TEE-L", 7)
    await perform(workflows.stock.goods_receipts.set_safety_stock, Request(safety, ADMIN))
    await agrees()
    await perform(workflows.catalog.channels.upsert, a_channel("web", safety_buffer=2))
    await agrees()
    await perform(workflows.catalog.locations.upsert, a_location("LEEDS", active=False))
    await agrees()
    await perform(workflows.catalog.locations.upsert, a_location("LEEDS", daily_order_capacity=1))
    await agrees()
    await shop.place(("COAT", 1), reference="W-3")
    await agrees()
    await perform(workflows.catalog.items.upsert, items(an_item("COAT", category="hats")))
    await shop.publish(
        PolicyKind.ROUTING, {"protected": [{"channel": "market", "category": "hats", "units": 4}]}
    )
    await agrees()


async def test_a_hold_that_is_over_frees_its_units_by_the_clock(database: Database) -> None:
    shop, cached = await stocked(database)
    await shop.hold(("TEE-M", 10), ttl_seconds=60)
    assert [each and each.available_to_promise for each in await from_cache(cached)][1] == 0
    shop.clock.now += timedelta(seconds=60)
    assert [each and each.available_to_promise for each in await from_cache(cached)][1] == 10
    assert await from_cache(cached) == await read(shop)


async def test_each_end_of_a_hold_is_followed_by_the_clock(database: Database) -> None:
    shop, cached = await stocked(database)
    extended = await shop.hold(("TEE-M", 4), ttl_seconds=60)
    await shop.hold(("TEE-M", 3), ttl_seconds=90)
    await shop.hold(("TEE-M", 2), ("TEE-S", 1), ttl_seconds=120)

    async def units_after(seconds: int) -> int:
        shop.clock.forward(seconds=seconds)
        assert await from_cache(cached) == await read(shop)
        found = (await from_cache(cached))[1]
        assert found is not None
        return found.available_to_promise

    assert await units_after(0) == 1
    assert not (await shop.extend(extended, 200)).refusals
    assert [await units_after(seconds) for seconds in (60, 29, 1)] == [1, 1, 4]
    await reservation_expiry.sweep(shop.transactions)
    assert [await units_after(seconds) for seconds in (29, 1, 79, 1)] == [4, 6, 6, 10]


async def test_an_extension_that_commits_after_the_end_is_followed(database: Database) -> None:
    """A read in between saw the hold at its old end, and its units as available."""
    shop, cached = await stocked(database)
    extended = await shop.hold(("TEE-M", 4), ttl_seconds=60)
    shop.clock.forward(seconds=60)
    assert [each and each.available_to_promise for each in await from_cache(cached)][1] == 10
    shop.clock.forward(seconds=-1)
    assert not (await shop.extend(extended, 120)).refusals
    shop.clock.forward(seconds=1)
    assert [each and each.available_to_promise for each in await from_cache(cached)][1] == 6


async def test_what_it_knows_is_not_read_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor because holds of other SKUs have expired."""
    shop, cached = await stocked(database)
    requested: list[list[str]] = []
    supply_of_items = availability_queries.supply_of_items

    async def counted(session: object, skus: list[str], now: object) -> object:
        requested.append(list(skus))
        return await supply_of_items(session, skus, now)  # type: ignore[arg-type]

    monkeypatch.setattr(availability_queries, "supply_of_items", counted)
    await from_cache(cached)
    await from_cache(cached)
    assert requested == [sorted(sku.lower() for sku in SKUS)]
    await shop.hold(("TEE-M", 1), ttl_seconds=60)
    await from_cache(cached)
    assert requested[1:] == [["tee-m"]]
    shop.clock.forward(seconds=59)
    await from_cache(cached)
    shop.clock.forward(seconds=1)
    await from_cache(cached)
    assert requested[2:] == [["tee-m"]]


async def test_news_during_a_read_are_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event is committed after the read's snapshot, and its news arrive before the read ends."""
    shop, cached = await stocked(database)
    supply_of_items = availability_queries.supply_of_items
    is_first = True

    async def overtaken(session: object, skus: list[str], now: object) -> object:
        nonlocal is_first
        found = await supply_of_items(session, skus, now)  # type: ignore[arg-type]
        if is_first:
            is_first = False
            await shop.hold(("TEE-M", 4))
            await cached.find("web", ["unknown"], ADMIN)
        return found

    monkeypatch.setattr(availability_queries, "supply_of_items", overtaken)
    await from_cache(cached)
    assert await from_cache(cached) == await read(shop)


async def test_too_much_news_empty_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, cached = await stocked(database)
    await from_cache(cached)
    monkeypatch.setattr(change_queries, "CHANGES_MAX", 3)
    for _ in range(4):
        await shop.hold(("TEE-M", 1))
    assert await from_cache(cached) == await read(shop)


async def test_it_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _, cached = await stocked(database)
    monkeypatch.setattr(workflows.availability.cache, "GOODS_MAX", 2)
    assert len(await from_cache(cached)) == len(SKUS)
    assert len(cached._entries) == 2


async def test_a_channel_out_of_scope_does_not_exist(database: Database) -> None:
    _, cached = await stocked(database)
    with pytest.raises(NotFound):
        await cached.find("market", SKUS, SHOP)
