"""A sweep that is killed at any point is continued by the next one: each exception opens once."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from models.database.database import Database
from tests.builders.transactions import events
from tests.builders.warehouse import open_warehouse
from tests.workflows.exceptions.sweeps import of_kind, sweep

ROOT = Path(__file__).parents[3]
ORDERS = 8
# Inside the first transaction, after it, and inside the second one.
POINTS = (1, 2, 4)


async def test_however_sweeps_die_each_exception_opens_once(database: Database) -> None:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(ORDERS)
    for number in range(ORDERS):
        await warehouse.shop.place(("TEE-M", 1), reference=f"W-{number}")
    warehouse.shop.clock.forward(days=30)
    opened = [0]
    for point in POINTS:
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.workflows.exceptions.sweep_worker", database.url),
            *(warehouse.shop.clock.now.isoformat(), str(point)),
            cwd=ROOT,
        )
        assert await worker.wait() == -signal.SIGKILL
        opened.append(len(await of_kind(database, "ORDER_LATE")))
    assert opened == [0, 0, 3, 6]
    await sweep(warehouse.shop.transactions)
    found = await of_kind(database, "ORDER_LATE")
    assert [row["occurrences"] for row in found] == [1] * ORDERS
    recorded = await events(database, "exception.")
    assert [event["type"] for event in recorded] == ["exception.opened"] * ORDERS
