"""Tablets scan parcels at real servers; each unit is scanned once, each parcel is picked once.

RESTOW_LONG=1 uses 50 tablets and 5,000 units in 1,500 parcels.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable

import orjson

from models.database.database import Database
from tests.builders.transactions import rows
from tests.races.floor.floor_client import FloorClient, differences
from tests.races.floor.scan_load import SKUS, ScanLoad, baskets
from tests.races.queue_screens import Screen
from tests.subscriptions.log.facts import until

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
TABLETS, PARCELS, UNITS = (50, 1_500, 5_000) if IS_LONG else (8, 24, 80)
SCREENS = 2


async def test_each_unit_is_scanned_once(
    client: FloorClient, database: Database, report_figure: Callable[[str], None]
) -> None:
    await client.furnish(SKUS, {"LEEDS": UNITS})
    contents = baskets(PARCELS, UNITS)
    load = ScanLoad(client, database, tablets=TABLETS, contents=contents)
    screens = [Screen(client, seed) for seed in range(SCREENS)]
    async with asyncio.TaskGroup() as tasks:
        showing = [tasks.create_task(screen.run()) for screen in screens]
        for _ in range(TABLETS):
            tasks.create_task(load.work())
        tasks.create_task(load.take_orders())
        tasks.create_task(load.sweep())
        await until(lambda: load.is_over, seconds=1_200)
        await asyncio.gather(*(screen.agrees() for screen in screens))
        for each in showing:
            each.cancel()
    assert all(screen.tasks == {} for screen in screens)
    scanned: Counter[str] = Counter()
    picked: Counter[str] = Counter()
    for row in await rows(
        database,
        "SELECT type, subject_key, data FROM event"
        " WHERE type IN ('fulfillment.scanned', 'fulfillment.picked')",
    ):
        if row["type"] == "fulfillment.picked":
            picked[row["subject_key"]] += 1
        else:
            scanned.update(orjson.loads(row["data"])["units"])
    wanted = sum((Counter(each) for each in contents), Counter[str]())
    assert scanned == {client.own(sku): units for sku, units in wanted.items()}
    assert len(picked) == PARCELS
    assert set(picked.values()) == {1}
    lines = await rows(database, "SELECT id FROM fulfillment_line WHERE picked <> quantity")
    assert lines == []
    levels = await client.levels(*SKUS, at=1)
    assert sum(level["picked"] for level in levels.values()) == UNITS
    assert await differences(database) == []
    report_figure(
        f"scans: {UNITS} units in {PARCELS} parcels scanned once each by {TABLETS} tablets;"
        f" {load.repeated} batches answered twice, {load.dropped} requests dropped,"
        f" {len(load.dead)} tablets died"
    )
