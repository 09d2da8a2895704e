"""Counts that take many orders' units while clients order, and counts of one level at once."""

from __future__ import annotations

import asyncio

import pytest

from models.database.database import Database
from tests.builders.books import faults
from tests.builders.floor.counts import ADMIN, ANN, BEN, SUE, open_counting
from tests.builders.transactions import codes
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.transaction import Transaction

ORDERS = 40


async def test_a_count_takes_orders_units_while_clients_order(database: Database) -> None:
    """40 units are sold, and 60 are there by the books; 25 are there in truth."""
    counting = await open_counting(database, blind=False, recountAbove={"units": None})
    await counting.adjustments_above("100000.00")
    shop = counting.shop
    await shop.receive(60)
    for number in range(ORDERS):
        await shop.place(("TEE-M", 1), reference=f"W-{number}")

    async def client(number: int) -> None:
        for turn in range(4):
            reference = f"C-{number}-{turn}"
            await shop.place(("TEE-M", 1), reference=reference, backorder=True)

    await asyncio.gather(
        *(client(number) for number in range(5)), counting.record(("TEE-M", 25)), client(9)
    )
    await counting.post_rest()
    [(status, _)] = await counting.lines()
    assert status == "POSTED"
    level = await counting.level()
    assert level.get("available", 0) + level.get("allocated", 0) == 25
    assert await faults(database) == []
    assert await reconcile(database) == []


async def test_two_counts_of_one_level_at_once_are_booked_one_after_the_other(
    database: Database,
) -> None:
    counting = await open_counting(database)
    await counting.shop.receive(10)
    for _ in range(8):
        found = await asyncio.gather(
            counting.record(("TEE-M", 9), by=ANN), counting.record(("TEE-M", 9), by=BEN)
        )
        assert [outcome.refusals for outcome in found] == [(), ()]
        counting.shop.clock.forward(minutes=1)
    assert await counting.level() == {"available": 9}
    assert {status for status, _ in await counting.lines()} == {"POSTED"}
    assert await reconcile(database) == []


async def test_counts_opened_at_once_have_each_level_once(database: Database) -> None:
    counting = await open_counting(database)
    for sku in ("TEE-S", "TEE-M", "TEE-L"):
        await counting.shop.receive(1, sku)
    created = await asyncio.gather(*(counting.create() for _ in range(4)))
    assert not any(outcome.refusals for outcome in created)
    assert sum(lines for _, _, lines, _ in await counting.counts()) == 3
    assert await reconcile(database) == []


@pytest.mark.parametrize("second", ["approve", "recount"])
async def test_two_decisions_about_a_line_at_once_are_taken_once(
    database: Database, second: str
) -> None:
    """Both have read the line before either has locked its stock. 20 units; 15 were counted."""
    counting = await open_counting(database, blind=False, recountAbove={"units": None})
    await counting.adjustments_above("0.01")
    for sku in ("TEE-M", "TEE-S"):
        await counting.shop.receive(20, sku)
    await counting.create(skus=("TEE-M", "TEE-S"))
    await counting.record(("TEE-M", 15), by=ANN)
    [line] = await counting.line_rows()
    locked, go = asyncio.Event(), asyncio.Event()

    async def hold(tx: Transaction) -> None:
        await tx.stock.lock([line["item_id"]])
        locked.set()
        await go.wait()

    holder = asyncio.create_task(counting.shop.transactions.run(hold))
    await locked.wait()
    decide = counting.approve if second == "approve" else counting.recount
    decisions = [
        asyncio.create_task(counting.approve(line["id"], by=SUE)),
        asyncio.create_task(decide(line["id"], by=ADMIN)),
    ]
    await asyncio.sleep(0.3)
    go.set()
    await holder
    refused = [codes(outcome) for outcome in await asyncio.gather(*decisions)]
    assert sorted(refused) == [[], [("ILLEGAL_TRANSITION", ("lineIds", "0"))]]
    [(status, variance)] = await counting.lines()
    is_posted = status == "POSTED"
    assert (status, variance) in {("POSTED", -5), ("RECOUNT", -5)}
    assert await counting.level() == {"available": 15 if is_posted else 20}
    assert await counting.counts() == [("PLANNED", "OPEN", 2, int(is_posted))]
    assert await reconcile(database) == []
