"""Stock over the API: receipts, adjustments, moves, and their audit trail."""

from typing import Any

from domain.access.callers import Role
from tests.builders.in_process_server import RECEIVE, InProcessServer, gbp

ADJUST = """
mutation ($input: StockAdjustInput!) { stockAdjust(input: $input) {
  levels { available quarantine onHand } movements { kind fromState toState quantity
    reason { code } value { amount currencyCode } }
  userErrors { field code message details } } }
"""
MOVE = """
mutation ($input: StockMoveInput!) { stockMove(input: $input) {
  levels { available quarantine onHand } userErrors { field code message details } } }
"""
SAFETY = """
mutation ($input: SafetyStockInput!) { safetyStockSet(input: $input) {
  levels { available safetyStock } movements { id } userErrors { field code } } }
"""
AT_LEEDS = {"locationCode": "LEEDS", "sku": "TEE"}


async def test_a_receipt_shows_its_levels_and_movements_in_order(api: InProcessServer) -> None:
    lines = [
        {"sku": "TEE", "quantity": 3},
        {"sku": "COAT", "quantity": 2, "unitCost": gbp("30.00")},
    ]
    delivery = {"locationCode": "LEEDS", "reference": "PO-1", "lines": lines}
    payload = await api.done(RECEIVE, {"input": delivery})
    assert [(level["item"]["sku"], level["available"]) for level in payload["levels"]] == [
        ("TEE", 3),
        ("COAT", 2),
    ]
    assert [(move["kind"], move["quantity"]) for move in payload["movements"]] == [
        ("RECEIVED", 3),
        ("RECEIVED", 2),
    ]
    assert payload["replayed"] is False


REFUSED_RECEIPTS: list[Any] = [
    ({"locationCode": "NOPE"}, ("NOT_FOUND", "input.locationCode")),
    ({"lines": []}, ("INVALID", "input.lines")),
    ({"reference": ""}, ("INVALID", "input.reference")),
    ({"lines": [{"sku": "NOPE", "quantity": 1}]}, ("NOT_FOUND", "input.lines.0.sku")),
    ({"lines": [{"sku": "TEE", "quantity": 0}]}, ("INVALID", "input.lines.0.quantity")),
    ({"lines": [{"sku": "TEE", "quantity": -1}]}, ("INVALID", "input.lines.0.quantity")),
    (
        {"lines": [{"sku": "TEE", "quantity": 2_000_000_000}]},
        ("INVALID", "input.lines.0.quantity"),
    ),
    (
        {"lines": [{"sku": "TEE", "quantity": 1, "unitCost": gbp("0.001")}]},
        ("INVALID", "input.lines.0.unitCost.amount"),
    ),
    (
        {
            "lines": [
                {
                    "sku": "TEE",
                    "quantity": 1,
                    "unitCost": {"amount": "1", "currencyCode": "EUR"},
                }
            ]
        },
        ("INVALID", "input.lines.0.unitCost.currencyCode"),
    ),
]


async def test_a_refused_receipt_names_the_argument_and_changes_nothing(
    api: InProcessServer,
) -> None:
    for facts, refusal in REFUSED_RECEIPTS:
        delivery = {
            "locationCode": "LEEDS",
            "reference": "PO-1",
            "lines": [{"sku": "TEE", "quantity": 1}],
            **facts,
        }
        assert await api.refusals(RECEIVE, {"input": delivery}) == [refusal]
        state = await api.ask("{ stockLevels { totalCount } stockMovements { nodes { id } } }")
        assert state == {"stockLevels": {"totalCount": 0}, "stockMovements": {"nodes": []}}


async def test_an_adjustment_is_compare_and_set(api: InProcessServer) -> None:
    await api.receive(5)
    adjust = {**AT_LEEDS, "delta": -2, "reasonCode": "COUNT"}
    stale = {**adjust, "changeFromQuantity": 6}
    payload = await api.change(ADJUST, {"input": stale})
    [error] = payload["userErrors"]
    assert error["code"] == "STALE_QUANTITY"
    assert error["details"] == {"expected": 6, "actual": 5}
    payload = await api.done(ADJUST, {"input": {**adjust, "changeFromQuantity": 5}})
    assert payload["levels"] == [{"available": 3, "quarantine": 0, "onHand": 3}]
    assert payload["movements"] == [
        {
            "kind": "ADJUSTED",
            "fromState": "AVAILABLE",
            "toState": None,
            "quantity": 2,
            "reason": {"code": "COUNT"},
            "value": {"amount": "16.00", "currencyCode": "GBP"},
        }
    ]


REFUSED_ADJUSTMENTS: list[Any] = [
    ({"state": "HELD"}, ("INVALID", "input.state")),
    ({"delta": 0}, ("INVALID", "input.delta")),
    ({"reasonCode": "NOPE"}, ("NOT_FOUND", "input.reasonCode")),
    ({"sku": "NOPE"}, ("NOT_FOUND", "input.sku")),
    ({"delta": -6}, ("INSUFFICIENT_STOCK", "input.delta")),
]


async def test_a_refused_adjustment_names_the_argument(api: InProcessServer) -> None:
    await api.receive(5)
    for facts, refusal in REFUSED_ADJUSTMENTS:
        adjust = {**AT_LEEDS, "delta": -1, "reasonCode": "COUNT", **facts}
        [(code, field)] = await api.refusals(ADJUST, {"input": adjust})
        assert code == refusal[0]
        assert field is not None
        assert field.startswith("input")


async def test_units_move_between_states_and_safety_stock_is_set(api: InProcessServer) -> None:
    await api.receive(5)
    move = {
        **AT_LEEDS,
        "fromState": "AVAILABLE",
        "toState": "QUARANTINE",
        "quantity": 2,
        "reasonCode": "QUALITY",
    }
    payload = await api.done(MOVE, {"input": move})
    assert payload["levels"] == [{"available": 3, "quarantine": 2, "onHand": 5}]
    held = {**move, "toState": "HELD"}
    assert await api.refusals(MOVE, {"input": held}) == [("INVALID", "input.toState")]
    payload = await api.done(SAFETY, {"input": {**AT_LEEDS, "quantity": 3}})
    assert payload == {
        "levels": [{"available": 3, "safetyStock": 3}],
        "movements": [],
        "userErrors": [],
    }
    found = await api.ask('{ availability(channel: "web", skus: ["TEE"]) { inStock } }')
    assert found["availability"] == [{"inStock": False}]


async def test_levels_are_narrowed_by_sku_and_location(api: InProcessServer) -> None:
    await api.receive(1, "TEE", "LEEDS")
    await api.receive(2, "TEE", "YORK")
    await api.receive(3, "COAT", "YORK")
    found = await api.ask(
        """{ all: stockLevels { totalCount }
        tees: stockLevels(skus: ["TEE", "NOPE"]) { nodes { available } }
        york: stockLevels(locations: ["YORK"]) { nodes { available } }
        one: stockLevels(skus: ["TEE"], locations: ["YORK"]) { nodes { available
          item { sku } location { code } updatedAt } }
        none: stockLevels(skus: []) { totalCount } }"""
    )
    assert found["all"] == {"totalCount": 3}
    assert found["tees"]["nodes"] == [{"available": 2}, {"available": 1}]
    assert found["york"]["nodes"] == [{"available": 3}, {"available": 2}]
    assert found["one"]["nodes"][0]["item"] == {"sku": "TEE"}
    assert found["none"] == {"totalCount": 0}


async def test_movements_are_found_by_sku_location_and_reference(api: InProcessServer) -> None:
    await api.receive(1, "TEE", "LEEDS")
    await api.receive(2, "COAT", "YORK")
    document = """query ($sku: String, $location: String, $reference: String) {
      stockMovements(sku: $sku, location: $location, reference: $reference) {
      nodes { quantity reference actor item { sku } } } }"""
    for narrow in ({"sku": "COAT"}, {"location": "YORK"}, {"reference": "PO-COAT-YORK"}):
        nodes = (await api.ask(document, narrow))["stockMovements"]["nodes"]
        assert nodes == [
            {
                "quantity": 2,
                "reference": "PO-COAT-YORK",
                "actor": "bootstrap",
                "item": {"sku": "COAT"},
            }
        ]
    assert (await api.ask(document, {"sku": "NOPE"}))["stockMovements"]["nodes"] == []


async def test_what_a_movement_was_worth_is_for_staff_only(api: InProcessServer) -> None:
    await api.receive(1)
    key = await api.a_key(Role.PARTNER, locations=("LEEDS",))
    document = "{ stockMovements { nodes { quantity value { amount } } } }"
    found = await api.ask(document, key=key)
    assert found["stockMovements"]["nodes"] == [{"quantity": 1, "value": None}]


async def test_availability_answers_in_the_order_asked(api: InProcessServer) -> None:
    await api.receive(4, "TEE", "LEEDS")
    await api.receive(3, "TEE", "YORK")
    document = """query ($channel: String!, $skus: [String!]!) {
      availability(channel: $channel, skus: $skus) { sku channel availableToPromise inStock
        locations { location available } } }"""
    requested = {"channel": "web", "skus": ["NOPE", "TEE", "COAT", "TEE"]}
    found = (await api.ask(document, requested))["availability"]
    assert [each and (each["sku"], each["availableToPromise"]) for each in found] == [
        None,
        ("TEE", 7),
        ("COAT", 0),
        ("TEE", 7),
    ]
    assert found[1]["locations"] == [
        {"location": "LEEDS", "available": 4},
        {"location": "YORK", "available": 3},
    ]
    market = (await api.ask(document, {**requested, "channel": "market"}))["availability"]
    assert market[1]["availableToPromise"] == 3
    assert await api.code(document, {**requested, "channel": "NOPE"}) == "BAD_REQUEST"
    assert await api.code(document, {**requested, "skus": ["X"] * 1_001}) == "BAD_REQUEST"
    assert (await api.ask(document, {**requested, "skus": []}))["availability"] == []


async def test_each_mutation_of_a_document_shows_its_records(api: InProcessServer) -> None:
    """The first reads with one call and the second with more, also when they are repeated."""
    document = """mutation {
      itemsUpsert(items: [{sku: "TEE", name: "Tee"}]) { userErrors { message } }
      stockReceive(input: {
        locationCode: "LEEDS", reference: "P", lines: [{sku: "TEE", quantity: 1}]
      }) { levels { available } } }"""
    for units in (1, 2, 3):
        found = await api.ask(document)
        assert found["stockReceive"] == {"levels": [{"available": units}]}
