"""A sweep that is killed at any point is continued by the next one: each exception opens once."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from models.database.database import Database
from tests.builders.transactions import events
from tests.builders.warehouse import open_warehouse
from tests.forks.forker import Forker
from tests.workflows.exceptions.sweeps import of_kind, sweep

ORDERS = 8
# Inside the first transaction, after it, and inside the second one.
POINTS = (1, 2, 4)


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    opened = Forker("tests.workflows.exceptions.sweep_worker")
    yield opened
    opened.close()


async def test_however_sweeps_die_each_exception_opens_once(
    database: Database, forker: Forker
) -> None:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(ORDERS)
    for number in range(ORDERS):
        await warehouse.shop.place(("TEE-M", 1), reference=f"W-{number}")
    warehouse.shop.clock.forward(days=30)
    opened = [0]
    now = warehouse.shop.clock.now.isoformat()
    for point in POINTS:
        assert forker.run(url=database.url, now=now, dies_at=point) == signal.SIGKILL
        opened.append(len(await of_kind(database, "ORDER_LATE")))
    assert opened == [0, 0, 3, 6]
    await sweep(warehouse.shop.transactions)
    found = await of_kind(database, "ORDER_LATE")
    assert [row["occurrences"] for row in found] == [1] * ORDERS
    recorded = await events(database, "exception.")
    assert [event["type"] for event in recorded] == ["exception.opened"] * ORDERS
