"""Concurrent workers on a queue: each task goes to one, failed workers block none."""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import pytest

from domain.access.callers import Caller, Role, holder
from models.database.database import Database
from tests.builders.transactions import events
from tests.builders.warehouse import Warehouse, open_warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

PARCELS = 40
WORKERS = 10


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(PARCELS * 2)
    for number in range(PARCELS):
        placed = await warehouse.shop.place(("TEE-M", 1), reference=f"W-{number}")
        assert not placed.refusals
    return warehouse


def workers() -> list[Caller]:
    return [holder(Role.WAREHOUSE, actor=f"worker-{number}") for number in range(WORKERS)]


async def subjects(warehouse: Warehouse) -> dict[str, str]:
    """Fulfillment id by task id."""
    return {str(task["id"]): task["subject_key"] for task in await warehouse.tasks()}


async def test_each_task_goes_to_exactly_one(warehouse: Warehouse) -> None:
    async def work(worker: Caller) -> list[str]:
        mine: list[str] = []
        while claimed := (await warehouse.claim(by=worker, limit=3)).refs["tasks"]:
            mine += claimed
        return mine

    got = await asyncio.gather(*(work(worker) for worker in workers()))
    given = Counter(task for mine in got for task in mine)
    assert len(given) == PARCELS
    assert set(given.values()) == {1}
    held = {str(task["id"]): task["claimed_by"] for task in await warehouse.tasks()}
    assert held == {task: w.actor for w, mine in zip(workers(), got, strict=True) for task in mine}


async def test_the_same_names_asked_for_at_once_go_to_one_each(warehouse: Warehouse) -> None:
    ids = list(await subjects(warehouse))[:5]
    answers = await asyncio.gather(*(warehouse.claim(by=worker, ids=ids) for worker in workers()))
    given = Counter(task for answer in answers for task in answer.refs["tasks"])
    assert given == dict.fromkeys(ids, 1)
    refused = {refusal.code for answer in answers for refusal in answer.refusals}
    assert refused == {"TASK_NOT_CLAIMED"}


async def test_everything_is_done_once_though_tablets_die(warehouse: Warehouse) -> None:
    chance = random.Random(7)
    parcels = await subjects(warehouse)

    async def work(worker: Caller) -> int:
        """Pick until the queue is empty; leave about every third claim unfinished."""
        done = 0
        while claimed := (await warehouse.claim(by=worker, limit=2)).refs["tasks"]:
            if chance.random() < 0.3:
                continue
            for task in claimed:
                done += not (await warehouse.pick(parcels[task], by=worker)).refusals
        return done

    done = 0
    while any(status in ("OPEN", "CLAIMED") for queue, status, _ in await picks(warehouse)):
        done += sum(await asyncio.gather(*(work(worker) for worker in workers())))
        warehouse.shop.clock.forward(minutes=10)
    assert done == PARCELS
    recorded = await events(warehouse.database, "task.done")
    assert len(recorded) == PARCELS
    assert len(await events(warehouse.database, "fulfillment.picked")) == PARCELS
    assert await reconcile(warehouse.database) == []


async def picks(warehouse: Warehouse) -> list[tuple[str, str, str | None]]:
    return [each for each in await warehouse.live() if each[0] == "PICK"]


async def test_cancelling_and_picking_at_once_ends_in_one_of_both(warehouse: Warehouse) -> None:
    """Claims, picks, cancellations and reroutes run concurrently without a deadlock."""
    chance = random.Random(11)
    parcels = sorted((await subjects(warehouse)).items())
    await warehouse.shop.receive(PARCELS, at="YORK")
    found = await warehouse.orders()
    steps = []
    for (task, parcel), worker in zip(parcels, workers() * (PARCELS // WORKERS), strict=True):
        steps += [
            warehouse.claim(by=worker, ids=[task]),
            warehouse.pick(parcel, by=worker),
            warehouse.reroute(parcel, "YORK"),
            warehouse.shop.cancel(found[parcel]),
        ]
    chance.shuffle(steps)
    hands = asyncio.Semaphore(WORKERS)

    async def do(step: Coroutine[Any, Any, Outcome]) -> Outcome:
        async with hands:
            return await step

    outcomes = await asyncio.gather(*(do(step) for step in steps))
    codes = {refusal.code for outcome in outcomes for refusal in outcome.refusals}
    assert codes <= {"TASK_NOT_CLAIMED", "ILLEGAL_TRANSITION", "NOT_FOUND"}
    assert await reconcile(warehouse.database) == []
