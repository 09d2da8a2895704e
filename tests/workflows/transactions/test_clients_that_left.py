"""Requests whose client left while they waited for a transaction: nothing is done for them."""

import asyncio

import pytest

import workflows.stock.goods_receipts as goods_receipts
from domain.access.callers import SYSTEM
from models.database.database import Database
from tests.builders.store import open_shop
from tests.builders.transactions import rows
from workflows.stock.goods_receipts import SetSafetyStock
from workflows.transactions.outcomes import Request, RequestAbandoned


async def test_nothing_is_done_for_a_client_that_left_before_the_transaction(
    database: Database,
) -> None:
    shop = await open_shop(database)
    await shop.receive(5)
    has_left = False
    command = SetSafetyStock("LEEDS", "TEE-M", 3)
    request = Request(command, SYSTEM, "key", has_left=lambda: has_left)
    stored = "SELECT safety_stock FROM stock_level"
    async with database.writer():  # of SQLite there is one: the request waits
        performing = asyncio.create_task(
            shop.transactions.perform(goods_receipts.set_safety_stock, request)
        )
        await asyncio.sleep(0)
        has_left = True
    with pytest.raises(RequestAbandoned):
        await performing
    assert [row["safety_stock"] for row in await rows(database, stored)] == [0]
    has_left = False  # the key is free: the client may come back with it
    outcome = await shop.transactions.perform(goods_receipts.set_safety_stock, request)
    assert (outcome.refusals, outcome.replayed) == ((), False)
    has_left = True  # a client that leaves later has no influence
    assert [row["safety_stock"] for row in await rows(database, stored)] == [3]
