"""Refunds of units that do not come back, and of shipping, opened by a person."""

from __future__ import annotations

from uuid import UUID

import pytest

from models.database.database import Database
from tests.builders.refunds import open_refund_desk
from tests.builders.sales import Sales
from tests.builders.transactions import codes


@pytest.fixture
async def sales(database: Database) -> Sales:
    return await Sales(await open_refund_desk(database)).open()


async def test_lost_units_are_refunded_with_their_tax_and_shipping(sales: Sales) -> None:
    order = await sales.place(
        ("TEE-S", 2, 2_000, 801), ("COAT", 1, 5_000, 0), shipping=500, shipping_tax=100
    )
    await sales.ship(order)
    shirts, coat = await sales.refund_desk.shop.lines(order)
    await sales.claim(order, (shirts["id"], 1))
    assert await sales.amounts() == [(2_400, "SUCCEEDED")]
    await sales.take_back(order, "COAT")
    await sales.claim(order, (shirts["id"], 1))
    assert await sales.parts() == [
        (2_000, 400, 0, 0, 0),
        (5_000, 0, 0, 0, 0),
        (2_000, 401, 500, 100, 0),
    ]
    assert await sales.refunded() == 10_401
    assert await sales.order_balances() == {}
    again = await sales.try_claim(order, (coat["id"], 1))
    assert codes(again) == [("INVALID", ("input", "lines", "0", "quantity"))]


async def test_shipping_alone_is_refunded_once(sales: Sales) -> None:
    order = await sales.place(("COAT", 1, 5_000, 0), shipping=500, shipping_tax=100)
    early = await sales.try_claim(order, shipping=True)
    assert codes(early) == [("INVALID", ("input", "shipping"))]
    await sales.ship(order)
    await sales.claim(order, shipping=True)
    again = await sales.try_claim(order, shipping=True)
    assert codes(again) == [("INVALID", ("input", "shipping"))]
    await sales.take_back(order, "COAT")
    assert await sales.parts() == [(0, 0, 500, 100, 0), (5_000, 0, 0, 0, 0)]
    assert await sales.refunded() == 5_600
    assert await sales.order_balances() == {}


async def test_a_claim_on_an_unpaid_order_lowers_its_debt(sales: Sales) -> None:
    order = await sales.place(("COAT", 1, 5_000, 1_000), paid=0)
    [coat] = await sales.refund_desk.shop.lines(order)
    early = await sales.try_claim(order, (coat["id"], 1))
    assert codes(early) == [("INVALID", ("input", "lines", "0", "quantity"))]
    await sales.ship(order)
    await sales.claim(order, (coat["id"], 1))
    assert await sales.amounts() == [(0, "SUCCEEDED")]
    assert await sales.order_balances() == {}


async def test_a_refund_is_of_an_amount_or_of_units(sales: Sales) -> None:
    order = await sales.place(("COAT", 1, 5_000, 0))
    [coat] = await sales.refund_desk.shop.lines(order)
    neither = await sales.try_claim(order)
    both = await sales.try_claim(order, (coat["id"], 1), money=sales.money(100))
    unknown = await sales.try_claim(order, (UUID(int=1), 1))
    assert [codes(each) for each in (neither, both, unknown)] == [
        [("INVALID", ("input", "amount"))],
        [("INVALID", ("input", "amount"))],
        [("NOT_FOUND", ("input", "lines", "0", "orderLineId"))],
    ]
    assert await sales.refund_desk.refunds() == []
