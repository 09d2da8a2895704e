"""Returns over the API: request, decision, receipt, inspection, disposition, visibility."""

from typing import Any

from domain.access.callers import Role
from tests.builders.in_process_server import JSON, UPSERT_LOCATION, InProcessServer

SHIP = """mutation ($input: FulfillmentShipInput!) {
  fulfillmentShip(input: $input) { fulfillment { id } userErrors { field code message details } } }
"""
FOUND = """
  return { id rmaNumber status requestedAt expectedBy carrier trackingNumber
    destination { code } riskScore riskTerms { name share }
    authorization { policy scope version outcome reasons }
    order { id } items { id sku quantity state note condition inspectedBy evidence disposition
      reason { code } orderLine { id } return { id }
      dispositions { disposition quantity decidedBy policyVersion }
      inspections { condition inspector } } }
  exception { id kind status subject { __typename id } }
  replayed userErrors { field code message details }
"""


def mutation(name: str, arguments: str, given: str) -> str:
    """A document with one mutation that returns the whole return."""
    return f"mutation ({arguments}) {{ {name}({given}) {{ {FOUND} }} }}"


REQUEST = mutation("returnRequest", "$input: ReturnRequestInput!", "input: $input")
AUTHORIZE = mutation("returnAuthorize", "$id: ID!, $note: String", "id: $id, note: $note")
DECLINE = mutation(
    "returnDecline", "$id: ID!, $reason: String!", "id: $id, reasonCode: $reason, note: null"
)
CANCEL = mutation("returnCancel", "$id: ID!", "id: $id")
TRACK = mutation("returnTrackingSet", "$id: ID!", 'id: $id, carrier: "DHL", trackingNumber: "JD-B"')
RECEIVE = mutation("returnReceive", "$input: ReturnReceiveInput!", "input: $input")
INSPECT = mutation("returnInspect", "$input: ReturnInspectInput!", "input: $input")
DISPOSE = mutation("returnItemDispose", "$input: DispositionInput!", "input: $input")
PUBLISH = """mutation ($input: PolicyInput!) { policyPublish(input: $input) {
  policy { version } userErrors { field code message } } }"""
EVIDENCE = "https://photos/1.jpg#sha256=" + "0a" * 32


async def sold(api: InProcessServer, units: int = 3, **facts: Any) -> Any:
    """An order that is shipped in full."""
    await api.receive(units)
    order = await api.place(units, **facts)
    for parcel in order["fulfillments"]:
        sent = {"fulfillmentId": parcel["id"], "carrier": "DHL", "trackingNumber": "JD-1"}
        await api.done(SHIP, {"input": sent})
    return order


async def requested(api: InProcessServer, units: int = 3, **facts: Any) -> Any:
    """A return of a shipped order."""
    order = await sold(api, units)
    item = {"sku": "TEE", "quantity": units, "reasonCode": "UNWANTED"}
    wanted = {"orderId": order["id"], "items": [item], **facts}
    return (await api.done(REQUEST, {"input": wanted}))["return"]


async def came(api: InProcessServer, made: JSON, units: int, **facts: Any) -> Any:
    """Receive units of a return."""
    parcel = {
        "returnId": made["id"],
        "locationCode": "LEEDS",
        "items": [{"sku": "TEE", "quantity": units}],
        **facts,
    }
    return await api.done(RECEIVE, {"input": parcel})


async def test_the_way_of_a_return_from_request_to_its_last_unit(api: InProcessServer) -> None:
    order = await sold(api)
    wanted = {
        "channel": "web",
        "orderExternalReference": "W-1",
        "customerNote": "too big",
        "items": [
            {
                "orderLineId": order["lines"][0]["id"],
                "quantity": 3,
                "reasonCode": "TOO_LARGE",
                "evidence": [EVIDENCE],
            }
        ],
    }
    made = (await api.done(REQUEST, {"input": wanted}))["return"]
    assert made["status"] == "AUTHORIZED"
    assert made["destination"] == {"code": "LEEDS"}
    answer = made["authorization"]
    assert (answer["policy"], answer["scope"], answer["version"]) == ("RETURN", "global", 1)
    assert answer["outcome"] == "AUTHORIZED"
    assert answer["reasons"]
    assert made["riskScore"] == round(sum(term["share"] for term in made["riskTerms"]), 4)
    [item] = made["items"]
    assert item["evidence"] == [EVIDENCE]
    assert (item["reason"], item["state"]) == ({"code": "TOO_LARGE"}, "EXPECTED")
    assert item["orderLine"] == {"id": order["lines"][0]["id"]}
    assert item["return"] == {"id": made["id"]}
    tracked = (await api.done(TRACK, {"id": made["id"]}))["return"]
    assert (tracked["status"], tracked["trackingNumber"]) == ("IN_TRANSIT", "JD-B")
    here = (await came(api, made, 2))["return"]
    assert here["status"] == "PARTIALLY_RECEIVED"
    rest, part = here["items"]
    assert (rest["id"], rest["quantity"], part["quantity"]) == (item["id"], 1, 2)
    finding = {"returnItemId": part["id"], "quantity": 2, "condition": "DAMAGED", "note": "seam"}
    looked = {"returnId": made["id"], "findings": [finding]}
    graded = (await api.done(INSPECT, {"input": looked}))["return"]
    found = graded["items"][1]
    assert (found["state"], found["condition"], found["disposition"]) == (
        "INSPECTED",
        "DAMAGED",
        "QUARANTINE",
    )
    assert found["note"] == "seam"
    assert [look["condition"] for look in found["inspections"]] == ["DAMAGED"]
    way = {"returnItemId": part["id"], "quantity": 1, "disposition": "SCRAP"}
    gone = (await api.done(DISPOSE, {"input": way}))["return"]["items"][2]
    assert (gone["state"], gone["disposition"]) == ("DISPOSED", "SCRAP")
    # The earlier steps are copied to the part that was split off.
    chain = [(step["disposition"], step["quantity"]) for step in gone["dispositions"]]
    assert chain == [("QUARANTINE", 1), ("SCRAP", 1)]
    assert gone["dispositions"][0]["decidedBy"] == "policy"
    assert gone["dispositions"][1]["policyVersion"] is None


async def test_the_bin_of_received_units_is_shown(api: InProcessServer) -> None:
    shelf = {"code": "R-1", "name": "Returns shelf", "kind": "BIN", "parentCode": "LEEDS"}
    await api.done(UPSERT_LOCATION, {"input": shelf})
    made = await requested(api, 2)
    await came(api, made, 1, binCode="R-1")
    document = "query ($id: ID!) { return(id: $id) { items { state bin { code } } } }"
    found = (await api.ask(document, {"id": made["id"]}))["return"]
    assert [(each["state"], each["bin"]) for each in found["items"]] == [
        ("EXPECTED", None),
        ("RECEIVED", {"code": "R-1"}),
    ]
    item = {"sku": "TEE", "quantity": 1}
    given = {"returnId": made["id"], "locationCode": "LEEDS", "items": [item], "binCode": "LEEDS"}
    assert await api.refusals(RECEIVE, {"input": given}) == [("INVALID", "input.binCode")]


async def test_a_parcel_is_received_by_the_number_of_its_order(api: InProcessServer) -> None:
    shelf = {"code": "R-1", "name": "Returns shelf", "kind": "BIN", "parentCode": "LEEDS"}
    await api.done(UPSERT_LOCATION, {"input": shelf})
    order = await sold(api, 2)
    document = "query ($id: ID!) { order(id: $id) { number } }"
    number = (await api.ask(document, {"id": order["id"]}))["order"]["number"]
    receive = """mutation ($input: ReturnReceiveInput!) { returnReceive(input: $input) {
      return { status items { sku quantity state reason { code } bin { code } } }
      userErrors { field code message } } }"""
    given: JSON = {"orderNumber": number, "locationCode": "LEEDS", "binCode": "R-1"}
    given |= {"items": [{"sku": "TEE", "quantity": 2}]}
    both = {**given, "rmaNumber": "RMA-1"}
    assert await api.refusals(receive, {"input": both}) == [("INVALID", "input.orderNumber")]
    unknown = {**given, "orderNumber": "ORD-NONE"}
    assert await api.refusals(receive, {"input": unknown}) == [("NOT_FOUND", "input.orderNumber")]
    # The example of docs/floor.md.
    item = {"sku": "TEE", "quantity": 2, "state": "RECEIVED"}
    item |= {"reason": {"code": "UNANNOUNCED"}, "bin": {"code": "R-1"}}
    found = (await api.done(receive, {"input": given}))["return"]
    assert found == {"status": "RECEIVED", "items": [item]}


async def test_a_return_is_found_by_id_by_number_and_by_its_order(api: InProcessServer) -> None:
    made = await requested(api, 2)
    document = """query ($id: ID, $number: String) {
      return(id: $id, rmaNumber: $number) { id rmaNumber } }"""
    for variables in ({"id": made["id"]}, {"number": made["rmaNumber"]}):
        assert (await api.ask(document, variables))["return"]["id"] == made["id"]
    assert await api.code(document, {}) == "BAD_REQUEST"
    both = {"id": made["id"], "number": made["rmaNumber"]}
    assert await api.code(document, both) == "BAD_REQUEST"
    assert (await api.ask(document, {"number": "RMA-NONE"}))["return"] is None
    through = """query ($id: ID!) { order(id: $id) {
      returns { id status } lines { quantity returnableQuantity } } }"""
    order = (await api.ask(through, {"id": made["order"]["id"]}))["order"]
    assert order["returns"] == [{"id": made["id"], "status": "AUTHORIZED"}]
    assert order["lines"] == [{"quantity": 2, "returnableQuantity": 0}]
    await api.done(CANCEL, {"id": made["id"]})
    order = (await api.ask(through, {"id": made["order"]["id"]}))["order"]
    assert order["lines"] == [{"quantity": 2, "returnableQuantity": 2}]


async def test_lists_by_status_and_location(api: InProcessServer) -> None:
    made = await requested(api, 1)
    document = """query ($status: ReturnStatus, $location: String) {
      returns(status: $status, location: $location) { totalCount nodes { id } } }"""
    for variables, number in (
        ({}, 1),
        ({"status": "AUTHORIZED", "location": "LEEDS"}, 1),
        ({"status": "CLOSED"}, 0),
        ({"location": "YORK"}, 0),
    ):
        found = (await api.ask(document, variables))["returns"]
        assert found["totalCount"] == number
        assert found["nodes"] == [{"id": made["id"]}][:number]


async def test_node_finds_returns_and_their_units(api: InProcessServer) -> None:
    made = await requested(api, 1)
    document = "query ($id: ID!) { node(id: $id) { __typename id } }"
    for name, key in (("Return", made["id"]), ("ReturnItem", made["items"][0]["id"])):
        assert (await api.ask(document, {"id": key}))["node"] == {"__typename": name, "id": key}


async def test_people_decide_what_the_policy_leaves_to_them(api: InProcessServer) -> None:
    rules = {"window": "P30D", "reviewAboveAmount": {"GBP": "5.00"}}
    policy = {"kind": "RETURN", "scope": "global", "rules": rules}
    await api.done(PUBLISH, {"input": policy})
    made = await requested(api, 2)
    assert (made["status"], made["expectedBy"]) == ("REQUESTED", None)
    declined = (await api.done(DECLINE, {"id": made["id"], "reason": "ABUSE"}))["return"]
    assert declined["status"] == "DECLINED"
    support = await api.a_key(Role.SUPPORT)
    assert await api.refusals(AUTHORIZE, {"id": made["id"]}, key=support) == [
        ("ILLEGAL_TRANSITION", "id")
    ]
    assert await api.refusals(AUTHORIZE, {"id": made["id"]}) == [("INVALID", "note")]
    again = await api.done(AUTHORIZE, {"id": made["id"], "note": "my word"})
    assert again["return"]["status"] == "AUTHORIZED"
    assert again["return"]["authorization"]["reasons"][-1] == "my word"


async def test_an_unidentified_parcel_is_an_exception(api: InProcessServer) -> None:
    await api.receive(1)
    parcel = {
        "trackingNumber": "JD-?",
        "locationCode": "LEEDS",
        "items": [{"sku": "TEE", "quantity": 1}],
    }
    kept = await api.done(RECEIVE, {"input": parcel})
    assert kept["return"] is None
    assert kept["exception"]["kind"] == "UNIDENTIFIED_PARCEL"
    made = await requested(api, 1)
    facts = {"exceptionId": kept["exception"]["id"], "items": []}
    moved = await came(api, made, 1, **facts)
    assert moved["return"]["status"] == "RECEIVED"
    assert moved["exception"] is None
    extra = await requested_again(api)
    answer = await came(api, extra, 2)
    assert answer["exception"]["kind"] == "RETURN_DISCREPANCY"
    assert answer["exception"]["subject"] == {"__typename": "Return", "id": extra["id"]}


async def requested_again(api: InProcessServer) -> Any:
    order = await sold(api, 1, externalReference="W-2")
    item = {"sku": "TEE", "quantity": 1, "reasonCode": "UNWANTED"}
    wanted = {"orderId": order["id"], "items": [item]}
    return (await api.done(REQUEST, {"input": wanted}))["return"]


async def test_refusals_name_their_field(api: InProcessServer) -> None:
    made = await requested(api, 1)
    wanted: JSON = {
        "orderId": made["order"]["id"],
        "items": [{"sku": "TEE", "quantity": 1, "reasonCode": "UNWANTED"}],
    }
    assert await api.refusals(REQUEST, {"input": wanted}) == [
        ("OVER_RETURN", "input.items.0.quantity")
    ]
    wrong = {**wanted, "orderId": made["id"]}
    assert await api.refusals(REQUEST, {"input": wrong}) == [("NOT_FOUND", "input.orderId")]
    assert await api.refusals(CANCEL, {"id": made["order"]["id"]}) == [("NOT_FOUND", "id")]
    item = made["items"][0]["id"]
    finding = {"returnItemId": item, "quantity": 1, "condition": "NEW"}
    looked = {"returnId": made["id"], "findings": [finding]}
    refused = (await api.change(INSPECT, {"input": looked}))["userErrors"][0]
    assert refused["code"] == "ILLEGAL_TRANSITION"
    assert refused["details"]["from"] == "AUTHORIZED"
    assert "RECEIVED" in refused["details"]["allowed"]
    way = {"returnItemId": item, "quantity": 1, "disposition": "SCRAP"}
    assert await api.refusals(DISPOSE, {"input": way}) == [
        ("ILLEGAL_TRANSITION", "input.returnItemId")
    ]


async def test_a_shop_sees_its_returns_without_risk_and_reasons(api: InProcessServer) -> None:
    made = await requested(api, 2)
    shop = await api.a_key(Role.STOREFRONT, channels=("web",))
    other = await api.a_key(Role.STOREFRONT, channels=("market",))
    document = """query ($id: ID!) { return(id: $id) { status riskScore riskTerms { name }
      authorization { outcome reasons } items { sku } order { number } } }"""
    seen = (await api.ask(document, {"id": made["id"]}, key=shop))["return"]
    assert (seen["riskScore"], seen["riskTerms"]) == (None, [])
    assert seen["authorization"] == {"outcome": "AUTHORIZED", "reasons": []}
    assert (await api.ask(document, {"id": made["id"]}, key=other))["return"] is None
    assert await api.refusals(CANCEL, {"id": made["id"]}, key=other) == [("NOT_FOUND", "id")]
    receive = {"input": {"locationCode": "LEEDS", "items": [], "returnId": made["id"]}}
    assert await api.code(RECEIVE, receive, key=shop) == "FORBIDDEN"
    assert await api.code("{ returns { totalCount } }", key=shop) == "FORBIDDEN"
    assert (await api.done(CANCEL, {"id": made["id"]}, key=shop))["return"]["status"] == (
        "CANCELLED"
    )


async def test_a_partner_receives_at_its_own_dock_only(api: InProcessServer) -> None:
    made = await requested(api, 1)
    parcel = {"returnId": made["id"], "items": [{"sku": "TEE", "quantity": 1}]}
    leeds = await api.a_key(Role.PARTNER, locations=("LEEDS",), name="leeds")
    york = await api.a_key(Role.PARTNER, locations=("YORK",), name="york")
    elsewhere = {"input": {**parcel, "locationCode": "LEEDS"}}
    refused = await api.change(RECEIVE, elsewhere, key=york, idempotency_key="one")
    assert refused["userErrors"][0]["code"] == "NOT_FOUND"
    assert await api.refusals(RECEIVE, elsewhere, key=leeds) == [("IDEMPOTENCY_KEY_REQUIRED", None)]
    for replayed in (False, True):
        done = await api.done(RECEIVE, elsewhere, key=leeds, idempotency_key="two")
        assert done["replayed"] is replayed
        assert done["return"]["status"] == "RECEIVED"
    listed = "{ returns { totalCount } }"
    assert (await api.ask(listed, key=leeds))["returns"] == {"totalCount": 1}
    assert (await api.ask(listed, key=york))["returns"] == {"totalCount": 0}


async def test_a_policy_is_tried_out_on_past_returns(api: InProcessServer) -> None:
    made = await requested(api, 1)
    document = """query ($input: PolicyInput!, $last: Int) {
      policyPreview(input: $input, last: $last) { decided changed
        changes { subject { __typename id } before { outcome } after { outcome version reasons } }
      } }"""
    rules = {"window": "P30D", "finalSale": True}
    policy = {"kind": "RETURN", "scope": "global", "rules": rules}
    found = (await api.ask(document, {"input": policy, "last": 10}))["policyPreview"]
    assert (found["decided"], found["changed"]) == (1, 1)
    [change] = found["changes"]
    assert change["subject"] == {"__typename": "Return", "id": made["id"]}
    assert change["before"] == {"outcome": "AUTHORIZED"}
    assert (change["after"]["outcome"], change["after"]["version"]) == ("DECLINED", 2)
    bad = {"input": {**policy, "rules": {"window": "P30D", "nope": 1}}}
    assert await api.code(document, bad) == "BAD_REQUEST"
    clerk = await api.a_key(Role.WAREHOUSE)
    assert await api.code(document, {"input": policy}, key=clerk) == "FORBIDDEN"
