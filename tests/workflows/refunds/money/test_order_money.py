"""Money first takes back what the order owes; the rest is refunded."""

from __future__ import annotations

import pytest

from models.database.database import Database
from tests.builders.refunds import open_refund_desk
from tests.builders.sales import Sales


@pytest.fixture
async def sales(database: Database) -> Sales:
    return await Sales(await open_refund_desk(database)).open()


async def test_an_unpaid_order_that_comes_back_leaves_no_debt(sales: Sales) -> None:
    order = await sales.place(("COAT", 1, 10_000, 2_000), paid=0)
    await sales.ship(order)
    assert (await sales.order_balances())["receivables"] == 12_000
    a_return = await sales.take_back(order, "COAT")
    assert await sales.amounts() == [(0, "SUCCEEDED")]
    assert await sales.parts() == [(10_000, 2_000, 0, 0, 12_000)]
    assert await sales.order_balances() == {}
    assert await sales.refund_desk.desk.status(a_return) == "CLOSED"
    assert sales.refund_desk.gateway.sent == []


async def test_the_debt_falls_before_money_is_refunded(sales: Sales) -> None:
    order = await sales.place(("COAT", 1, 10_000, 2_000), paid=5_000)
    await sales.ship(order)
    await sales.take_back(order, "COAT")
    assert await sales.amounts() == [(5_000, "SUCCEEDED")]
    assert await sales.order_balances() == {}


async def test_a_half_of_a_part_paid_order_lowers_the_debt_alone(sales: Sales) -> None:
    order = await sales.place(("COAT", 2, 5_000, 2_000), paid=5_000)
    await sales.ship(order)
    await sales.take_back(order, "COAT")
    assert await sales.amounts() == [(0, "SUCCEEDED")]
    balances = await sales.order_balances()
    assert (balances["receivables"], balances["tax_payable"]) == (1_000, -1_000)
    await sales.take_back(order, "COAT")
    assert await sales.amounts() == [(0, "SUCCEEDED"), (5_000, "SUCCEEDED")]
    assert await sales.order_balances() == {}


@pytest.mark.parametrize("first", ["return", "cancel"])
async def test_money_for_units_to_ship_is_kept_until_they_are_cancelled(
    sales: Sales, first: str
) -> None:
    await sales.refund_desk.shop.adjust(-19, "TEE-M")
    order = await sales.place(("TEE-M", 2, 2_000, 0), shipping=500, shipping_tax=100, paid=3_000)
    await sales.ship(order)
    if first == "return":
        await sales.take_back(order, "TEE-M")
        assert await sales.refunded() == 400
        assert (await sales.order_balances())["customer_deposits"] == -2_000
    await sales.cancel(order)
    if first == "cancel":
        await sales.take_back(order, "TEE-M")
    assert await sales.refunded() == 3_000
    assert await sales.order_balances() == {}


async def test_a_reversed_refund_owes_its_unpaid_part_again(sales: Sales) -> None:
    order = await sales.place(("COAT", 1, 10_000, 2_000), paid=5_000)
    await sales.ship(order)
    before = await sales.order_balances()
    desk = sales.refund_desk
    await sales.take_back(order, "COAT")
    [refund] = await desk.refunds()
    assert not (await desk.cancel(refund)).refusals
    assert await sales.order_balances() == before
