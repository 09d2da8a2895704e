"""The refundable amount of an order: what is shown is what a person may refund."""

from __future__ import annotations

from uuid import UUID

import pytest

import models.queries.reads.refunds as refund_reads
from domain.values.money import Money
from models.database.database import Database
from tests.builders.chargebacks import charge_back
from tests.builders.refunds import RefundDesk, open_refund_desk
from tests.builders.sales import Sales
from tests.builders.transactions import codes, counts
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

ONE_APPROVER = {"GBP": [{"upTo": None, "approvers": 1}]}


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


async def shown(refund_desk: RefundDesk, order: Outcome) -> int:
    order_id = UUID(order.refs["order"])
    async with refund_desk.database.reading() as session:
        found = await refund_reads.money_by_order(session, [order_id])
    return found[order_id].refundable_minor


async def check(refund_desk: RefundDesk, order: Outcome, minor: int) -> None:
    """The amount is shown; one minor unit more is refused and changes nothing."""
    assert await shown(refund_desk, order) == minor
    before = await counts(refund_desk.database, "refund", "event", "journal_entry")
    refused = await refund_desk.create(order, "", money=Money(minor + 1, "GBP"))
    assert codes(refused) == [("REFUND_EXCEEDS_BALANCE", ("input", "amount"))]
    assert await counts(refund_desk.database, *before) == before
    if minor:
        made = await refund_desk.create(order, "", money=Money(minor, "GBP"))
        assert not made.refusals
        assert await shown(refund_desk, order) == 0
        for refund in made.refs["refunds"]:
            assert not (await refund_desk.reject(UUID(refund))).refusals
    assert await shown(refund_desk, order) == minor
    assert await reconcile(refund_desk.database) == []


async def test_a_waiting_refund_of_a_part_paid_order_is_not_refundable_twice(
    refund_desk: RefundDesk,
) -> None:
    sales = await Sales(refund_desk).open(bands=ONE_APPROVER)
    await refund_desk.shop.adjust(-19, "TEE-M")
    order = await sales.place(("TEE-M", 2, 10_000, 0), paid=15_000)
    await sales.ship(order)
    await check(refund_desk, order, 10_000)
    await sales.take_back(order, "TEE-M")
    await check(refund_desk, order, 0)


async def test_a_chargeback_lowers_it(refund_desk: RefundDesk) -> None:
    sales = await Sales(refund_desk).open()
    order = await sales.place(("TEE-S", 2, 10_000, 0), paid=(5_000, 15_000))
    await sales.ship(order)
    await check(refund_desk, order, 20_000)
    await charge_back(refund_desk, 4_000, reference="card-1")
    await check(refund_desk, order, 16_000)
    await charge_back(refund_desk, 5_000, "msg-2", reference="card-0")
    await check(refund_desk, order, 11_000)


async def test_money_that_was_charged_back_is_not_refunded_again(refund_desk: RefundDesk) -> None:
    sales = await Sales(refund_desk).open()
    order = await sales.place(("TEE-S", 2, 10_000, 0), paid=20_000)
    await sales.ship(order)
    await sales.take_back(order, "TEE-S")
    await charge_back(refund_desk, 8_000, reference="card-0")
    # The refund was not sent yet: what the customer owes now is taken off it.
    assert await sales.refunded() == 2_000
    await sales.take_back(order, "TEE-S")
    assert await sales.refunded() == 12_000
    balances = await sales.order_balances()
    # The debt of the chargeback and the amount that was not refunded are equal.
    assert balances == {"receivables": 8_000, "customer_deposits": -8_000}
    assert await reconcile(refund_desk.database) == []


async def test_a_cancellation_after_a_chargeback_pays_the_rest(refund_desk: RefundDesk) -> None:
    sales = await Sales(refund_desk).open()
    await refund_desk.shop.adjust(-20, "TEE-M")
    order = await sales.place(("TEE-M", 2, 10_000, 0), paid=20_000)
    await charge_back(refund_desk, 8_000, reference="card-0")
    [line] = await refund_desk.shop.lines(order)
    await sales.cancel(order, (line["id"], 1))
    assert await sales.refunded() == 2_000
    await sales.cancel(order)
    assert await sales.refunded() == 12_000
    assert await reconcile(refund_desk.database) == []


async def test_a_chargeback_lowers_the_refund_that_waits(refund_desk: RefundDesk) -> None:
    sales = await Sales(refund_desk).open(bands=ONE_APPROVER)
    order = await sales.place(("TEE-S", 1, 10_000, 0), paid=10_000)
    await sales.ship(order)
    await sales.take_back(order, "TEE-S")
    await charge_back(refund_desk, 10_000, reference="card-0")
    [refund] = await refund_desk.refunds()
    assert (refund["status"], refund["amount_minor"]) == ("NEEDS_APPROVAL", 0)
    assert not (await refund_desk.approve(refund)).refusals
    assert await sales.refunded() == 0
    assert await reconcile(refund_desk.database) == []
