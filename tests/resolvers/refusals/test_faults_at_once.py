"""All faults of an input are answered at once, with their paths, and nothing is changed."""

import pytest

from tests.builders.in_process_server import PLACE, InProcessServer, gbp
from tests.resolvers.test_returns import INSPECT, came, requested, sold

NONE = '"none"'  # an id that names nothing

INVALID, MISSING = "INVALID", "NOT_FOUND"
LONG = "x" * 2_001

# Per mutation: arguments with several independent faults, and the faults, sorted by path.
FAULTS = {
    "locationUpsert": (
        'input: {code: "a b", name: "", kind: ZONE, parentCode: "NONE", countryCode: "England"}',
        [
            (INVALID, "input.code"),
            (INVALID, "input.countryCode"),
            (INVALID, "input.name"),
            (MISSING, "input.parentCode"),
        ],
    ),
    "channelUpsert": (
        'input: {code: "web", name: "", kind: STOREFRONT, currencyCode: "EUR", priority: 0,'
        ' locationCodes: ["LEEDS", "NONE", "YORK", "NIX"]}',
        [
            (INVALID, "input.currencyCode"),
            (MISSING, "input.locationCodes.1"),
            (MISSING, "input.locationCodes.3"),
            (INVALID, "input.name"),
            (INVALID, "input.priority"),
        ],
    ),
    "itemsUpsert": (
        'items: [{sku: "", name: ""}, {sku: "OK", name: "fine", supplierCode: "NONE",'
        ' price: {amount: "0.001", currencyCode: "GBP"}}]',
        [
            (INVALID, "items.0.name"),
            (INVALID, "items.0.sku"),
            (INVALID, "items.1.price.amount"),
            (MISSING, "items.1.supplierCode"),
        ],
    ),
    "stockReceive": (
        'input: {locationCode: "NONE", reference: "", lines: [{sku: "TEE", quantity: 0,'
        ' unitCost: {amount: "0.001", currencyCode: "GBP"}}, {sku: "NONE", quantity: 1},'
        ' {sku: "TEE", quantity: 1, unitCost: {amount: "1", currencyCode: "JPY"}}]}',
        [
            (INVALID, "input.lines.0.quantity"),
            (INVALID, "input.lines.0.unitCost.amount"),
            (MISSING, "input.lines.1.sku"),
            (INVALID, "input.lines.2.unitCost.currencyCode"),
            (MISSING, "input.locationCode"),
            (INVALID, "input.reference"),
        ],
    ),
    "stockAdjust": (
        'input: {locationCode: "NONE", sku: "NONE", delta: 0, reasonCode: "NONE", state: HELD}',
        [
            (INVALID, "input.delta"),
            (MISSING, "input.locationCode"),
            (MISSING, "input.reasonCode"),
            (MISSING, "input.sku"),
            (INVALID, "input.state"),
        ],
    ),
    "stockMove": (
        'input: {locationCode: "NONE", sku: "NONE", fromState: HELD, toState: HELD, quantity: 0,'
        ' reasonCode: "NONE"}',
        [
            (INVALID, "input.fromState"),
            (MISSING, "input.locationCode"),
            (INVALID, "input.quantity"),
            (MISSING, "input.reasonCode"),
            (MISSING, "input.sku"),
            (INVALID, "input.toState"),
        ],
    ),
    "safetyStockSet": (
        'input: {locationCode: "NONE", sku: "NONE", quantity: -1}',
        [
            (MISSING, "input.locationCode"),
            (INVALID, "input.quantity"),
            (MISSING, "input.sku"),
        ],
    ),
    "reservationCreate": (
        'input: {channel: "none", ttlSeconds: 0, externalReference: "", lines: ['
        '{sku: "NONE", quantity: 0}, {sku: "TEE", quantity: 1}, {sku: "NIX", quantity: 1}],'
        ' shipTo: {countryCode: "England"}}',
        [
            (MISSING, "input.channel"),
            (INVALID, "input.externalReference"),
            (INVALID, "input.lines.0.quantity"),
            (MISSING, "input.lines.0.sku"),
            (MISSING, "input.lines.2.sku"),
            (INVALID, "input.shipTo.countryCode"),
            ("LIMIT_EXCEEDED", "input.ttlSeconds"),
        ],
    ),
    "fulfillmentShip": (
        f'input: {{fulfillmentId: {NONE}, carrier: "", trackingNumber: "",'
        ' shippedAt: "2999-01-01T00:00:00Z"}',
        [
            (INVALID, "input.carrier"),
            (MISSING, "input.fulfillmentId"),
            (INVALID, "input.shippedAt"),
            (INVALID, "input.trackingNumber"),
        ],
    ),
    "fulfillmentReroute": (
        f'id: {NONE}, locationCode: "LEEDS", note: ""',
        [(MISSING, "id"), (INVALID, "note")],
    ),
    "carrierEventRecord": (
        'input: {carrier: "", trackingNumber: "", eventId: "", status: DELIVERED,'
        ' occurredAt: "2999-01-01T00:00:00Z"}',
        [
            (INVALID, "input.carrier"),
            (INVALID, "input.eventId"),
            (INVALID, "input.occurredAt"),
            (INVALID, "input.trackingNumber"),
        ],
    ),
    "returnRequest": (
        f'input: {{orderId: {NONE}, carrier: "", customerNote: "{LONG}",'
        f' requestedAt: "2999-01-01T00:00:00Z", items: ['
        f'{{orderLineId: {NONE}, quantity: 0, reasonCode: "NONE"}},'
        '{sku: "TEE", quantity: 1, reasonCode: "NIX", evidence: [""]}]}',
        [
            (INVALID, "input.carrier"),
            (INVALID, "input.customerNote"),
            (MISSING, "input.items.0.orderLineId"),
            (INVALID, "input.items.0.quantity"),
            (MISSING, "input.items.0.reasonCode"),
            (INVALID, "input.items.1.evidence.0"),
            (MISSING, "input.items.1.reasonCode"),
            (MISSING, "input.orderId"),
            (INVALID, "input.requestedAt"),
        ],
    ),
    "returnDecline": (
        f'id: {NONE}, reasonCode: "NONE", note: "{LONG}"',
        [(MISSING, "id"), (INVALID, "note"), (MISSING, "reasonCode")],
    ),
    "returnTrackingSet": (
        f'id: {NONE}, carrier: "", trackingNumber: ""',
        [(INVALID, "carrier"), (MISSING, "id"), (INVALID, "trackingNumber")],
    ),
    "returnReceive": (
        f'input: {{locationCode: "NONE", returnId: {NONE}, rmaNumber: "", items: ['
        f'{{sku: "NONE", quantity: 0, returnItemId: {NONE}}}, {{sku: "TEE", quantity: 1}}]}}',
        [
            (INVALID, "input.items.0.quantity"),
            (MISSING, "input.items.0.returnItemId"),
            (MISSING, "input.items.0.sku"),
            (MISSING, "input.locationCode"),
            (MISSING, "input.returnId"),
            (INVALID, "input.rmaNumber"),
        ],
    ),
    "returnInspect": (
        f"input: {{returnId: {NONE}, findings: ["
        f'{{returnItemId: {NONE}, quantity: 0, condition: NEW, evidence: [""]}},'
        f'{{returnItemId: {NONE}, quantity: 1, condition: NEW, note: "{LONG}"}}]}}',
        [
            (INVALID, "input.findings.0.evidence.0"),
            (INVALID, "input.findings.0.quantity"),
            (MISSING, "input.findings.0.returnItemId"),
            (INVALID, "input.findings.1.note"),
            (MISSING, "input.findings.1.returnItemId"),
            (MISSING, "input.returnId"),
        ],
    ),
    "returnItemDispose": (
        f'input: {{returnItemId: {NONE}, quantity: 0, disposition: SCRAP, note: "{LONG}"}}',
        [
            (INVALID, "input.note"),
            (INVALID, "input.quantity"),
            (MISSING, "input.returnItemId"),
        ],
    ),
    "unidentifiedUnitsDispose": (
        f'exceptionId: {NONE}, sku: "TEE", quantity: 0, disposition: SCRAP, note: ""',
        [(MISSING, "exceptionId"), (INVALID, "note"), (INVALID, "quantity")],
    ),
    "refundCreate": (
        f'input: {{orderId: {NONE}, returnId: {NONE}, reasonCode: "NONE", note: "",'
        ' amount: {amount: "0.001", currencyCode: "GBP"},'
        f" lines: [{{orderLineId: {NONE}, quantity: 0}}]}}",
        [
            (INVALID, "input.amount.amount"),
            (INVALID, "input.lines.0.quantity"),
            (MISSING, "input.lines.0.orderLineId"),
            (INVALID, "input.note"),
            (MISSING, "input.orderId"),
            (MISSING, "input.reasonCode"),
            (MISSING, "input.returnId"),
        ],
    ),
    "refundSettle": (
        f'id: {NONE}, succeeded: true, note: "", gatewayReference: ""',
        [(INVALID, "gatewayReference"), (MISSING, "id"), (INVALID, "note")],
    ),
    "refundReject": (f'id: {NONE}, note: ""', [(MISSING, "id"), (INVALID, "note")]),
    "returnAuthorize": (
        f'id: {NONE}, note: "{LONG}"',
        [(MISSING, "id"), (INVALID, "note")],
    ),
    "taskClaim": (
        'queue: PICK, locationCode: "NONE", limit: 0',
        [("LIMIT_EXCEEDED", "limit"), (MISSING, "locationCode")],
    ),
    "reservationExtend": (
        f"id: {NONE}, ttlSeconds: 0",
        [(MISSING, "id"), ("LIMIT_EXCEEDED", "ttlSeconds")],
    ),
    "apiKeyRotate": (
        f"id: {NONE}, overlapSeconds: -1",
        [(MISSING, "id"), ("LIMIT_EXCEEDED", "overlapSeconds")],
    ),
    "exceptionWait": (
        f'id: {NONE}, until: "2000-01-01T00:00:00Z", note: ""',
        [(MISSING, "id"), (INVALID, "note"), (INVALID, "until")],
    ),
    "apiKeyCreate": (
        'input: {name: "", role: PARTNER, channels: ["none"], locations: ["NONE"],'
        ' refundLimit: {amount: "0.001", currencyCode: "GBP"}, expiresAt: "2000-01-01T00:00:00Z"}',
        [
            (MISSING, "input.channels.0"),
            (INVALID, "input.expiresAt"),
            (MISSING, "input.locations.0"),
            (INVALID, "input.name"),
            (INVALID, "input.refundLimit.amount"),
        ],
    ),
    "policyPublish": (
        'input: {kind: RETURN, scope: "channel:none", rules: {}, '
        'effectiveFrom: "2000-01-01T00:00:00Z"}',
        [
            (INVALID, "input.effectiveFrom"),
            (INVALID, "input.rules.window"),
            (MISSING, "input.scope"),
        ],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_all_faults_of_an_input_are_answered_at_once(api: InProcessServer, name: str) -> None:
    arguments, expected = FAULTS[name]
    document = f"mutation {{ {name}({arguments}) {{ userErrors {{ field code message }} }} }}"
    written = "{ events(first: 250) { nodes { type } } }"
    await api.settled()
    before = await api.ask(written)
    found = await api.refusals(document, {})
    assert sorted(found, key=lambda each: str(each[1])) == sorted(
        expected, key=lambda each: each[1]
    )
    assert await api.ask(written) == before


async def test_an_amount_that_cannot_be_read_hides_no_other_fault(api: InProcessServer) -> None:
    good = {"sku": "TEE", "quantity": 1, "unitPrice": gbp("10.00")}
    order = {
        "channel": "web",
        "externalReference": "",
        "reservationId": "none",
        "lines": [
            {**good, "unitPrice": gbp("0.001"), "discount": gbp("5.00")},
            {**good, "sku": "NONE", "tax": {"amount": "1", "currencyCode": "EUR"}},
            {**good, "unitPrice": {"amount": "1", "currencyCode": "XXZ"}},
        ],
        "payments": [{"reference": "P", "amount": gbp("900.00")}],
        "shipping": gbp("-1.00"),
    }
    assert await api.refusals(PLACE, {"input": order}) == [
        ("INVALID", "input.lines.0.unitPrice.amount"),
        ("INVALID", "input.lines.2.unitPrice.currencyCode"),
        ("NOT_FOUND", "input.reservationId"),
        ("INVALID", "input.externalReference"),
        ("NOT_FOUND", "input.lines.1.sku"),
        ("INVALID", "input.lines.1.tax.currencyCode"),
        ("INVALID", "input.shipping.amount"),
    ]
    assert (await api.ask("{ orders { totalCount } }"))["orders"] == {"totalCount": 0}


async def test_a_command_with_a_stand_in_is_never_performed(api: InProcessServer) -> None:
    """Everything else is right: the units would be received, and the parcel quarantined."""
    arrived = (
        'mutation ($cost: Decimal!) { stockReceive(input: {locationCode: "LEEDS", reference: "D",'
        ' lines: [{sku: "TEE", quantity: 5, unitCost: {amount: $cost, currencyCode: "GBP"}}]})'
        " { levels { available } userErrors { field code message } } }"
    )
    faults = [("INVALID", "input.lines.0.unitCost.amount")]
    assert await api.refusals(arrived, {"cost": "0.001"}) == faults
    parcel = (
        'mutation { returnReceive(input: {locationCode: "LEEDS", returnId: "none",'
        ' items: [{sku: "TEE", quantity: 5}]}) { userErrors { field code message } } }'
    )
    assert await api.refusals(parcel, {}) == [("NOT_FOUND", "input.returnId")]
    levels = "{ stockLevels(first: 1) { totalCount } exceptions { totalCount } }"
    assert await api.ask(levels) == {
        "stockLevels": {"totalCount": 0},
        "exceptions": {"totalCount": 0},
    }


async def test_a_stand_in_does_not_replay_a_command_with_its_value(api: InProcessServer) -> None:
    arrived = (
        'mutation ($cost: MoneyInput!) { stockReceive(input: {locationCode: "LEEDS",'
        ' reference: "D", lines: [{sku: "TEE", quantity: 5, unitCost: $cost}]})'
        " { replayed levels { available } userErrors { field code message } } }"
    )
    zero = {"amount": "0", "currencyCode": "USD"}
    key = {"idempotency_key": "one"}
    first = await api.change(arrived, {"cost": zero}, **key)
    assert [each["code"] for each in first["userErrors"]] == ["INVALID"]
    done = await api.done(arrived, {"cost": {**zero, "currencyCode": "GBP"}}, **key)
    assert done["levels"] == [{"available": 5}]
    again = await api.change(arrived, {"cost": {"amount": "0.001", "currencyCode": "GBP"}}, **key)
    assert [each["code"] for each in again["userErrors"]] == ["INVALID"]
    assert not again["replayed"]


async def test_findings_after_a_refused_one_are_judged_too(api: InProcessServer) -> None:
    made = (await came(api, await requested(api, 3), 3))["return"]
    [item] = made["items"]
    finding = {"returnItemId": item["id"], "quantity": 1, "condition": "NEW"}
    findings = [finding, {**finding, "quantity": 4}, finding, {**finding, "returnItemId": "none"}]
    looked = {"returnId": made["id"], "findings": findings}
    assert await api.refusals(INSPECT, {"input": looked}) == [
        ("NOT_FOUND", "input.findings.3.returnItemId"),
        ("ILLEGAL_TRANSITION", "input.findings.1.quantity"),
    ]
    shown = "query ($id: ID!) { return(id: $id) { items { state quantity } } }"
    items = (await api.ask(shown, {"id": made["id"]}))["return"]["items"]
    assert items == [{"state": "RECEIVED", "quantity": 3}]


async def test_lines_of_cancellations_shortages_and_refunds_are_judged_together(
    api: InProcessServer,
) -> None:
    await api.receive(3)
    order = await api.place(3)
    line = {"orderLineId": order["lines"][0]["id"], "quantity": 4}
    lines = [line, {**line, "quantity": 0}, {"orderLineId": "none", "quantity": 1}]
    paths = ["lines.0.quantity", "lines.1.quantity", "lines.2.orderLineId"]
    cancel = (
        "mutation ($id: ID!, $lines: [OrderCancelLineInput!]) {"
        ' orderCancel(id: $id, reasonCode: "NONE", lines: $lines)'
        " { userErrors { field code message } } }"
    )
    found = await api.refusals(cancel, {"id": order["id"], "lines": lines})
    assert sorted(str(path) for _, path in found) == [*paths, "reasonCode"]
    pick = (
        "mutation ($id: ID!, $lines: [ShortageInput!]) {"
        " fulfillmentPick(fulfillmentId: $id, shortages: $lines)"
        " { userErrors { field code message } } }"
    )
    given = {"id": order["fulfillments"][0]["id"], "lines": lines}
    found = await api.refusals(pick, given)
    assert sorted(str(path) for _, path in found) == [
        path.replace("lines", "shortages") for path in paths
    ]


async def test_items_of_a_return_request_are_matched_together(api: InProcessServer) -> None:
    order = await sold(api, 2)
    item = {"reasonCode": "UNWANTED", "quantity": 1}
    wanted = {
        "orderId": order["id"],
        "items": [{**item, "sku": "NONE"}, {**item, "sku": "TEE", "quantity": 3}, item],
    }
    ask = "mutation ($input: ReturnRequestInput!) { returnRequest(input: $input) {"
    found = await api.refusals(
        ask + " return { id } userErrors { field code message } } }", {"input": wanted}
    )
    assert sorted(found, key=lambda each: str(each[1])) == [
        ("NOT_FOUND", "input.items.0.sku"),
        ("OVER_RETURN", "input.items.1.quantity"),
        ("INVALID", "input.items.2"),
    ]
