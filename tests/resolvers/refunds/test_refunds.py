"""Refunds over the API: creation, approval, refusals, and the journal entries of a refund."""

import asyncio
from typing import Any

import pytest

from domain.access.callers import Role
from tests.builders.in_process_server import JSON, InProcessServer, gbp

REFUND = """id status kind tender amount { amount currencyCode } approvalsRequired
  breakdown { kind amount { amount } note } decision { policy scope version outcome reasons }
  requiredEvidence evidence approvals { actor decision note } paymentReference gatewayReference
  settledAt journalEntries { memo lines { account } } attempts { number state }
  order { refunded { amount } refundable { amount } } return { id } reason { code }"""
CREATE = f"""mutation ($input: RefundCreateInput!) {{ refundCreate(input: $input) {{
  refund {{ {REFUND} }} replayed userErrors {{ field code message details }} }} }}"""
APPROVE = f"""mutation ($id: ID!) {{ refundApprove(id: $id, note: "Fine.") {{
  refund {{ {REFUND} }} userErrors {{ field code message details }} }} }}"""
SHIP = """mutation ($input: FulfillmentShipInput!) { fulfillmentShip(input: $input) {
  userErrors { message } } }"""
CANCEL_ORDER = """mutation ($id: ID!) { orderCancel(id: $id, reasonCode: "CUSTOMER_REQUEST") {
  order { refunds { id kind status amount { amount } } } userErrors { message } } }"""


@pytest.fixture
async def order(api: InProcessServer) -> JSON:
    """Two shirts, paid and shipped."""
    await api.receive(5)
    placed: JSON = await api.place(2)
    parcel = {"carrier": "DHL", "trackingNumber": "JD1"}
    parcel["fulfillmentId"] = placed["fulfillments"][0]["id"]
    await api.done(SHIP, {"input": parcel})
    return placed


async def a_refund(api: InProcessServer, order: JSON, amount: str = "1.00", **facts: Any) -> JSON:
    given = {"orderId": order["id"], "amount": gbp(amount), "reasonCode": "OTHER", "note": "Sorry."}
    made: JSON = (await api.done(CREATE, {"input": {**given, **facts}}))["refund"]
    return made


async def shown(api: InProcessServer, refund: JSON) -> JSON:
    found = await api.ask(f"query ($id: ID!) {{ refund(id: $id) {{ {REFUND} }} }}", refund)
    answer: JSON = found["refund"]
    return answer


async def test_a_refund_from_request_to_journal(api: InProcessServer, order: JSON) -> None:
    made = await a_refund(api, order)
    assert (made["status"], made["kind"], made["tender"]) == (
        "NEEDS_APPROVAL",
        "GOODWILL",
        "ORIGINAL_PAYMENT",
    )
    assert made["breakdown"] == [{"kind": "items", "amount": {"amount": "1.00"}, "note": "OTHER"}]
    assert made["decision"]["policy"] == "REFUND"
    assert made["paymentReference"] == order["number"]
    finance = await api.a_key(Role.FINANCE)
    agreed = (await api.done(APPROVE, {"id": made["id"]}, key=finance))["refund"]
    assert agreed["approvals"][0]["decision"] == "APPROVED"
    await api.restow.payouts.work()  # or the program's own worker has claimed it
    async with asyncio.timeout(10):
        while (paid := await shown(api, made))["status"] in ("APPROVED", "PROCESSING"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (paid["status"], paid["attempts"]) == (
        "SUCCEEDED",
        [{"number": 1, "state": "SUCCEEDED"}],
    )
    assert paid["gatewayReference"].startswith("sim_")
    assert len(paid["journalEntries"]) == 2
    assert paid["order"]["refunded"] == {"amount": "1.00"}
    listed = await api.ask("{ refunds(status: SUCCEEDED) { totalCount nodes { id } } }")
    assert listed["refunds"] == {"totalCount": 1, "nodes": [{"id": made["id"]}]}
    node = await api.ask("query ($id: ID!) { node(id: $id) { ... on Refund { status } } }", made)
    assert node == {"node": {"status": "SUCCEEDED"}}


async def test_a_refusal_is_data(api: InProcessServer, order: JSON) -> None:
    given = {"orderId": order["id"], "reasonCode": "OTHER", "note": "x"}
    for amount, code in (
        (gbp("1000.00"), "REFUND_EXCEEDS_BALANCE"),
        ({"amount": "1.00", "currencyCode": "EUR"}, "INVALID"),
        (gbp("0.001"), "INVALID"),
    ):
        answer = await api.ask(CREATE, {"input": {**given, "amount": amount}})
        assert [error["code"] for error in answer["refundCreate"]["userErrors"]] == [code]
    made = await a_refund(api, order)
    own = await api.ask(APPROVE, {"id": made["id"]})
    assert own["refundApprove"]["userErrors"][0]["code"] == "SELF_APPROVAL"
    settle = """mutation ($id: ID!) { refundSettle(id: $id, succeeded: true, note: "x") {
      userErrors { code field details } } }"""
    answer = await api.ask(settle, {"id": made["id"]})
    assert answer["refundSettle"]["userErrors"][0] == {
        "code": "ILLEGAL_TRANSITION",
        "field": ["id"],
        "details": {
            "from": "NEEDS_APPROVAL",
            "to": "SUCCEEDED",
            "allowed": ["APPROVED", "CANCELLED", "REJECTED"],
        },
    }


async def test_a_cancelled_order_is_refunded_by_itself(api: InProcessServer) -> None:
    await api.receive(5)
    placed = await api.place(1)
    found = await api.done(CANCEL_ORDER, {"id": placed["id"]})
    [refund] = found["order"]["refunds"]
    assert refund["kind"] == "CANCELLATION"


async def test_roles_see_and_do_what_is_theirs(api: InProcessServer, order: JSON) -> None:
    made = await a_refund(api, order)
    document = "query ($id: ID!) { refund(id: $id) { id } }"
    support = await api.a_key(Role.SUPPORT)
    assert (await api.ask(document, made, key=support))["refund"] == {"id": made["id"]}
    market = await api.a_key(Role.SUPPORT, channels=("market",))
    assert (await api.ask(document, made, key=market)) == {"refund": None}
    warehouse = await api.a_key(Role.WAREHOUSE)
    assert await api.code(document, made, key=warehouse) == "FORBIDDEN"
    assert await api.code(APPROVE, made, key=support) == "FORBIDDEN"
    storefront = await api.a_key(Role.STOREFRONT, channels=("web",))
    of_order = """query ($id: ID!) { order(id: $id) { refunded { amount } refunds {
      id note requestedBy decision { reasons } approvals { actor } journalEntries { id } } } }"""
    seen = await api.ask(of_order, {"id": order["id"]}, key=warehouse)
    assert seen["order"] == {"refunded": {"amount": "0.00"}, "refunds": []}
    [shown] = (await api.ask(of_order, {"id": order["id"]}, key=storefront))["order"]["refunds"]
    assert shown == {
        **{"id": made["id"], "note": None, "requestedBy": None},
        **{"decision": {"reasons": []}, "approvals": [], "journalEntries": []},
    }
    [whole] = (await api.ask(of_order, {"id": order["id"]}, key=support))["order"]["refunds"]
    assert whole["note"]
    assert whole["requestedBy"] == "bootstrap"
    node = "query ($id: ID!) { node(id: $id) { id } }"
    assert (await api.ask(node, made, key=storefront))["node"] == {"id": made["id"]}
    assert (await api.ask(node, made, key=warehouse))["node"] is None
    assert await api.code(document, made, key=storefront) == "FORBIDDEN"
    assert await api.code("{ refunds { totalCount } }", key=storefront) == "FORBIDDEN"
