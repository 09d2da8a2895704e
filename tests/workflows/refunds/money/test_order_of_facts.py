"""The same facts give the same money in any order."""

from __future__ import annotations

from itertools import permutations

import pytest

from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.catalog import a_channel
from tests.builders.refunds import open_refund_desk
from tests.builders.sales import FREE, Sales
from workflows.catalog.channels import upsert


@pytest.fixture
async def sales(database: Database) -> Sales:
    return await Sales(await open_refund_desk(database)).open()


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


@pytest.mark.parametrize(("last", "shipping"), [("COAT", 0), ("TEE-M", 500)])
async def test_the_policy_of_the_last_units_decides_about_the_shipping(
    sales: Sales, last: str, shipping: int
) -> None:
    """A cancellation chooses its REFUND policy by the category of its units, as a return does."""
    rules = {**FREE, "refundShipping": "NEVER"}
    await sales.refund_desk.shop.publish(PolicyKind.REFUND, rules, "category:coats")
    [other] = {"COAT", "TEE-M"} - {last}
    await sales.refund_desk.shop.adjust(-20, last)
    order = await sales.place(("COAT", 1, 8_000, 0), ("TEE-M", 1, 2_000, 0), shipping=500)
    await sales.ship(order)
    await sales.take_back(order, other)
    await sales.cancel(order)
    assert sum(part[2] for part in await sales.parts()) == shipping
    assert await sales.refunded() == 10_000 + shipping


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
    assert [amount for amount, _ in found] == [0, 1, 0, 1, 0, 0, 1, 0, 1, 0]
    assert {status for _, status in found} == {"SUCCEEDED"}
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
