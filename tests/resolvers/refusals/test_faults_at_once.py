"""All faults of an input are answered at once, with their paths, and nothing is changed."""

import re
from uuid import uuid4

from schema.fields.node import encode
from tests.builders.in_process_server import PLACE, InProcessServer, gbp
from tests.resolvers.refusals import faulty_floor_inputs, faulty_inputs
from tests.resolvers.refusals.faulty_floor_inputs import MISSING, UNREAD
from tests.resolvers.test_returns import INSPECT, came, requested, sold

INPUTS = (
    *((name, *row) for name, row in faulty_inputs.FAULTS.items()),
    *faulty_floor_inputs.FAULTS,
)
NOTHING = "{ events(first: 250) { nodes { type } } auditTrail(first: 250) { nodes { action } } }"


def with_ids(arguments: str, *, are_read: bool) -> str:
    """The arguments with ids of these types that no object has, or with ids that cannot be read."""
    return re.sub(
        "<([A-Z][A-Za-z]+)>",
        lambda found: f'"{encode(found[1], uuid4())}"' if are_read else '"none"',
        arguments,
    )


async def faults_of(api: InProcessServer, name: str, arguments: str) -> list[tuple[str, str]]:
    """The faults that a mutation is refused for, sorted by their paths."""
    document = f"mutation {{ {name}({arguments}) {{ userErrors {{ field code message }} }} }}"
    return sorted(
        ((code, str(path)) for code, path in await api.refusals(document, {})),
        key=lambda each: (each[1], each[0]),
    )


async def test_all_faults_of_an_input_are_answered_at_once(api: InProcessServer) -> None:
    """Ids of no object and ids that cannot be read bring the same faults, except those that depend
    on the object. Nothing is recorded.
    """
    await api.settled()
    before, wrong = await api.ask(NOTHING), {}
    for name, arguments, expected in INPUTS:
        for are_read in (False, True) if "<" in arguments else (False,):
            wanted = sorted(
                (MISSING if code == UNREAD else code, path)
                for code, path in expected
                if code != UNREAD or not are_read
            )
            sent = with_ids(arguments, are_read=are_read)
            found = await faults_of(api, name, sent)
            if sorted(found) != wanted:
                wrong[name, sent] = (found, wanted)
    assert wrong == {}
    assert await api.ask(NOTHING) == before


async def test_input_is_judged_before_the_state_of_what_it_names(api: InProcessServer) -> None:
    await api.receive(3)
    made = await api.done(
        'mutation { transferCreate(input: {originCode: "LEEDS", destinationCode: "YORK",'
        ' lines: [{sku: "TEE", quantity: 2}]}) { transfer { id } userErrors { message } } }',
        {},
    )
    transfer = made["transfer"]["id"]
    assert await faults_of(
        api,
        "transferShip",
        f'input: {{transferId: "{transfer}", carrier: "", shortages: [{{sku: "COAT", quantity: 1}},'
        ' {sku: "NONE", quantity: 1}, {sku: "TEE", quantity: 0}]}',
    ) == [
        ("INVALID", "input.carrier"),
        ("NOT_FOUND", "input.shortages.0.sku"),
        ("NOT_FOUND", "input.shortages.1.sku"),
        ("INVALID", "input.shortages.2.quantity"),
    ]
    arrival = f'input: {{transferId: "{transfer}", locationCode: "%s", lines: [%s]}}'
    line = '{sku: "TEE", quantity: 0, binCode: "NONE"}'
    assert await faults_of(api, "transferReceive", arrival % ("YORK", line)) == [
        ("NOT_FOUND", "input.lines.0.binCode"),
        ("INVALID", "input.lines.0.quantity"),
    ]
    assert await faults_of(api, "transferReceive", arrival % ("NONE", line)) == [
        ("INVALID", "input.lines.0.quantity"),
        ("INVALID", "input.locationCode"),
    ]
    good = arrival % ("YORK", '{sku: "TEE", quantity: 1}')
    assert await faults_of(api, "transferReceive", good) == [
        ("ILLEGAL_TRANSITION", "input.transferId")
    ]
    order = await api.place(1)
    parcel, line_id = order["fulfillments"][0]["id"], order["lines"][0]["id"]
    units = (
        f'units: [{{orderLineId: "{line_id}", quantity: 0}}, {{orderLineId: "%s", quantity: 1}}]'
    )
    other = encode("OrderLine", uuid4())
    assert await faults_of(api, "fulfillmentSplit", f'id: "{parcel}", {units % other}') == [
        ("INVALID", "units.0.quantity"),
        ("NOT_FOUND", "units.1.orderLineId"),
    ]


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
