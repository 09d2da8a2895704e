"""Units beyond the request, and late units of a closed return."""

from typing import Any

import orjson
import pytest

from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.refunds import RefundDesk, open_refund_desk
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


async def inspect_all(refund_desk: RefundDesk, a_return: Outcome) -> None:
    refund_desk.shop.clock.forward(seconds=1)
    groups = await refund_desk.desk.groups(a_return)
    waiting = [each for each in groups if each["state"] == "RECEIVED"]
    found = [(each["id"], each["quantity"], "NEW") for each in waiting]
    assert not (await refund_desk.desk.inspect(a_return, *found)).refusals
    await refund_desk.pay()


async def reasons(refund_desk: RefundDesk, a_return: Outcome) -> list[Any]:
    found: list[Any] = orjson.loads((await refund_desk.desk.find(a_return))["decision"])["reasons"]
    return found


async def test_units_that_the_line_can_return_join_the_return(refund_desk: RefundDesk) -> None:
    desk = refund_desk.desk
    order = await desk.sold(("TEE-M", 3), ("COAT", 1))
    a_return = await desk.request(order, ("TEE-M", 1))
    received = await desk.receive(a_return, ("TEE-M", 4), ("COAT", 1), complete=True)
    assert not received.refusals, received.refusals
    assert await desk.units(a_return) == [
        ("TEE-M", 1, "RECEIVED"),
        ("TEE-M", 2, "RECEIVED"),
        ("COAT", 1, "RECEIVED"),
        ("TEE-M", 1, "WRONG_ITEM"),
    ]
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "OPEN", 3)]
    said = await reasons(refund_desk, a_return)
    assert any(text.startswith("unannounced: 2 of TEE-M") for text in said)
    assert (await desk.request(order, ("TEE-M", 1))).refusals[0].code == "OVER_RETURN"
    await inspect_all(refund_desk, a_return)
    assert sum(each["amount_minor"] for each in await refund_desk.refunds()) == 4000
    balances = await refund_desk.balances()
    assert "cost_of_goods_sold" not in balances
    assert await reconcile(refund_desk.database) == []


async def test_units_that_the_policy_declines_stay_extra(refund_desk: RefundDesk) -> None:
    desk = refund_desk.desk
    order = await desk.sold(("TEE-M", 2))
    a_return = await desk.request(order, ("TEE-M", 1))
    rules = {"window": "P30D", "finalSale": True}
    await desk.shop.publish(PolicyKind.RETURN, rules)
    assert not (await desk.receive(a_return, ("TEE-M", 2))).refusals
    assert await desk.units(a_return) == [("TEE-M", 1, "RECEIVED"), ("TEE-M", 1, "WRONG_ITEM")]
    assert await reconcile(refund_desk.database) == []


@pytest.mark.parametrize("late", ["missing", "unannounced"])
async def test_a_late_unit_reopens_a_closed_return(refund_desk: RefundDesk, late: str) -> None:
    desk = refund_desk.desk
    order = await desk.sold(("TEE-M", 2))
    a_return = await desk.request(order, ("TEE-M", 2 if late == "missing" else 1))
    await desk.receive(a_return, ("TEE-M", 1), complete=True)
    await inspect_all(refund_desk, a_return)
    assert await desk.status(a_return) == "CLOSED"
    again = await desk.receive(a_return, ("TEE-M", 1))
    assert not again.refusals, again.refusals
    assert await desk.status(a_return) == "RECEIVED"
    assert (await desk.find(a_return))["closed_at"] is None
    assert await reconcile(refund_desk.database) == []
    await inspect_all(refund_desk, a_return)
    assert await desk.status(a_return) == "CLOSED"
    refunds = await refund_desk.refunds()
    assert [(each["status"], each["amount_minor"]) for each in refunds] == [("SUCCEEDED", 1000)] * 2
    assert await reconcile(refund_desk.database) == []


async def test_a_closed_return_takes_no_unit_beyond_its_lines(refund_desk: RefundDesk) -> None:
    desk = refund_desk.desk
    a_return = await desk.requested(("TEE-M", 1))
    await desk.receive(a_return, ("TEE-M", 1))
    await inspect_all(refund_desk, a_return)
    refused = await desk.receive(a_return, ("TEE-M", 1))
    assert [each.code for each in refused.refusals] == ["ILLEGAL_TRANSITION"]
    assert await desk.status(a_return) == "CLOSED"
