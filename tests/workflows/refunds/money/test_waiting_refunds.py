"""Refunds that wait for approval: their amounts follow the facts until they are decided."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from models.database.database import Database
from tests.builders.refunds import FIONA, FRED, open_refund_desk
from tests.builders.sales import Sales
from tests.builders.transactions import counts, events
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

ONE_APPROVER = {"GBP": [{"upTo": None, "approvers": 1}]}


@pytest.fixture
async def sales(database: Database) -> Sales:
    """A store with one TEE-M whose refunds all need an approval."""
    sales = await Sales(await open_refund_desk(database)).open(bands=ONE_APPROVER)
    await sales.refund_desk.shop.adjust(-19, "TEE-M")
    return sales


async def half_shipped(sales: Sales, price: int, **facts: int | tuple[int, ...]) -> Outcome:
    """An order of two shirts, one of which waits for stock."""
    order = await sales.place(("TEE-M", 2, price, 0), **facts)  # type: ignore[arg-type]
    await sales.ship(order)
    return order


async def found(sales: Sales) -> list[tuple[str, int, str]]:
    return [
        (row["kind"], row["amount_minor"], row["status"])
        for row in await sales.refund_desk.refunds()
    ]


async def approve_all(sales: Sales) -> None:
    for refund in await sales.refund_desk.refunds():
        if refund["status"] == "NEEDS_APPROVAL":
            assert not (await sales.refund_desk.approve(refund)).refusals


async def test_a_cancellation_raises_the_refund_that_waits(sales: Sales) -> None:
    order = await half_shipped(sales, 10_000, paid=15_000)
    await sales.take_back(order, "TEE-M")
    assert await found(sales) == [("RETURN", 5_000, "NEEDS_APPROVAL")]
    await sales.cancel(order)
    assert await found(sales) == [
        ("RETURN", 10_000, "NEEDS_APPROVAL"),
        ("CANCELLATION", 5_000, "APPROVED"),
    ]
    [event] = await events(sales.refund_desk.database, "refund.estimated")
    assert (event["data"]["status"], event["data"]["amountMinor"]) == ("NEEDS_APPROVAL", 10_000)
    await approve_all(sales)
    assert await sales.refunded() == 15_000
    assert await sales.order_balances() == {}
    assert await reconcile(sales.refund_desk.database) == []


@pytest.mark.parametrize("steps", list(permutations(("cancel", "return", "approve"))))
async def test_the_same_facts_refund_the_same_money(sales: Sales, steps: tuple[str, ...]) -> None:
    order = await half_shipped(sales, 10_000, paid=15_000, shipping=500, shipping_tax=100)
    for step in steps:
        if step == "cancel":
            await sales.cancel(order)
        elif step == "return":
            await sales.take_back(order, "TEE-M")
        else:
            await approve_all(sales)
    await approve_all(sales)
    assert await sales.refunded() == 15_000
    assert await sales.order_balances() == {}
    assert await reconcile(sales.refund_desk.database) == []


@pytest.mark.parametrize("is_approved", [True, False])
async def test_the_shipping_waits_with_the_last_unit(sales: Sales, is_approved: bool) -> None:
    order = await half_shipped(sales, 2_000, shipping=500, shipping_tax=100)
    await sales.take_back(order, "TEE-M")
    await sales.cancel(order)
    assert await found(sales) == [
        ("RETURN", 2_600, "NEEDS_APPROVAL"),
        ("CANCELLATION", 2_000, "APPROVED"),
    ]
    [refund, _] = await sales.refund_desk.refunds()
    if is_approved:
        await sales.refund_desk.approve(refund)
        assert await sales.refunded() == 4_600
        assert await sales.order_balances() == {}
    else:
        await sales.refund_desk.reject(refund)
        assert await sales.refunded() == 2_000
        assert await sales.order_balances() == {
            "payments_clearing": 2_600,
            "sales_net_of_returns": -2_000,
            "shipping_income": -500,
            "tax_payable": -100,
        }
    assert await reconcile(sales.refund_desk.database) == []


@pytest.mark.parametrize("place", [0, 1])
async def test_a_decision_revises_the_other_refund(sales: Sales, place: int) -> None:
    order = await sales.place(("TEE-S", 2, 10_000, 0), paid=15_000)
    await sales.ship(order)
    for _ in range(2):
        await sales.take_back(order, "TEE-S")
    assert await found(sales) == [("RETURN", 5_000, "NEEDS_APPROVAL")] * 2
    refunds = await sales.refund_desk.refunds()
    await sales.refund_desk.approve(refunds[place])
    assert (await sales.refund_desk.find(refunds[1 - place]))["amount_minor"] == 10_000
    await sales.refund_desk.reject(refunds[1 - place])
    assert await sales.refunded() == 5_000
    assert await sales.order_balances() == {
        "payments_clearing": 10_000,
        "sales_net_of_returns": -10_000,
    }
    assert await reconcile(sales.refund_desk.database) == []


async def test_a_higher_amount_draws_on_the_next_payment(sales: Sales) -> None:
    order = await half_shipped(sales, 10_000, paid=(7_500, 7_500))
    await sales.take_back(order, "TEE-M")
    [first] = await sales.refund_desk.refunds()
    await sales.cancel(order)
    waiting = [each for each in await found(sales) if each[0] == "RETURN"]
    assert sum(minor for _, minor, _ in waiting) == 10_000
    assert {status for _, _, status in waiting} == {"NEEDS_APPROVAL"}
    assert len(waiting) == 2
    assert await reconcile(sales.refund_desk.database) == []
    assert not (await sales.refund_desk.approve(first)).refusals
    await approve_all(sales)
    assert await sales.refunded() == 15_000
    assert await sales.order_balances() == {}
    assert await reconcile(sales.refund_desk.database) == []


async def test_a_claim_to_shipping_yields_to_the_fact_that_undoes_the_order(sales: Sales) -> None:
    order = await half_shipped(sales, 2_000, shipping=500)
    await sales.take_back(order, "TEE-M")
    await approve_all(sales)
    claim = await sales.try_claim(order, shipping=True)
    await sales.cancel(order)
    assert await found(sales) == [
        ("RETURN", 2_000, "APPROVED"),
        ("GOODWILL", 0, "NEEDS_APPROVAL"),
        ("CANCELLATION", 2_500, "APPROVED"),
    ]
    assert not (await sales.refund_desk.approve(claim)).refusals
    assert await sales.refunded() == 4_500
    assert await sales.order_balances() == {}
    assert await reconcile(sales.refund_desk.database) == []


async def test_a_debt_is_cancelled_by_two_people(sales: Sales) -> None:
    order = await sales.place(("COAT", 1, 5_000, 1_000), paid=0)
    await sales.ship(order)
    [coat] = await sales.refund_desk.shop.lines(order)
    claim = await sales.try_claim(order, (coat["id"], 1))
    assert await found(sales) == [("GOODWILL", 0, "NEEDS_APPROVAL")]
    assert (await sales.order_balances())["receivables"] == 6_000
    before = await counts(sales.refund_desk.database, "journal_entry", "refund_approval")
    poor = replace(FIONA, refund_limit=sales.money(5_999))
    refused = await sales.refund_desk.approve(claim, by=poor)
    assert [each.code for each in refused.refusals] == ["GRANT_EXCEEDED"]
    assert await counts(sales.refund_desk.database, "journal_entry", "refund_approval") == before
    assert not (await sales.refund_desk.approve(claim, by=FRED)).refusals
    assert await found(sales) == [("GOODWILL", 0, "SUCCEEDED")]
    assert await sales.order_balances() == {}
    assert await reconcile(sales.refund_desk.database) == []


async def test_a_rejected_claim_leaves_the_debt(sales: Sales) -> None:
    order = await sales.place(("COAT", 1, 5_000, 1_000), paid=0)
    await sales.ship(order)
    [coat] = await sales.refund_desk.shop.lines(order)
    claim = await sales.try_claim(order, (coat["id"], 1))
    assert not (await sales.refund_desk.reject(claim)).refusals
    assert (await sales.order_balances())["receivables"] == 6_000
    assert await reconcile(sales.refund_desk.database) == []


async def test_grades_that_need_an_approval_need_it_for_a_debt(database: Database) -> None:
    desk = await open_refund_desk(database)
    sales = await Sales(desk).open(approvalFor=["COUNTERFEIT"])
    order = await sales.place(("COAT", 1, 5_000, 1_000), ("TEE-S", 1, 3_000, 0), paid=0)
    await sales.ship(order)
    await sales.take_back(order, "TEE-S")
    await sales.take_back(order, "COAT", grade="COUNTERFEIT")
    assert await found(sales) == [("RETURN", 0, "SUCCEEDED"), ("RETURN", 0, "NEEDS_APPROVAL")]
    assert (await sales.order_balances())["receivables"] == 6_000
    await approve_all(sales)
    assert await sales.order_balances() == {}
    assert await reconcile(database) == []
