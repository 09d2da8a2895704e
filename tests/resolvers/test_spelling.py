"""Queries and subscriptions find codes in any spelling, and show them as they were created."""

from typing import Any

import pytest

from domain.access.callers import Role
from tests.builders.in_process_server import BOOTSTRAP, InProcessServer
from tests.resolvers.test_returns import RECEIVE as RECEIVE_RETURN
from tests.resolvers.test_returns import requested
from tests.resolvers.test_subscriptions import AVAILABILITY, STOCK, screen

# One query for each kind of code, and the value that it must show. {…} are filled by the test.
QUERIES = {
    "sku": ('{ item(sku: " ｔee") { sku } }', {"item": {"sku": "TEE"}}),
    "location": ('{ location(code: "Leeds ") { code } }', {"location": {"code": "LEEDS"}}),
    "channel": ('{ channel(code: "ＷＥＢ") { code } }', {"channel": {"code": "web"}}),
    "order": (
        '{ order(channel: "Web", externalReference: "ref-o") { externalReference } }',
        {"order": {"externalReference": "REF-O"}},
    ),
    "reservation": (
        '{ reservation(channel: "WEB", externalReference: "CART-é") { externalReference } }',
        {"reservation": {"externalReference": "Cart-É"}},
    ),
    "availability": (
        '{ availability(channel: "Web", skus: ["tee", "Tee", "x"]) { sku availableToPromise } }',
        {"availability": [{"sku": "TEE", "availableToPromise": 8}] * 2 + [None]},
    ),
    "levels": (
        '{ stockLevels(skus: ["tee"], locations: ["leeds"]) { nodes { item { sku } } } }',
        {"stockLevels": {"nodes": [{"item": {"sku": "TEE"}}]}},
    ),
    "movements": (
        '{ stockMovements(sku: "tee", location: "leeds", reference: " PO-TEE-LEEDS ")'
        " { nodes { kind } } }",
        {"stockMovements": {"nodes": [{"kind": "RECEIVED"}]}},
    ),
    "filters": (
        '{ orders(channel: "WEB") { totalCount } returns(location: "York") { totalCount }'
        ' reservations(channel: "WEB") { nodes { externalReference } }'
        ' fulfillments(location: "leeds") { nodes { location { code } } } }',
        {
            "orders": {"totalCount": 1},
            "returns": {"totalCount": 0},
            "reservations": {"nodes": [{"externalReference": "Cart-É"}]},
            "fulfillments": {"nodes": [{"location": {"code": "LEEDS"}}]},
        },
    ),
}


@pytest.fixture
async def shop(api: InProcessServer) -> InProcessServer:
    await api.receive(10)
    await api.place(1, externalReference="REF-O")
    await api.hold(1, externalReference="Cart-É")
    return api


async def test_queries_find_codes_in_any_spelling(shop: InProcessServer) -> None:
    for document, shown in QUERIES.values():
        # The second answer comes from the caches of the first.
        for _ in range(2):
            assert await shop.ask(document) == shown, document


async def test_books_are_found_by_the_number_on_a_label(shop: InProcessServer) -> None:
    order = (await shop.ask('{ order(channel: "web", externalReference: "REF-O") { number } }'))[
        "order"
    ]
    typed = order["number"].lower().replace("-", " ").replace("0", "O")
    document = "query ($r: String) { journalEntries(reference: $r) { nodes { reference } } }"
    found = (await shop.ask(document, {"r": typed}))["journalEntries"]["nodes"]
    assert {node["reference"] for node in found} == {order["number"]}


async def test_a_return_is_found_by_the_number_on_a_label(api: InProcessServer) -> None:
    made = await requested(api)
    typed = made["rmaNumber"].lower().replace("-", "").replace("1", "I").replace("0", "o")
    document = "query ($n: String) { return(rmaNumber: $n) { id rmaNumber } }"
    found = (await api.ask(document, {"n": f" {typed}"}))["return"]
    assert found == {"id": made["id"], "rmaNumber": made["rmaNumber"]}
    parcel = {"rmaNumber": typed, "locationCode": "Leeds", "items": [{"sku": "tee", "quantity": 3}]}
    received = await api.done(RECEIVE_RETURN, {"input": parcel})
    assert received["return"]["id"] == made["id"]


async def test_streams_are_narrowed_in_any_spelling(api: InProcessServer) -> None:
    await api.receive(1)
    async with screen(api) as stock, screen(api) as shop:
        await stock.watch(api, STOCK, skus=["tee"], locations=["Leeds"])
        of_web = AVAILABILITY.replace('channel: "web"', 'channel: "WEB"')
        await shop.watch(api, of_web, skus=["Tee "])
        await api.receive(2, sku="COAT")
        await api.receive(3, sku="tee")
        level = (await stock.next())["level"]
        assert (level["item"]["sku"], level["available"]) == ("TEE", 4)
        promised = (await shop.next())["availability"]
        assert (promised["sku"], promised["availableToPromise"]) == ("TEE", 4)


async def test_a_key_sees_its_scope_in_any_spelling(shop: InProcessServer) -> None:
    facts: dict[str, Any] = {"channels": ["WEB"], "locations": ["leeds"], "actor": "Anna"}
    document = """mutation ($input: ApiKeyInput!) { apiKeyCreate(input: $input) {
      apiKey { actor channels locations } secret userErrors { code field } } }"""
    first = {"name": "a", "role": Role.SUPERVISOR.value, **facts}
    made = await shop.done(document, {"input": first}, key=BOOTSTRAP)
    assert made["apiKey"] == {"actor": "Anna", "channels": ["web"], "locations": ["LEEDS"]}
    seen = '{ orders { totalCount } stockLevels(locations: ["LEEDS"]) { totalCount } }'
    assert await shop.ask(seen, key=made["secret"]) == {
        "orders": {"totalCount": 1},
        "stockLevels": {"totalCount": 1},
    }
    again = await shop.done(document, {"input": {**first, "name": "b", "actor": "ANNA "}})
    assert again["apiKey"]["actor"] == "Anna"
    refused = await shop.change(document, {"input": {**first, "actor": "Ｓystem"}})
    assert [each["field"] for each in refused["userErrors"]] == [["input", "actor"]]
    invisible = await shop.change(document, {"input": {**first, "actor": "An\u200bna"}})
    assert [(e["code"], e["field"]) for e in invisible["userErrors"]] == [
        ("INVALID", ["input", "actor"])
    ]
