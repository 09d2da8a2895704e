"""Units that go back to their customer bring no refund."""

import pytest

from models.database.database import Database
from tests.builders.inspected_returns import amounts, inspected, reasons, received
from tests.builders.refunds import RefundDesk, open_refund_desk
from tests.builders.store import pounds
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


async def test_a_unit_of_50_that_goes_back_to_its_customer_brings_nothing(
    refund_desk: RefundDesk,
) -> None:
    a_return = await received(refund_desk, 5)
    before = await refund_desk.balances()
    await inspected(refund_desk, a_return, 5, "NEW", "RETURN_TO_CUSTOMER")
    [refund] = await refund_desk.refunds()
    assert refund["amount_minor"] == 0
    assert "The units go back to the customer: they bring no refund." in reasons(refund)
    assert await refund_desk.pay() == 0
    assert refund_desk.gateway.sent == []
    assert await refund_desk.desk.status(a_return) == "CLOSED"
    after = await refund_desk.balances()
    assert {"sales_returns", "refund_liability"}.isdisjoint(after)
    cost = before["inventory_in_quality_control"]
    assert after.get("inventory_in_quality_control") is None
    assert after["cost_of_goods_sold"] == before.get("cost_of_goods_sold", 0) + cost
    again = await refund_desk.desk.request(
        Outcome(refs={"order": str(refund["order_id"])}), ("TEE-M", 1)
    )
    assert [each.code for each in again.refusals] == ["OVER_RETURN"]
    assert await reconcile(refund_desk.database) == []


async def test_the_other_units_keep_their_share_and_the_shipping_stays(
    refund_desk: RefundDesk,
) -> None:
    order = await refund_desk.desk.sold(("TEE-M", 2), shipping=pounds("5.00"))
    a_return = await refund_desk.desk.request(order, ("TEE-M", 2))
    await refund_desk.desk.receive(a_return, ("TEE-M", 2))
    await inspected(refund_desk, a_return, 1, "USED", "RETURN_TO_CUSTOMER")
    await inspected(refund_desk, a_return, 1, "NEW", "RESTOCK")
    assert [minor for _, minor in await amounts(refund_desk)] == [0, 1000]
    await refund_desk.pay()
    assert await refund_desk.desk.status(a_return) == "CLOSED"
    assert await reconcile(refund_desk.database) == []
