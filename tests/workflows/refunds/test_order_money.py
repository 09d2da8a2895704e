"""The same facts give the same money in any order, and money first takes back what is owed."""

from __future__ import annotations

from itertools import permutations
from uuid import UUID

import pytest

from models.database.database import Database
from tests.builders.catalog import a_channel
from tests.builders.refunds import open_refund_desk
from tests.builders.sales import Sales
from tests.builders.transactions import codes
from workflows.catalog.channels import upsert


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


@pytest.mark.parametrize("steps", list(permutations(("return", "cancel"))))
async def test_the_last_fact_refunds_the_shipping(sales: Sales, steps: tuple[str, ...]) -> None:
    await sales.refund_desk.shop.adjust(-19, "TEE-M")
    order = await sales.place(("TEE-M", 2, 2_000, 0), shipping=500, shipping_tax=100)
    await sales.ship(order)
    for step in steps:
        if step == "cancel":
            await sales.cancel(order)
        else:
            await sales.take_back(order, "TEE-M")
    assert await sales.refunded() == 4_600
    assert sum(part[2] for part in await sales.parts()) == 500
    assert sum(part[3] for part in await sales.parts()) == 100
    assert await sales.order_balances() == {}


@pytest.mark.parametrize("steps", list(permutations(("COAT", "TEE-S"))))
async def test_units_without_a_price_count_as_returned(
    sales: Sales, steps: tuple[str, ...]
) -> None:
    order = await sales.place(("COAT", 1, 8_000, 0), ("TEE-S", 1, 0, 0), shipping=500)
    await sales.ship(order)
    for sku in steps:
        await sales.take_back(order, sku)
    assert await sales.refunded() == 8_500
    assert await sales.order_balances() == {}


async def test_the_last_unit_takes_what_earlier_ones_rounded_away(database: Database) -> None:
    sales = await Sales(await open_refund_desk(database), currency="JPY").open()
    channel = a_channel("tokyo", location_codes=("LEEDS",), currency_code="JPY")
    await sales.refund_desk.shop.transactions.perform(upsert, channel)
    order = await sales.place(("TEE-S", 10, 1, 0), channel="tokyo", discount=6)
    await sales.ship(order)
    for _ in range(10):
        await sales.take_back(order, "TEE-S")
    found = await sales.amounts()
    assert len(found) == 10
    assert {status for _, status in found} == {"SUCCEEDED"}
    assert sum(amount for amount, _ in found) == 4
    assert await sales.order_balances() == {}


async def test_a_line_worth_less_than_half_a_unit_pays_with_its_last(sales: Sales) -> None:
    order = await sales.place(("TEE-S", 4, 1, 0), discount=3)
    await sales.ship(order)
    for _ in range(4):
        await sales.take_back(order, "TEE-S")
    assert [amount for amount, _ in await sales.amounts()] == [0, 0, 1, 0]
    assert await sales.order_balances() == {}


async def test_goodwill_takes_its_part_of_the_tax(sales: Sales) -> None:
    order = await sales.place(("COAT", 1, 10_000, 2_000))
    await sales.ship(order)
    await sales.goodwill(order, 6_000)
    await sales.take_back(order, "COAT")
    assert await sales.amounts() == [(6_000, "SUCCEEDED"), (6_000, "SUCCEEDED")]
    assert await sales.parts() == [(5_000, 1_000, 0, 0, 0)] * 2
    assert await sales.order_balances() == {}


@pytest.mark.parametrize("steps", list(permutations(("goodwill", "COAT", "TEE-S"))))
async def test_goodwill_and_returns_give_the_paid_amount_in_any_order(
    sales: Sales, steps: tuple[str, ...]
) -> None:
    order = await sales.place(
        ("COAT", 1, 6_001, 0), ("TEE-S", 1, 3_999, 2_000), shipping=333, shipping_tax=67
    )
    await sales.ship(order)
    for step in steps:
        if step != "goodwill":
            await sales.take_back(order, step)
        elif step != steps[-1]:  # Nothing is left after the last unit.
            await sales.goodwill(order, 3_001)
    assert await sales.refunded() == 12_400
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
