"""Fulfillment holds over the API: placed, shown, released; steps that they refuse."""

from typing import Any

from domain.access.callers import Role
from tests.builders.in_process_server import InProcessServer

HOLD = """
mutation ($order: ID, $parcel: ID, $hold: HoldInput!) {
  fulfillmentHold(orderId: $order, fulfillmentId: $parcel, hold: $hold) {
    hold { id reason note placedBy placedAt until releasedBy releasedAt
      order { id } fulfillment { id status } }
    replayed userErrors { field code message details } } }
"""
RELEASE = """
mutation ($id: ID!, $note: String) { fulfillmentRelease(holdId: $id, note: $note) {
  hold { id releasedBy } userErrors { field code message details } } }
"""
PACK = """
mutation ($id: ID!) { fulfillmentPick(fulfillmentId: $id) {
  fulfillment { id } userErrors { field code details } } }
"""
SHOWN = """
query ($id: ID!) { fulfillment(id: $id) { status holds { id reason fulfillment { id } } }
  fulfillments(status: ON_HOLD) { nodes { id } } }
"""
NODE = "query ($id: ID!) { node(id: $id) { ... on FulfillmentHold { reason note } } }"


async def placed(api: InProcessServer, **facts: Any) -> tuple[str, str]:
    """Ids of an order and of its parcel."""
    order = await api.place(1, **facts)
    [parcel] = order["fulfillments"]
    return str(order["id"]), str(parcel["id"])


async def test_a_hold_is_placed_shown_and_released(api: InProcessServer) -> None:
    await api.receive(5)
    order, parcel = await placed(api)
    wanted = {"reason": "ADDRESS", "note": "No number."}
    held = (await api.done(HOLD, {"order": order, "hold": wanted}))["hold"]
    assert (held["reason"], held["note"], held["placedBy"]) == (
        "ADDRESS",
        "No number.",
        "bootstrap",
    )
    assert (held["order"], held["fulfillment"]) == ({"id": order}, None)
    own = (await api.done(HOLD, {"parcel": parcel, "hold": {"reason": "OTHER"}}))["hold"]
    assert own["fulfillment"] == {"id": parcel, "status": "ON_HOLD"}
    shown = await api.ask(SHOWN, {"id": parcel})
    assert shown["fulfillment"] == {
        "status": "ON_HOLD",
        "holds": [
            {"id": held["id"], "reason": "ADDRESS", "fulfillment": None},
            {"id": own["id"], "reason": "OTHER", "fulfillment": {"id": parcel}},
        ],
    }
    assert shown["fulfillments"]["nodes"] == [{"id": parcel}]
    refused = (await api.ask(PACK, {"id": parcel}))["fulfillmentPick"]["userErrors"]
    assert [each["code"] for each in refused] == ["ILLEGAL_TRANSITION"]
    assert refused[0]["details"]["holds"] == [
        {"id": held["id"], "reason": "ADDRESS"},
        {"id": own["id"], "reason": "OTHER"},
    ]
    for hold in (held, own):
        released = (await api.done(RELEASE, {"id": hold["id"]}))["hold"]
        assert released["releasedBy"] == "bootstrap"
    shown = await api.ask(SHOWN, {"id": parcel})
    assert shown["fulfillment"] == {"status": "OPEN", "holds": []}


async def test_an_order_is_placed_with_a_hold(api: InProcessServer) -> None:
    await api.receive(5)
    _, parcel = await placed(api, hold={"reason": "FRAUD_RISK"})
    shown = (await api.ask(SHOWN, {"id": parcel}))["fulfillment"]
    assert shown["status"] == "ON_HOLD"
    assert [each["reason"] for each in shown["holds"]] == ["FRAUD_RISK"]


async def test_a_shop_sees_no_limits_of_a_policy(api: InProcessServer) -> None:
    rules = {"holds": [{"reason": "OTHER", "when": {"totalAbove": {"GBP": "0.01"}}}]}
    publish = "mutation ($i: PolicyInput!) { policyPublish(input: $i) { userErrors { message } } }"
    await api.done(publish, {"i": {"kind": "FULFILLMENT", "scope": "global", "rules": rules}})
    await api.receive(5)
    _, parcel = await placed(api)
    [hold] = (await api.ask(SHOWN, {"id": parcel}))["fulfillment"]["holds"]
    staff = (await api.ask(NODE, {"id": hold["id"]}))["node"]
    assert "is above 0.01 GBP" in staff["note"]
    shop = await api.a_key(Role.STOREFRONT)
    assert (await api.ask(NODE, {"id": hold["id"]}, key=shop))["node"] == {
        "reason": "OTHER",
        "note": None,
    }
