"""Many tablets on real servers, some of which fail: each task is done once, each screen is right.

The screens show the queues PICK, PACK, PUTAWAY and COUNT. RESTOW_LONG=1 uses 50 tablets, 2,000
tasks and 100 comparisons.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from tests import databases
from tests.builders.transactions import rows
from tests.conftest import session_directory
from tests.races.floor_load import SKUS, FloorLoad
from tests.races.queue_screens import Screen
from tests.races.server_processes import Cluster, TradingClient
from tests.races.warehouse_load import WarehouseLoad
from tests.subscriptions.log.facts import opened, until
from workflows.ledger.reconciliation import reconcile

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
TABLETS, PARCELS, COMPARISONS = (50, 2_000, 100) if IS_LONG else (8, 60, 5)
QUEUES = ("PICK", "PICK", "PACK", "PUTAWAY", "COUNT")
DONE = (
    "SELECT e.subject_key FROM event e JOIN task t ON CAST(t.id AS text) = e.subject_key"
    " WHERE e.type = 'task.done' AND t.queue = 'PICK'"
)
PICKED = "SELECT subject_key FROM event WHERE type = 'fulfillment.picked'"


@pytest.fixture
def database_url(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if engine == "sqlite":
        yield databases.fresh_sqlite(session_directory(), tmp_path_factory.mktemp("races"))
        return
    url = databases.fresh_postgres(session_directory())
    yield url
    databases.give_back_postgres(url)


@pytest.fixture
async def cluster(engine: str, database_url: str) -> AsyncIterator[Cluster]:
    """Two server processes on PostgreSQL; one on SQLite."""
    processes, broadcast = (2, database_url) if engine == "postgres" else (1, "memory://")
    async with Cluster(database_url, processes=processes, broadcast=broadcast) as opened:
        yield opened


async def compare_screens(load: WarehouseLoad, screens: list[Screen]) -> int:
    """Compare the screens at random moments; return the total number of tasks that they showed."""
    chance = random.Random(100)
    seen = 0
    for moment in sorted(chance.sample(range(1, PARCELS * 9 // 10), COMPARISONS)):
        await until(lambda moment=moment: len(load.done) >= moment, seconds=120)  # type: ignore[misc]
        async with load.gate.shut():
            await asyncio.gather(*(screen.agrees() for screen in screens))
        seen += sum(len(screen.tasks) for screen in screens)
        for screen in screens:
            screen.lose()
    return seen


async def test_each_task_is_done_once_and_each_screen_shows_it(
    cluster: Cluster, database_url: str, report_figure: Callable[[str], None]
) -> None:
    client = TradingClient(cluster, "stall")
    await client.furnish(["TEE", *SKUS], {"LEEDS": PARCELS})
    async with opened(database_url) as database:
        load = WarehouseLoad(cluster, client, database, tablets=TABLETS, parcels=PARCELS)
        floor = FloorLoad(cluster, client, load.gate)
        screens = [Screen(client, seed, queue) for seed, queue in enumerate(QUEUES)]
        async with asyncio.TaskGroup() as tasks:
            showing = [tasks.create_task(screen.run()) for screen in screens]
            for _ in range(TABLETS):
                tasks.create_task(load.work())
            tasks.create_task(load.take_orders())
            tasks.create_task(load.sweep())
            tasks.create_task(floor.work(lambda: load.is_over))
            seen = await compare_screens(load, screens)
            await until(lambda: load.is_over, seconds=600)
            await asyncio.gather(*(screen.agrees() for screen in screens))
            for each in showing:
                each.cancel()
        assert all(screen.tasks == {} for screen in screens if screen.queue == "PICK")
        assert max(Counter(load.done).values()) == 1
        for sql in (DONE, PICKED):
            subjects = [row["subject_key"] for row in await rows(database, sql)]
            assert len(subjects) == len(set(subjects)) == PARCELS
        assert [str(each) for each in await reconcile(database)] == []
    report_figure(
        f"tablets: {PARCELS} tasks done once each, {len(load.dead)} tablets died; {len(QUEUES)}"
        f" screens right in {COMPARISONS} moments ({seen / COMPARISONS:.0f} tasks each), begun"
        f" {sum(screen.begun for screen in screens)} times"
    )
