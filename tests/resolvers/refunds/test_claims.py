"""Refunds of units that do not come back and of shipping, over the API."""

from __future__ import annotations

from typing import Any

import pytest

from domain.access.callers import Role
from tests.builders.in_process_server import JSON, InProcessServer, gbp
from tests.builders.transactions import counts

REFUND = """id status kind amount { amount currencyCode } approvalsRequired
  breakdown { kind amount { amount } note } decision { outcome reasons }
  order { refundable { amount } }"""
CREATE = f"""mutation ($input: RefundCreateInput!) {{ refundCreate(input: $input) {{
  refund {{ {REFUND} }} userErrors {{ field code message details }} }} }}"""
APPROVE = f"""mutation ($id: ID!) {{ refundApprove(id: $id, note: "Fine.") {{
  refund {{ {REFUND} }} userErrors {{ field code message details }} }} }}"""
SHIP = """mutation ($input: FulfillmentShipInput!) { fulfillmentShip(input: $input) {
  userErrors { message } } }"""
REFUNDABLE = "query ($id: ID!) { order(id: $id) { refundable { amount } } }"
CHANGED = ("refund", "refund_unit", "event", "journal_entry", "audit_entry")


async def sold(api: InProcessServer, units: int = 2, **facts: Any) -> JSON:
    """Shirts at 10.00 with 1.00 tax in all and shipping 3.00 with 0.60 tax, shipped."""
    await api.receive(units)
    line = {"sku": "TEE", "quantity": units, "unitPrice": gbp("10.00"), "tax": gbp("1.00")}
    facts = {"shipping": gbp("3.00"), "shippingTax": gbp("0.60"), **facts}
    placed: JSON = await api.place(units, lines=[line], **facts)
    parcel = {"carrier": "DHL", "trackingNumber": "JD1"}
    parcel["fulfillmentId"] = placed["fulfillments"][0]["id"]
    await api.done(SHIP, {"input": parcel})
    return placed


@pytest.fixture
async def order(api: InProcessServer) -> JSON:
    return await sold(api)


def claim(order: JSON, units: int | None = None, **facts: object) -> JSON:
    """The input of a claim to units of the order's line."""
    given = {"orderId": order["id"], "reasonCode": "OTHER", "note": "Never arrived.", **facts}
    if units is not None:
        given["lines"] = [{"orderLineId": order["lines"][0]["id"], "quantity": units}]
    return {"input": given}


def parts(refund: JSON) -> dict[str, str]:
    return {each["kind"]: each["amount"]["amount"] for each in refund["breakdown"]}


async def test_units_are_refunded_with_their_tax(api: InProcessServer, order: JSON) -> None:
    made = (await api.done(CREATE, claim(order, 1)))["refund"]
    assert (made["status"], made["kind"], made["approvalsRequired"]) == (
        "NEEDS_APPROVAL",
        "GOODWILL",
        1,
    )
    assert parts(made) == {"items": "10.00", "tax": "0.50"}
    assert made["amount"] == {"amount": "10.50", "currencyCode": "GBP"}
    assert made["order"]["refundable"] == {"amount": "14.10"}


async def test_the_last_unit_brings_the_shipping(api: InProcessServer, order: JSON) -> None:
    made = (await api.done(CREATE, claim(order, 2)))["refund"]
    assert parts(made) == {
        **{"items": "20.00", "tax": "1.00"},
        **{"shipping": "3.00", "shipping tax": "0.60"},
    }
    assert made["order"]["refundable"] == {"amount": "0.00"}


async def test_shipping_alone_is_refunded(api: InProcessServer, order: JSON) -> None:
    made = (await api.done(CREATE, claim(order, shipping=True)))["refund"]
    assert parts(made) == {"shipping": "3.00", "shipping tax": "0.60"}
    assert await api.refusals(CREATE, claim(order, shipping=True)) == [
        ("INVALID", "input.shipping")
    ]


async def test_units_and_shipping_are_refunded_together(api: InProcessServer, order: JSON) -> None:
    made = (await api.done(CREATE, claim(order, 1, shipping=True)))["refund"]
    assert made["amount"]["amount"] == "14.10"


async def test_a_claim_that_cancels_a_debt_waits_for_another_person(api: InProcessServer) -> None:
    order = await sold(api, payments=[])
    made = (await api.done(CREATE, claim(order, 2)))["refund"]
    assert (made["status"], made["amount"]["amount"]) == ("NEEDS_APPROVAL", "0.00")
    assert parts(made)["unpaid"] == "-24.60"
    assert await api.refusals(APPROVE, {"id": made["id"]}) == [("SELF_APPROVAL", "id")]
    finance = await api.a_key(Role.FINANCE)
    agreed = (await api.done(APPROVE, {"id": made["id"]}, key=finance))["refund"]
    assert agreed["status"] == "SUCCEEDED"


async def test_refused_claims_change_nothing(api: InProcessServer, order: JSON) -> None:
    line, other = order["lines"][0]["id"], order["fulfillments"][0]["id"]
    database = api.restow.database
    before = await counts(database, *CHANGED)
    twice = [{"orderLineId": line, "quantity": 1}, {"orderLineId": line, "quantity": 2}]
    for given, refusal in (
        (claim(order, 3), ("INVALID", "input.lines.0.quantity")),
        (claim(order, 0), ("INVALID", "input.lines.0.quantity")),
        (claim(order, lines=twice), ("INVALID", "input.lines.1.quantity")),
        (
            claim(order, lines=[{"orderLineId": other, "quantity": 1}]),
            ("NOT_FOUND", "input.lines.0.orderLineId"),
        ),
        (claim(order), ("INVALID", "input.amount")),
        (claim(order, 1, amount=gbp("1.00")), ("INVALID", "input.amount")),
        (claim(order, shipping=True, amount=gbp("1.00")), ("INVALID", "input.amount")),
        (claim(order, 1, reasonCode="NONE"), ("NOT_FOUND", "input.reasonCode")),
    ):
        assert await api.refusals(CREATE, given) == [refusal]
    warehouse = await api.a_key(Role.WAREHOUSE)
    before = {**before, "audit_entry": before["audit_entry"] + 1}  # the key
    assert await api.code(CREATE, claim(order, 1), key=warehouse) == "FORBIDDEN"
    assert {**await counts(database, *CHANGED), "event": before["event"]} == before
    shown = await api.ask(REFUNDABLE, {"id": order["id"]})
    assert shown["order"]["refundable"] == {"amount": "24.60"}


async def test_units_that_have_not_shipped_are_not_claimed(api: InProcessServer) -> None:
    await api.receive(1)
    order = await api.place(1)
    before = await counts(api.restow.database, *CHANGED)
    assert await api.refusals(CREATE, claim(order, 1)) == [("INVALID", "input.lines.0.quantity")]
    assert await counts(api.restow.database, *CHANGED) == before
