"""Counts that take many orders' units while clients order, and counts of one level at once."""

from __future__ import annotations

import asyncio

from models.database.database import Database
from tests.builders.books import faults
from tests.builders.floor.counts import ANN, BEN, open_counting
from workflows.ledger.reconciliation import reconcile

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
