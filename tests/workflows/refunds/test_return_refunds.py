"""Refunds of returns: opened by evidence, decided by policy, exact amounts, closing of returns."""

from typing import Any

import orjson
import pytest

from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.refunds import FIONA, RefundDesk, open_refund_desk
from tests.builders.store import pounds
from tests.builders.transactions import events
from workflows.orders.commands import Payment
from workflows.transactions.outcomes import Outcome

RULES: dict[str, Any] = {
    "evidence": ["INSPECTED"],
    "deductions": {"USED": 0.2, "DAMAGED": 0.5},
    "approvalFor": ["COUNTERFEIT"],
    "bands": {"GBP": [{"upTo": None, "approvers": 0}]},
}


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


async def returned(refund_desk: RefundDesk, *items: tuple[str, int], **facts: Any) -> Outcome:
    """A return with all units received."""
    a_return = await refund_desk.desk.requested(*items, **facts)
    received = await refund_desk.desk.receive(a_return, *items, complete=True)
    assert not received.refusals, received.refusals
    return a_return


async def graded(refund_desk: RefundDesk, a_return: Outcome, *grades: tuple[str, int, str]) -> None:
    """Inspect units of a SKU with these grades."""
    for sku, units, grade in grades:
        refund_desk.shop.clock.forward(seconds=1)
        groups = await refund_desk.desk.groups(a_return)
        group = next(each for each in groups if each["sku"] == sku and each["state"] == "RECEIVED")
        outcome = await refund_desk.desk.inspect(a_return, (group["id"], units, grade))
        assert not outcome.refusals, outcome.refusals


def parts(refund: dict[str, Any]) -> list[tuple[str, int]]:
    """(kind, minor units) of a refund's components."""
    return [(part["kind"], part["amountMinor"]) for part in orjson.loads(refund["breakdown"])]


async def test_an_inspected_unit_is_refunded_at_once_and_the_return_closes(
    refund_desk: RefundDesk,
) -> None:
    a_return = await returned(refund_desk, ("TEE-M", 2))
    assert await refund_desk.refunds() == []
    await graded(refund_desk, a_return, ("TEE-M", 2, "NEW"))
    [refund] = await refund_desk.refunds()
    assert (refund["status"], refund["amount_minor"], refund["kind"]) == (
        "APPROVED",
        2000,
        "RETURN",
    )
    assert refund["evidence"] == "AUTHORIZED, CARRIER_SCAN, RECEIVED, INSPECTED"
    assert await refund_desk.desk.status(a_return) == "RECEIVED"
    balances = await refund_desk.balances()
    assert (balances["refund_liability"], balances["sales_returns"]) == (-2000, 2000)
    assert await refund_desk.pay() == 1
    assert await refund_desk.status(refund) == "SUCCEEDED"
    assert await refund_desk.desk.status(a_return) == "CLOSED"
    balances = await refund_desk.balances()
    assert {"refund_liability", "payments_clearing"}.isdisjoint(balances)


async def test_each_grade_is_deducted_and_a_refund_is_opened_per_inspection(
    refund_desk: RefundDesk,
) -> None:
    a_return = await returned(refund_desk, ("TEE-M", 3))
    await graded(refund_desk, a_return, ("TEE-M", 1, "NEW"), ("TEE-M", 1, "USED"))
    await graded(refund_desk, a_return, ("TEE-M", 1, "DAMAGED"))
    amounts = [refund["amount_minor"] for refund in await refund_desk.refunds()]
    assert amounts == [1000, 800, 500]
    decisions = [orjson.loads(refund["decision"]) for refund in await refund_desk.refunds()]
    assert decisions[1]["policy"] == "REFUND"
    assert decisions[1]["version"] == 1
    assert decisions[1]["reasons"]


async def test_a_penny_that_was_never_paid_does_not_go_back(refund_desk: RefundDesk) -> None:
    order = await refund_desk.desk.sold(("TEE-M", 3), payments=(Payment("card", pounds("29.99")),))
    a_return = await refund_desk.desk.request(order, ("TEE-M", 3))
    await refund_desk.desk.receive(a_return, ("TEE-M", 3))
    await graded(refund_desk, a_return, ("TEE-M", 1, "NEW"), ("TEE-M", 2, "NEW"))
    amounts = [refund["amount_minor"] for refund in await refund_desk.refunds()]
    assert amounts == [999, 2000]  # The unpaid penny falls first.


async def test_the_whole_order_gives_its_shipping_back(refund_desk: RefundDesk) -> None:
    order = await refund_desk.desk.sold(
        ("TEE-M", 2), shipping=pounds("5.00"), shipping_tax=pounds("1.00")
    )
    a_return = await refund_desk.desk.request(order, ("TEE-M", 2))
    await refund_desk.desk.receive(a_return, ("TEE-M", 2))
    await graded(refund_desk, a_return, ("TEE-M", 1, "NEW"), ("TEE-M", 1, "NEW"))
    first, second = await refund_desk.refunds()
    assert parts(first) == [("items", 1000)]
    assert parts(second) == [("items", 1000), ("shipping", 500), ("shipping tax", 100)]
    balances = await refund_desk.balances()
    assert "shipping_income" not in balances
    assert "tax_payable" not in balances


async def test_a_fee_is_kept_and_booked(refund_desk: RefundDesk) -> None:
    await refund_desk.shop.publish(PolicyKind.REFUND, {**RULES, "restockingFee": 0.1})
    a_return = await returned(refund_desk, ("TEE-M", 1))
    await graded(refund_desk, a_return, ("TEE-M", 1, "NEW"))
    [refund] = await refund_desk.refunds()
    assert parts(refund) == [("items", 1000), ("restocking fee", -100)]
    assert refund["amount_minor"] == 900
    balances = await refund_desk.balances()
    assert (balances["restocking_fees"], balances["refund_liability"]) == (-100, -900)


async def test_counterfeit_units_need_an_approval_whatever_the_amount(
    refund_desk: RefundDesk,
) -> None:
    a_return = await returned(refund_desk, ("TEE-M", 1))
    await graded(refund_desk, a_return, ("TEE-M", 1, "COUNTERFEIT"))
    [refund] = await refund_desk.refunds()
    assert (refund["status"], refund["approvals_required"]) == ("NEEDS_APPROVAL", 1)
    assert not (await refund_desk.approve(refund)).refusals
    assert await refund_desk.status(refund) == "APPROVED"


async def test_a_refund_waits_for_evidence_and_is_fixed_when_it_comes(
    refund_desk: RefundDesk,
) -> None:
    await refund_desk.shop.publish(
        PolicyKind.REFUND, {**RULES, "evidence": ["AUTHORIZED", "INSPECTED"]}
    )
    a_return = await refund_desk.desk.requested(("TEE-M", 3))
    [pending] = await refund_desk.refunds()
    assert (pending["status"], pending["amount_minor"]) == ("EVIDENCE_PENDING", 3000)
    assert pending["evidence"] == "AUTHORIZED"
    assert "refund_liability" not in await refund_desk.balances()
    await refund_desk.desk.receive(a_return, ("TEE-M", 2))
    await graded(refund_desk, a_return, ("TEE-M", 1, "USED"))
    waiting, decided = await refund_desk.refunds()
    assert waiting["id"] == pending["id"]
    assert (waiting["status"], waiting["amount_minor"]) == ("EVIDENCE_PENDING", 2000)
    assert (decided["status"], decided["amount_minor"]) == ("APPROVED", 800)
    # Proven units leave the waiting refund; with the last unit it is decided itself.
    await refund_desk.desk.receive(a_return, ("TEE-M", 1), complete=True)
    await graded(refund_desk, a_return, ("TEE-M", 1, "NEW"), ("TEE-M", 1, "NEW"))
    assert [each["amount_minor"] for each in await refund_desk.refunds()] == [1000, 800, 1000]
    assert await refund_desk.status(pending) == "APPROVED"
    await refund_desk.pay()
    assert {each["status"] for each in await refund_desk.refunds()} == {"SUCCEEDED"}


async def test_a_refund_whose_units_never_come_is_given_up(refund_desk: RefundDesk) -> None:
    await refund_desk.shop.publish(
        PolicyKind.REFUND, {**RULES, "evidence": ["AUTHORIZED", "INSPECTED"]}
    )
    a_return = await refund_desk.desk.requested(("TEE-M", 1))
    [pending] = await refund_desk.refunds()
    await refund_desk.desk.cancel(a_return)
    assert await refund_desk.status(pending) == "CANCELLED"
    payment = await events(refund_desk.database, "refund.cancelled")
    assert len(payment) == 1


async def test_money_may_go_back_before_the_units_do(refund_desk: RefundDesk) -> None:
    await refund_desk.shop.publish(PolicyKind.REFUND, {**RULES, "evidence": ["AUTHORIZED"]})
    a_return = await refund_desk.desk.requested(("TEE-M", 2))
    [refund] = await refund_desk.refunds()
    assert (refund["status"], refund["amount_minor"]) == ("APPROVED", 2000)
    await refund_desk.desk.receive(a_return, ("TEE-M", 2))
    await graded(refund_desk, a_return, ("TEE-M", 2, "USED"))
    assert len(await refund_desk.refunds()) == 1


async def test_what_a_person_called_off_is_not_opened_again(refund_desk: RefundDesk) -> None:
    a_return = await returned(refund_desk, ("TEE-M", 2))
    await graded(refund_desk, a_return, ("TEE-M", 1, "NEW"))
    [refund] = await refund_desk.refunds()
    assert not (await refund_desk.cancel(refund)).refusals
    await graded(refund_desk, a_return, ("TEE-M", 1, "NEW"))
    statuses = [each["status"] for each in await refund_desk.refunds()]
    assert statuses == ["CANCELLED", "APPROVED"]
    # The last unit gets the rest of the line's amount: nothing was refunded for the first.
    assert (await refund_desk.refunds())[1]["amount_minor"] == 1000


async def test_a_refund_without_amount_succeeds_at_once_with_a_reason(
    refund_desk: RefundDesk,
) -> None:
    await refund_desk.shop.publish(PolicyKind.REFUND, {**RULES, "deductions": {"DAMAGED": 1}})
    a_return = await returned(refund_desk, ("TEE-M", 1))
    await graded(refund_desk, a_return, ("TEE-M", 1, "DAMAGED"))
    [refund] = await refund_desk.refunds()
    assert (refund["status"], refund["amount_minor"]) == ("SUCCEEDED", 0)
    assert "Nothing is left to refund." in orjson.loads(refund["decision"])["reasons"]


async def test_policies_by_category_decide_apart(refund_desk: RefundDesk) -> None:
    await refund_desk.shop.publish(
        PolicyKind.REFUND, {**RULES, "deductions": {"NEW": 0.5}}, "category:coats"
    )
    a_return = await returned(refund_desk, ("TEE-M", 1), ("COAT", 1))
    groups = {group["sku"]: group["id"] for group in await refund_desk.desk.groups(a_return)}
    outcome = await refund_desk.desk.inspect(
        a_return, (groups["TEE-M"], 1, "NEW"), (groups["COAT"], 1, "NEW")
    )
    assert not outcome.refusals
    assert sorted(refund["amount_minor"] for refund in await refund_desk.refunds()) == [500, 1000]
    scopes = {orjson.loads(refund["decision"])["scope"] for refund in await refund_desk.refunds()}
    assert scopes == {"global", "category:coats"}


async def test_an_amount_that_needs_several_payments_is_several_refunds(
    refund_desk: RefundDesk,
) -> None:
    paid = (Payment("card", pounds("12.00")), Payment("gift", pounds("8.00")))
    order = await refund_desk.desk.sold(("TEE-M", 2), payments=paid)
    a_return = await refund_desk.desk.request(order, ("TEE-M", 2))
    await refund_desk.desk.receive(a_return, ("TEE-M", 2))
    await graded(refund_desk, a_return, ("TEE-M", 2, "NEW"))
    refunds = await refund_desk.refunds()
    assert sorted(refund["amount_minor"] for refund in refunds) == [800, 1200]
    assert len({refund["family_id"] for refund in refunds}) == 1
    assert len({refund["payment_id"] for refund in refunds}) == 2
    assert await refund_desk.pay() == 2
    assert await refund_desk.desk.status(a_return) == "CLOSED"


async def test_a_return_gets_no_more_than_what_is_left(refund_desk: RefundDesk) -> None:
    order = await refund_desk.desk.sold(("TEE-M", 2))
    gift = await refund_desk.create(order, "15.00")
    assert not (await refund_desk.approve(gift)).refusals
    a_return = await refund_desk.desk.request(order, ("TEE-M", 2))
    await refund_desk.desk.receive(a_return, ("TEE-M", 2))
    await graded(refund_desk, a_return, ("TEE-M", 2, "NEW"))
    refund = (await refund_desk.refunds())[1]
    assert refund["amount_minor"] == 500
    assert any("Reduced to 5.00 GBP" in r for r in orjson.loads(refund["decision"])["reasons"])


async def test_many_small_refunds_do_not_pass_the_bands(refund_desk: RefundDesk) -> None:
    """Ten refunds of ten pounds are within 100.00; the eleventh is not."""
    a_return = await returned(refund_desk, ("TEE-M", 11))
    await graded(refund_desk, a_return, *[("TEE-M", 1, "NEW")] * 11)
    statuses = [refund["status"] for refund in await refund_desk.refunds()]
    assert statuses == ["APPROVED"] * 10 + ["NEEDS_APPROVAL"]


async def test_the_inspector_cannot_approve_what_was_inspected(refund_desk: RefundDesk) -> None:
    a_return = await returned(refund_desk, ("COAT", 12))
    await graded(refund_desk, a_return, ("COAT", 12, "NEW"))
    [refund] = await refund_desk.refunds()
    assert (refund["status"], refund["approvals_required"]) == ("NEEDS_APPROVAL", 1)
    assert not (await refund_desk.approve(refund, FIONA)).refusals
    assert await refund_desk.status(refund) == "APPROVED"
