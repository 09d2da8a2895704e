"""Many concurrent buyers on real servers: no unit is sold twice, and no deadlock occurs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from models.database.database import Database
from tests import databases
from tests.conftest import session_directory
from tests.races.server_processes import Cluster, TradingClient, codes
from workflows.ledger.reconciliation import reconcile

BUYERS = 300


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> str:
    """The tests of this module share the servers of one engine."""
    return str(request.param)


@pytest.fixture(scope="module")
def database_url(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if engine == "sqlite":
        yield databases.fresh_sqlite(session_directory(), tmp_path_factory.mktemp("races"))
        return
    url = databases.fresh_postgres(session_directory())
    yield url
    databases.give_back_postgres(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(engine: str, database_url: str) -> AsyncIterator[Cluster]:
    """Two server processes on PostgreSQL, which is also their broadcast; one process on SQLite."""
    processes, broadcast = (2, database_url) if engine == "postgres" else (1, "memory://")
    async with Cluster(database_url, processes=processes, broadcast=broadcast) as opened:
        yield opened


@pytest.fixture
def client(cluster: Cluster) -> TradingClient:
    return TradingClient(cluster, f"stall-{uuid4().hex[:8]}")


async def _proven(database_url: str) -> list[str]:
    database = Database(database_url)
    await database.open()
    try:
        return [str(difference) for difference in await reconcile(database)]
    finally:
        await database.close()


async def test_300_buyers_of_100_units(client: TradingClient, database_url: str) -> None:
    await client.furnish(["TEE"], {"LEEDS": 100})
    answers = await asyncio.gather(*(client.hold({"TEE": 1}, at=n) for n in range(BUYERS)))
    assert codes(answers) == {"OK": 100, "INSUFFICIENT_STOCK": 200}
    assert len({each["reservation"]["id"] for each in answers if each["reservation"]}) == 100
    assert await _proven(database_url) == []


async def test_two_locations_and_a_buffer(client: TradingClient, database_url: str) -> None:
    await client.furnish(["TEE"], {"LEEDS": 60, "YORK": 60}, buffer=20)
    answers = await asyncio.gather(*(client.hold({"TEE": 1}, at=n) for n in range(BUYERS)))
    assert codes(answers) == {"OK": 100, "INSUFFICIENT_STOCK": 200}
    assert await _proven(database_url) == []


@pytest.mark.parametrize("with_keys", [False, True])
async def test_overlapping_carts_never_deadlock(
    client: TradingClient, database_url: str, with_keys: bool
) -> None:
    skus = [f"SKU-{n}" for n in range(6)]
    await client.furnish(skus, {"LEEDS": 40, "YORK": 40})
    chance = random.Random(4)
    carts: list[tuple[dict[str, int], str]] = []
    for number in range(150):
        chosen = chance.sample(skus, chance.randint(2, 4))
        carts.append(({sku: chance.randint(1, 3) for sku in chosen}, f"W-{number}"))

    async def buy(number: int) -> dict[str, Any]:
        cart, reference = carts[number]
        key = uuid4().hex if with_keys else None
        if number % 3 == 0:
            return await client.hold(cart, at=number, key=key)
        return await client.place(cart, reference, at=number, key=key)

    answers = await asyncio.gather(*(buy(number) for number in range(len(carts))))
    assert set(codes(answers)) <= {"OK", "INSUFFICIENT_STOCK"}
    assert codes(answers)["OK"] > 0
    assert await _proven(database_url) == []


async def test_duplicates_at_once_are_done_once(client: TradingClient, database_url: str) -> None:
    await client.furnish(["TEE"], {"LEEDS": 100})
    keys = [uuid4().hex for _ in range(20)]
    requested = [(key, copy) for key in keys for copy in range(6)]
    answers = await asyncio.gather(
        *(client.hold({"TEE": 1}, at=copy, key=key) for key, copy in requested)
    )
    # A duplicate waits for the first request, or receives IDEMPOTENCY_IN_PROGRESS and asks again.
    retried = [
        await client.hold({"TEE": 1}, key=key) if codes([answer]) != {"OK": 1} else answer
        for (key, _), answer in zip(requested, answers, strict=True)
    ]
    assert set(codes(answers)) <= {"OK", "IDEMPOTENCY_IN_PROGRESS"}
    by_key: dict[str, set[str]] = {}
    for (key, _), answer in zip(requested, retried, strict=True):
        by_key.setdefault(key, set()).add(answer["reservation"]["id"])
    assert all(len(ids) == 1 for ids in by_key.values())
    assert len(set.union(*by_key.values())) == len(keys)
    assert await _proven(database_url) == []


async def test_one_hold_is_committed_by_one_of_many_orders(
    client: TradingClient, database_url: str
) -> None:
    await client.furnish(["TEE"], {"LEEDS": 1})
    held = await client.hold({"TEE": 1})
    hold = held["reservation"]["id"]
    answers = await asyncio.gather(
        *(client.place({"TEE": 1}, f"W-{n}", at=n, hold=hold) for n in range(12))
    )
    assert codes(answers)["OK"] == 1
    assert set(codes(answers)) <= {"OK", "ILLEGAL_TRANSITION"}
    assert await _proven(database_url) == []
