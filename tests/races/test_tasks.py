"""Many tablets at real servers: each task is claimed by one of them, and done once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

from models.database import Database
from tests import databases
from tests.conftest import session_directory
from tests.races.house import House, Stall
from workflows.reconcile import reconcile

TABLETS = 20
PARCELS = 120
CLAIM = """mutation($at: String!, $limit: Int!) {
  taskClaim(queue: PICK, locationCode: $at, limit: $limit) {
    tasks { id subject { id } } userErrors { code } } }"""
PICK = """mutation($id: ID!) { fulfillmentPick(fulfillmentId: $id) {
  fulfillment { status } userErrors { code } } }"""


@pytest.fixture
def database_url(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if engine == "sqlite":
        yield databases.fresh_sqlite(session_directory(), tmp_path_factory.mktemp("races"))
        return
    url = databases.fresh_postgres(session_directory())
    yield url
    databases.drop_postgres(url)


@pytest.fixture
async def house(engine: str, database_url: str) -> AsyncIterator[House]:
    """Two server processes on PostgreSQL; one on SQLite."""
    processes, broadcast = (2, database_url) if engine == "postgres" else (1, "memory://")
    async with House(database_url, processes=processes, broadcast=broadcast) as opened:
        yield opened


async def test_each_task_is_done_by_one_tablet(house: House, database_url: str) -> None:
    stall = Stall(house, "stall")
    await stall.furnish(["TEE"], {"LEEDS": PARCELS})
    for first in range(0, PARCELS, 10):
        few = range(first, first + 10)
        await asyncio.gather(*(stall.place({"TEE": 1}, f"W-{n}", at=n) for n in few))

    async def tablet(number: int) -> list[str]:
        """Claims and picks until the queue is empty; the tasks it had."""
        mine: list[str] = []
        while True:
            given = {"at": stall.own("LEEDS"), "limit": 1 + number % 4}
            claimed = (await house.ask(CLAIM, given, at=number))["tasks"]
            if not claimed:
                return mine
            for task in claimed:
                done = await house.ask(PICK, {"id": task["subject"]["id"]}, at=number)
                assert done["userErrors"] == []
                mine.append(task["id"])

    had = await asyncio.gather(*(tablet(number) for number in range(TABLETS)))
    counted = Counter(task for mine in had for task in mine)
    assert len(counted) == PARCELS
    assert set(counted.values()) == {1}
    database = Database(database_url)
    await database.open()
    try:
        assert [str(each) for each in await reconcile(database)] == []
    finally:
        await database.close()
