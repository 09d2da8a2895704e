"""Starts and ends of playbooks beside orders: real concurrency, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from uuid import UUID

import pytest

import models.queries.continuity.runs as run_queries
import workflows.continuity.starts
import workflows.measures.active as active_measures
import workflows.measures.quarantines as quarantines
from models.database.database import Database
from tests.builders.transactions import rows
from tests.workflows.continuity.playbooks import SUE, Playbooks, open_playbooks
from workflows.continuity.commands import StartPlaybook
from workflows.continuity.moves import Moves
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.levels import Level
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.transaction import Transaction

ORDERS = 24


async def test_orders_beside_a_start_are_held_or_not_taken(database: Database) -> None:
    """An order before the start is held by the job, one after it is refused."""
    playbooks = await open_playbooks(database)
    shop = playbooks.shop
    await shop.receive(100)
    await playbooks.publish(STOP_SALE=True, HOLD_PARCELS=True, QUARANTINE=True)

    async def place(number: int) -> bool:
        return not (await shop.place(("TEE-M", 1), reference=f"R-{number}")).refusals

    async def start_in_the_middle() -> UUID:
        await asyncio.sleep(0)
        run = await playbooks.start(skus=("TEE-M",))
        return UUID(run.refs["run"])

    first = [asyncio.create_task(place(number)) for number in range(ORDERS)]
    starting = asyncio.create_task(start_in_the_middle())
    later = [asyncio.create_task(place(ORDERS + number)) for number in range(ORDERS)]
    taken = [*await asyncio.gather(*first), *await asyncio.gather(*later)]
    run_id = await starting
    assert not await place(99), "it begins after the answer"
    await playbooks.move()
    found = await rows(
        database, "SELECT status, COUNT(*) AS number FROM fulfillment GROUP BY status"
    )
    assert {row["status"]: row["number"] for row in found} in ({"ON_HOLD": sum(taken)}, {})
    left = await rows(database, "SELECT SUM(available) AS units FROM stock_level")
    assert left[0]["units"] == 0
    run = await rows(database, "SELECT status FROM playbook_run WHERE id = $1", run_id)
    assert run[0]["status"] == "ACTIVE"
    assert await reconcile(database) == []


async def test_the_job_waits_for_transactions_that_may_not_have_seen_the_start(
    database: Database,
) -> None:
    """PostgreSQL: an order that is under way when the run starts gets its hold, too."""
    if database.engine != "postgres":
        return
    playbooks = await open_playbooks(database)
    shop = playbooks.shop
    await playbooks.publish(HOLD_PARCELS=True)
    has_read, may_commit = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction) -> None:
        await tx.session.execute("UPDATE item SET name = name WHERE sku = 'COAT'")
        has_read.set()
        await may_commit.wait()

    working = asyncio.create_task(shop.transactions.run(slow))
    await has_read.wait()
    run = await playbooks.start(skus=("TEE-M",))
    moves = Moves(shop.transactions)
    assert await moves.work() == 1  # the barrier
    assert await moves.work() == 0
    assert (await playbooks.run(run))["status"] == "STARTING"
    may_commit.set()
    await working
    await playbooks.move()
    assert (await playbooks.run(run))["status"] == "ACTIVE"


async def test_the_job_waits_for_a_transaction_that_began_while_the_start_was_written(
    database: Database,
) -> None:
    """PostgreSQL: a younger transaction, which does not see the start, is waited for, too."""
    if database.engine != "postgres":
        return
    playbooks = await open_playbooks(database)
    transactions = playbooks.shop.transactions
    await playbooks.publish(HOLD_PARCELS=True)
    started, may_commit = asyncio.Event(), asyncio.Event()
    has_read, may_end = asyncio.Event(), asyncio.Event()

    async def begin(tx: Transaction) -> None:
        command = StartPlaybook("TEST", "Practice.", skus=("TEE-M",))
        [outcome] = await workflows.continuity.starts.start.run(tx, [Request(command, SUE)])
        assert not outcome.refusals
        await tx.flush()
        started.set()
        await may_commit.wait()

    async def younger(tx: Transaction) -> None:
        await tx.session.execute("UPDATE item SET name = name WHERE sku = 'COAT'")
        assert not await active_measures.of(tx)
        has_read.set()
        await may_end.wait()

    starting = asyncio.create_task(transactions.run(begin))
    await started.wait()
    working = asyncio.create_task(transactions.run(younger))
    await has_read.wait()
    may_commit.set()
    await starting
    moves = Moves(transactions)
    assert await moves.work() == 1  # the barrier
    assert await moves.work() == 0
    statuses = "SELECT status FROM playbook_run"
    assert await rows(database, statuses) == [{"status": "STARTING"}]
    may_end.set()
    await working
    await playbooks.move()
    assert await rows(database, statuses) == [{"status": "ACTIVE"}]


async def test_units_for_two_runs_do_not_wait_for_each_other(database: Database) -> None:
    """PostgreSQL: two transactions quarantine units for the same runs, in opposite order."""
    if database.engine != "postgres":
        return
    playbooks = await open_playbooks(database)
    shop = playbooks.shop
    for sku in ("TEE-S", "TEE-L", "COAT"):
        await shop.receive(1, sku)
    await playbooks.publish(QUARANTINE=True)
    first = await playbooks.start(skus=("TEE-S", "COAT"))
    second = await playbooks.start(skus=("TEE-M", "TEE-L"))
    ids = {row["sku"]: row["id"] for row in await rows(database, "SELECT id, sku FROM item")}
    both = asyncio.Barrier(2)

    async def take(*steps: tuple[str, Outcome]) -> None:
        async def work(tx: Transaction) -> None:
            await tx.stock.lock({ids[sku] for sku, _ in steps})
            for sku, run in steps:
                run_id = UUID(run.refs["run"])
                assert await quarantines.take(tx, run_id, tx.stock.of_item(ids[sku]))
                await asyncio.wait_for(both.wait(), 10)

        await shop.transactions.run(work)

    await asyncio.gather(
        take(("TEE-S", first), ("TEE-M", second)), take(("TEE-L", second), ("COAT", first))
    )
    await playbooks.move()
    assert await playbooks.affected(first) == {"QUARANTINE": 2}
    assert await playbooks.affected(second) == {"QUARANTINE": 16}
    assert await reconcile(database) == []


async def test_a_run_that_cannot_go_on_does_not_delay_the_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    playbooks = await open_playbooks(database)
    await playbooks.publish(QUARANTINE=True)
    stuck = await playbooks.start(skus=("TEE-M",))
    other = await playbooks.start(skus=("COAT",))
    take = quarantines.take

    async def failing(tx: Transaction, run_id: UUID, levels: Iterable[Level]) -> int:
        raise RuntimeError

    monkeypatch.setattr(quarantines, "take", failing)
    await playbooks.step_until(other, "ACTIVE")
    assert (await playbooks.run(stuck))["status"] == "STARTING"
    monkeypatch.setattr(quarantines, "take", take)
    await playbooks.move()
    assert (await playbooks.run(stuck))["status"] == "ACTIVE"
    assert await reconcile(database) == []


async def test_two_jobs_and_an_end_bring_a_run_to_one_end(database: Database) -> None:
    playbooks = await open_playbooks(database)
    shop = playbooks.shop
    for number in range(8):
        assert not (await shop.place(("TEE-M", 1), reference=f"R-{number}")).refusals
    before = await rows(database, "SELECT available, allocated FROM stock_level ORDER BY id")
    await playbooks.publish(QUARANTINE=True, HOLD_PARCELS=True)
    run = await playbooks.start(skus=("TEE-M",))
    jobs = [Moves(shop.transactions) for _ in range(2)]

    async def work(job: Moves) -> None:
        for _ in range(10):
            await job.work()

    ends = [playbooks.end(run) for _ in range(2)]
    results = await asyncio.gather(*(work(job) for job in jobs), *ends)
    refused = [outcome for outcome in results[2:] if outcome is not None and outcome.refusals]
    assert len(refused) == 1
    await playbooks.move()
    assert (await playbooks.run(run))["status"] == "ENDED"
    after = await rows(database, "SELECT available, allocated FROM stock_level ORDER BY id")
    assert after == before
    async with database.reading() as session:
        assert await run_queries.moving(session) == []
    assert await reconcile(database) == []


async def test_a_cap_holds_beside_concurrent_orders(database: Database) -> None:
    """Orders of different items share no stock lock; the lock of the cap counts them."""
    playbooks: Playbooks = await open_playbooks(database)
    shop = playbooks.shop
    for sku in ("TEE-S", "TEE-L"):
        await shop.receive(30, sku)
        await shop.receive(30, sku, "YORK")
    await playbooks.started("LOCATION_CAPACITY", locations=("LEEDS",), units=5)
    skus = ("TEE-S", "TEE-M", "TEE-L")

    async def place(number: int) -> None:
        sku = skus[number % len(skus)]
        await shop.place((sku, 1), reference=f"R-{number}", backorder=True)

    await asyncio.gather(*(place(number) for number in range(ORDERS)))
    found = await rows(
        database,
        "SELECT COUNT(*) AS number FROM fulfillment f JOIN location l ON l.id = f.location_id"
        " WHERE l.code = 'LEEDS'",
    )
    assert found[0]["number"] == 5
    assert await reconcile(database) == []
