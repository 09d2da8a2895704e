"""Level cache: levels from events equal those in the database; reads only when needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any, cast

import pytest

import models.queries.reads.stock as stock_reads
import subscriptions.streams.level_cache
from domain.access.callers import Role, holder
from models.catalog import ItemRow, LocationRow
from models.database.database import Database
from models.queries.events.event_log import LoggedEvent
from models.queries.reads.stock import LevelDetails
from models.stock import StockLevelRow
from subscriptions.cancellation import end
from subscriptions.streams.level_cache import NUMBERS, LevelCache
from tests.builders.catalog import an_item, items
from tests.builders.store import SKUS, Shop, open_shop
from tests.subscriptions.log.facts import until
from tests.subscriptions.log.writers import a_live
from workflows.catalog.items import upsert

ADMIN = holder(Role.ADMIN, actor="root")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def _act(shop: Shop, chance: Random, number: int) -> None:
    """Try a random stock operation, which may be refused."""
    sku, at = chance.choice(SKUS), chance.choice(["LEEDS", "YORK"])
    match chance.randrange(5):
        case 0:
            await shop.receive(chance.randint(1, 9), sku, at)
        case 1:
            await shop.adjust(chance.choice([-2, -1, 3]), sku, at)
        case 2:
            await shop.hold((sku, chance.randint(1, 3)))
        case 3:
            await shop.place((sku, chance.randint(1, 3)), reference=f"W-{number}")
        case 4:
            await shop.move(1, "AVAILABLE", "QUARANTINE", sku, at)


async def _levels_by_id(database: Database) -> Mapping[int, LevelDetails]:
    async with database.reading() as session:
        ids = [row["id"] for row in await session.fetch("SELECT id FROM stock_level")]
        return await stock_reads.level_details_by_id(session, ids)


async def test_the_newest_change_of_a_level_is_what_it_is(database: Database) -> None:
    shop, chance = await open_shop(database), Random(7)
    for sku in SKUS:
        await shop.receive(5, sku)
    live = a_live(database, "memory://")
    await live.start()
    received: dict[int, LevelDetails] = {}

    async def listen() -> None:
        async with aclosing(live.streams.stock_changed(ADMIN)) as stream:
            async for change in stream:
                received[change.details.level["id"]] = change.details

    listening = asyncio.create_task(listen())
    try:
        await until(lambda: live.relay.listeners == 1)
        before, changes = await _levels_by_id(database), 0
        for number in range(60):
            if number % 13 == 12:  # a change of the item drops it from the cache
                renamed = items(an_item(chance.choice(SKUS), name=f"renamed {number}"))
                assert not (await shop.transactions.perform(upsert, renamed)).refusals
            await _act(shop, chance, number)
            live.committed()
            now = await _levels_by_id(database)
            changed = {
                key: shelf
                for key, shelf in now.items()
                if key not in before or shelf.level["version"] != before[key].level["version"]
            }
            await _until_as_new(received, changed)
            assert {key: _shown(received[key]) for key in changed} == {
                key: _shown(each) for key, each in changed.items()
            }
            received.clear()
            before, changes = now, changes + len(changed)
    finally:
        await end(listening)
        await live.stop()
    assert changes > 30


def _shown(details: LevelDetails) -> LevelDetails:
    """Without the number of changes of the shelf: only counts compare it, and no event has it."""
    return replace(details, level=cast("StockLevelRow", {**details.level, "shelf_changes": 0}))


async def _until_as_new(
    received: Mapping[int, LevelDetails], changed: Mapping[int, LevelDetails]
) -> None:
    """Wait for the newest change of each level; earlier changes may come as well."""

    def are_received() -> bool:
        versions = {key: shelf.level["version"] for key, shelf in received.items()}
        return all(versions.get(key, -1) >= each.level["version"] for key, each in changed.items())

    await until(are_received)


class Reads:
    """Counts reads of levels; each level belongs to an item of its own."""

    def __init__(self) -> None:
        self.requested: list[list[int]] = []
        self.units = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def __call__(self, ids: Sequence[int]) -> Mapping[int, LevelDetails]:
        self.requested.append(list(ids))
        self.meanwhile()
        return {key: LevelDetails(_level(key, self.units), _item(key), LOCATION) for key in ids}


LOCATION = cast("LocationRow", {"id": 1})


def _item(key: int) -> ItemRow:
    return cast("ItemRow", {"id": key})


def _level(key: int, units: int, **facts: Any) -> StockLevelRow:
    numbers = dict.fromkeys(NUMBERS, units)
    level = {"id": key, "item_id": key, "location_id": 1, "incoming": 0, **numbers}
    return cast("StockLevelRow", {**level, "version": units, "updated_at": NOW, **facts})


def _event(key: int, units: int, subject: str = "StockLevel", **data: Any) -> LoggedEvent:
    return LoggedEvent(
        units, units, "any", NOW, "a", subject, str(key), units, None, "L", {"sku": "S", **data}
    )


def _change(key: int, units: int) -> LoggedEvent:
    numbers: dict[str, Any] = dict.fromkeys(NUMBERS.values(), units)
    return _event(key, units, **numbers)


async def test_item_and_location_are_read_once_until_they_may_have_changed() -> None:
    reads = Reads()
    shelves = LevelCache(reads)
    assert (await shelves.of([_change(1, 4), _change(2, 4)])).keys() == {1, 2}
    assert (await shelves.of([_change(1, 5)]))[1].level == _level(1, 5)
    assert reads.requested == [[1, 2]]
    for change in (_event(9, 6, "Order"), _change(1, 6)):
        shelves.observe(change)
    await shelves.of([_change(1, 6)])
    assert reads.requested == [[1, 2]]
    for subject in ("Item", "Location"):
        shelves.observe(_event(1, 7, subject))
        await shelves.of([_change(1, 7)])
    assert reads.requested == [[1, 2], [1], [1]]
    shelves.clear()
    await shelves.of([_change(2, 7)])
    assert reads.requested[3:] == [[2]]


async def test_a_read_during_a_possible_change_is_not_cached() -> None:
    reads = Reads()
    shelves = LevelCache(reads)
    reads.meanwhile = lambda: shelves.observe(_event(1, 1, "Item"))
    await shelves.of([_change(1, 1)])
    reads.meanwhile = lambda: None
    await shelves.of([_change(1, 2)])
    await shelves.of([_change(1, 3)])
    assert reads.requested == [[1], [1]]


async def test_what_was_read_before_its_events_had_positions_does_not_go_back() -> None:
    reads = Reads()
    shelves = LevelCache(reads)
    reads.units = 3  # three commits, of which only the first has its position
    received = [
        (await shelves.of([_change(1, units)]))[1].level["version"] for units in (1, 2, 3, 4)
    ]
    assert received == [3, 3, 3, 4]
    assert reads.requested == [[1]]


async def test_an_event_without_all_numbers_has_its_level_read() -> None:
    reads = Reads()
    shelves = LevelCache(reads)
    await shelves.of([_change(1, 1)])
    found = await shelves.of([_event(1, 2, available=2)])
    assert found[1].level == _level(1, 0)
    assert reads.requested == [[1], [1]]


async def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions.streams.level_cache, "LEVELS_MAX", 2)
    reads = Reads()
    shelves = LevelCache(reads)
    for key in (1, 2, 1, 3, 1, 2):
        await shelves.of([_change(key, 1)])
    assert reads.requested == [[1], [2], [3], [2]]
