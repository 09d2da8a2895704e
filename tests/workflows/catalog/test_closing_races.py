"""A location is closed while units arrive: it never ends up closed with units."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

import workflows.catalog.locations
import workflows.stock.adjustments
import workflows.stock.goods_receipts
from models.database.database import Database
from tests.builders.catalog import a_location
from tests.builders.store import ADMIN, Shop, open_shop, pounds
from tests.builders.transactions import codes
from workflows.stock.adjustments import AdjustStock
from workflows.stock.goods_receipts import ReceiptLine, ReceiveStock
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.transaction import Transaction

CLOSE = a_location("YORK", active=False)
RECEIVE = Request(ReceiveStock("YORK", "PO-9", (ReceiptLine("TEE-M", 3, pounds("4.00")),)), ADMIN)
FIND = Request(AdjustStock("YORK", "TEE-M", 3, "COUNT"), ADMIN)

Do = Callable[[Transaction], Awaitable[list[Outcome]]]


async def _close(tx: Transaction) -> list[Outcome]:
    return await workflows.catalog.locations.upsert.run(tx, [CLOSE])


async def _receive(tx: Transaction) -> list[Outcome]:
    return await workflows.stock.goods_receipts.receive.run(tx, [RECEIVE])


async def _find(tx: Transaction) -> list[Outcome]:
    return await workflows.stock.adjustments.adjust.run(tx, [FIND])


async def _race(shop: Shop, first: Do, second: Do) -> list[Outcome]:
    """Outcomes of two actions; the second starts before the first has committed.

    One waits for the other and neither is retried, so there is no deadlock.
    """
    done, may_end = asyncio.Event(), asyncio.Event()
    begun = []

    async def held(tx: Transaction) -> list[Outcome]:
        begun.append("first")
        outcomes = await first(tx)
        done.set()
        await may_end.wait()
        return outcomes

    async def waiting(tx: Transaction) -> list[Outcome]:
        begun.append("second")
        return await second(tx)

    leading = asyncio.create_task(shop.transactions.run(held))
    await done.wait()
    following = asyncio.create_task(shop.transactions.run(waiting))
    await asyncio.sleep(0.1)
    assert not following.done()
    may_end.set()
    ends = [*await leading, *await following]
    assert begun == ["first", "second"]
    return ends


@pytest.fixture
async def shop(database: Database) -> Shop:
    """A store without stock in York, and with a known cost for York."""
    shop = await open_shop(database)
    await shop.receive(1)
    return shop


@pytest.mark.parametrize("enter", [_receive, _find])
async def test_a_location_that_received_units_is_not_closed(shop: Shop, enter: Do) -> None:
    entered, closed = await _race(shop, enter, _close)
    assert not entered.refusals
    assert codes(closed) == [("ILLEGAL_TRANSITION", ("input", "active"))]
    assert await shop.level(at="YORK") == {"available": 3}


@pytest.mark.parametrize("enter", [_receive, _find])
async def test_a_closed_location_receives_no_units(shop: Shop, enter: Do) -> None:
    closed, entered = await _race(shop, _close, enter)
    assert not closed.refusals
    assert codes(entered) == [("INVALID", ("input", "locationCode"))]
    assert await shop.level(at="YORK") == {}
