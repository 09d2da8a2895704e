"""Chargebacks: the customer owes the amount again, and finance is alerted."""

from typing import Any

import pytest

from models.database.database import Database
from tests.builders.chargebacks import charge_back, sold
from tests.builders.refunds import RefundDesk, open_refund_desk
from tests.builders.transactions import counts, events, rows
from workflows.ledger.reconciliation import reconcile
from workflows.refunds.gateway_events import MessageResult

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
