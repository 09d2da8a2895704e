"""Chargebacks: the customer owes the amount again, and finance is alerted."""

from typing import Any

import pytest

from domain.values.money import Money
from models.database.database import Database
from tests.builders.chargebacks import charge_back, sold
from tests.builders.inspected_returns import amounts, inspected
from tests.builders.refunds import FAILED, SUCCEEDED, RefundDesk, open_refund_desk
from tests.builders.transactions import counts, events, rows
from workflows.ledger.reconciliation import reconcile
from workflows.orders.commands import Payment
from workflows.refunds.gateway_events import MessageResult
from workflows.transactions.outcomes import Outcome

TABLES = ("payment_chargeback", "journal_entry", "event", "operational_exception", "audit_entry")


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


async def differences(refund_desk: RefundDesk) -> list[str]:
    return [str(each) for each in await reconcile(refund_desk.database)]


async def test_the_customer_owes_it_again(refund_desk: RefundDesk) -> None:
    order = await sold(refund_desk)
    before = await refund_desk.balances()
    assert await charge_back(refund_desk, reason="fraudulent") is MessageResult.APPLIED
    after = await refund_desk.balances()
    assert after["receivables"] == before.get("receivables", 0) + 2000
    assert after.get("payments_clearing", 0) == before["payments_clearing"] - 2000
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == [f"Order:{order.refs['order']}"]
    [alert] = await rows(
        refund_desk.database,
        "SELECT severity, owner_role FROM operational_exception WHERE kind = 'REFUND_RECOVERY'",
    )
    assert alert == {"severity": "HIGH", "owner_role": "FINANCE"}
    [event] = await events(refund_desk.database, "order.charged_back")
    assert (event["data"]["amountMinor"], event["data"]["currency"]) == (2000, "GBP")
    assert await differences(refund_desk) == []


async def test_it_concerns_the_newest_refund(refund_desk: RefundDesk) -> None:
    order = await sold(refund_desk)
    for _ in range(2):
        refund_desk.shop.clock.forward(hours=1)
        made = await refund_desk.create(order, "1.00")
    await charge_back(refund_desk, 500)
    owed = [f"Refund:{refund_desk.id(made)}"]
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == owed
    assert await differences(refund_desk) == []


async def test_it_is_booked_once(refund_desk: RefundDesk) -> None:
    await sold(refund_desk)
    assert await charge_back(refund_desk, 500, id="cb-1") is MessageResult.APPLIED
    before = await counts(refund_desk.database, *TABLES)
    assert await charge_back(refund_desk, 500, id="cb-1") is MessageResult.REPEATED
    assert await charge_back(refund_desk, 500, "msg-2", id="cb-1") is MessageResult.REPEATED
    assert await counts(refund_desk.database, *TABLES) == before
    assert await charge_back(refund_desk, 500, "msg-3", id="cb-2") is MessageResult.APPLIED
    assert (await refund_desk.balances())["receivables"] == 1000


@pytest.mark.parametrize("facts", [{"minor": 2001}, {"currency": "EUR"}])
async def test_what_the_payment_cannot_bear_is_refused(
    refund_desk: RefundDesk, facts: dict[str, Any]
) -> None:
    await sold(refund_desk)
    before = await counts(refund_desk.database, *TABLES, "webhook_message")
    with pytest.raises(ValueError, match=r"amountMinor|currency"):
        await charge_back(refund_desk, **facts)
    assert await counts(refund_desk.database, *TABLES, "webhook_message") == before


async def test_an_unknown_payment_is_taken_and_left(refund_desk: RefundDesk) -> None:
    assert await charge_back(refund_desk, reference="nobody's") is MessageResult.UNKNOWN_KEY


async def _return_of_one(refund_desk: RefundDesk, order: Outcome) -> None:
    a_return = await refund_desk.desk.request(order, ("TEE-M", 1))
    await refund_desk.desk.receive(a_return, ("TEE-M", 1))
    await inspected(refund_desk, a_return, 1, "NEW", "RESTOCK")


@pytest.mark.parametrize("minor", [500, 1500, 2000])
@pytest.mark.parametrize("is_failed", [False, True])
async def test_an_unsent_refund_of_a_return_is_decided_anew(
    refund_desk: RefundDesk, minor: int, is_failed: bool
) -> None:
    """One of two units of 10.00 comes back. The money is as if the chargeback had come first."""
    order = await sold(refund_desk)
    await _return_of_one(refund_desk, order)
    assert await amounts(refund_desk) == [("APPROVED", 1000)]
    if is_failed:
        refund_desk.gateway.answers = [FAILED]
        await refund_desk.pay()
        assert await amounts(refund_desk) == [("FAILED", 1000)]
    refund_desk.shop.clock.forward(seconds=1)
    await charge_back(refund_desk, minor)
    paid = max(0, 1000 - minor)
    found = await amounts(refund_desk)
    assert found == [("CANCELLED", 1000), ("SUCCEEDED" if not paid else "APPROVED", paid)]
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == [f"Order:{order.refs['order']}"]
    refund_desk.gateway.answers = [SUCCEEDED]
    await refund_desk.pay()
    assert await differences(refund_desk) == []
    after = await refund_desk.balances()
    # 20.00 were paid, and the bank and the gateway paid back; the unit that stays costs 10.00.
    assert after.get("payments_clearing", 0) == 2000 - minor - paid
    owed = after.get("receivables", 0) + after.get("customer_deposits", 0)
    assert owed == minor - (1000 - paid)
    assert after.get("refund_liability", 0) == 0


async def test_other_refunds_are_stopped_if_the_payment_cannot_bear_them(
    refund_desk: RefundDesk,
) -> None:
    order = await sold(refund_desk)
    made = []
    for minor in ("4.00", "6.00"):
        refund_desk.shop.clock.forward(hours=1)
        made.append(await refund_desk.create(order, minor))
        assert not (await refund_desk.approve(made[-1])).refusals
    await charge_back(refund_desk, 1000)
    assert await amounts(refund_desk) == [("APPROVED", 400), ("APPROVED", 600)]
    await charge_back(refund_desk, 500, "msg-2", id="cb-2")
    assert await amounts(refund_desk) == [("APPROVED", 400), ("CANCELLED", 600)]
    owed = [f"Refund:{refund_desk.id(each)}" for each in made]
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == owed[:1]
    await refund_desk.pay()
    await charge_back(refund_desk, 500, "msg-3", id="cb-3")
    assert await amounts(refund_desk) == [("SUCCEEDED", 400), ("CANCELLED", 600)]
    assert await differences(refund_desk) == []


async def test_the_unsent_refund_of_a_cancellation_is_stopped(refund_desk: RefundDesk) -> None:
    shop = refund_desk.shop
    await shop.receive(2)
    paid = (Payment("pay-7", Money(2000, "GBP")),)
    order = await shop.place(("TEE-M", 2), payments=paid)
    assert not (await shop.cancel(order)).refusals
    assert await amounts(refund_desk) == [("APPROVED", 2000)]
    await charge_back(refund_desk, 2000)
    assert await amounts(refund_desk) == [("CANCELLED", 2000)]
    assert await refund_desk.pay() == 0
    assert refund_desk.gateway.sent == []
    assert await differences(refund_desk) == []
