"""Refunds, closed periods, webhooks and the journal's export, as clients meet them."""

import asyncio
import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.access.callers import Role
from integrations.payments.gateway import PaymentEvent, PaymentEventType, event_body
from integrations.signed_webhooks import WebhookSecrets
from tests.builders.in_process_server import JSON, InProcessServer, gbp
from tests.builders.transactions import rows

SECRET = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0"
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
CLOSE = """mutation ($at: DateTime!) { periodClose(through: $at) {
  period { through closedAt closedBy } userErrors { field code } } }"""


@pytest.fixture
async def order(api: InProcessServer) -> JSON:
    """Two shirts, paid and sent."""
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
    assert made["breakdown"] == [
        {"kind": "goodwill", "amount": {"amount": "1.00"}, "note": "OTHER"}
    ]
    assert made["decision"]["policy"] == "REFUND"
    assert made["paymentReference"] == order["number"]
    finance = await api.a_key(Role.FINANCE)
    agreed = (await api.done(APPROVE, {"id": made["id"]}, key=finance))["refund"]
    assert agreed["approvals"][0]["decision"] == "APPROVED"
    await api.restow.payouts.work()  # or the program's own worker has it in hand
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


async def test_books_are_closed_once_and_never_ahead(api: InProcessServer) -> None:
    at = "2026-01-01T00:00:00Z"
    made = (await api.done(CLOSE, {"at": at}))["period"]
    assert (made["through"], made["closedBy"]) == (at, "bootstrap")
    again = await api.ask(CLOSE, {"at": at})
    assert again["periodClose"]["userErrors"] == [{"field": ["through"], "code": "PERIOD_CLOSED"}]
    ahead = await api.ask(CLOSE, {"at": "2999-01-01T00:00:00Z"})
    assert ahead["periodClose"]["userErrors"][0]["code"] == "PERIOD_CLOSED"
    assert (await api.ask("{ periods { through } }"))["periods"] == [{"through": at}]


async def test_without_a_secret_no_webhook_is_believed(api: InProcessServer) -> None:
    body = event_body(PaymentEvent(PaymentEventType.SUCCEEDED, "k"))
    headers = WebhookSecrets([SECRET]).sign("msg-1", datetime.now(UTC), body)
    answer = await api.client.post("/webhooks/payments", content=body, headers=headers)
    assert answer.status_code == 401


async def test_the_journal_is_exported_within_scope(api: InProcessServer, order: JSON) -> None:
    async def lines(key: str | None, **asked: str) -> list[dict[str, str]]:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        answer = await api.client.get("/export/journal.csv", headers=headers, params=asked)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(answer.text)))

    finance = await api.a_key(Role.FINANCE)
    found = await lines(finance)
    stored = await rows(api.restow.database, "SELECT id FROM journal_line")
    assert len(found) == len(stored)
    assert sum(float(line["debit"] or 0) - float(line["credit"] or 0) for line in found) == 0
    sold = await lines(finance, account="sales", reference=order["number"])
    assert [(line["account"], line["channel"], line["debit"]) for line in sold] == [
        ("sales", "web", "")
    ]
    market = await api.a_key(Role.FINANCE, channels=("market",))
    assert {line["channel"] for line in await lines(market)} == {""}
    assert await lines(finance, to="2000-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("asked", "role", "status"),
    [
        ({"from": "yesterday"}, Role.FINANCE, 400),
        ({"from": "2026-01-01T00:00:00"}, Role.FINANCE, 400),
        ({"color": "red"}, Role.FINANCE, 400),
        ({}, Role.SUPPORT, 403),
    ],
)
async def test_the_export_refuses_what_it_cannot_serve(
    api: InProcessServer, asked: dict[str, str], role: Role, status: int
) -> None:
    headers = {"authorization": f"Bearer {await api.a_key(role)}"}
    answer = await api.client.get("/export/journal.csv", headers=headers, params=asked)
    assert (answer.status_code, set(answer.json())) == (status, {"error", "code"})
