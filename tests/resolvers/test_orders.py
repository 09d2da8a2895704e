"""Orders over the API: place, find, ship, cancel; refusals name the path."""

from typing import Any

from domain.access.callers import Role
from tests.builders.in_process_server import (
    HOLD,
    PLACE,
    UPSERT_ITEMS,
    InProcessServer,
    an_order,
    gbp,
)

SHIP = """
mutation ($input: FulfillmentShipInput!) { fulfillmentShip(input: $input) {
  fulfillment { id status carrier trackingNumber shippedAt order { id status } }
  userErrors { field code message details } } }
"""
CANCEL = """
mutation ($id: ID!, $reason: String!, $lines: [OrderCancelLineInput!]) {
  orderCancel(id: $id, reasonCode: $reason, lines: $lines) {
    order { status lines { quantities { state quantity } } }
    userErrors { field code message details } } }
"""


async def test_an_order_tells_what_it_came_to_and_where_it_leaves_from(
    api: InProcessServer,
) -> None:
    await api.receive(5)
    order = await api.place(2)
    assert order["status"] == "ALLOCATED"
    assert order["total"] == {"amount": "20.00", "currencyCode": "GBP"}
    assert order["paid"] == {"amount": "20.00"}
    [line] = order["lines"]
    assert line["quantities"] == [{"state": "ALLOCATED", "quantity": 2}]
    [parcel] = order["fulfillments"]
    assert parcel["location"] == {"code": "LEEDS"}
    assert parcel["lines"] == [{"orderLineId": line["id"], "sku": "TEE", "quantity": 2}]


async def test_everything_of_an_order_comes_back(api: InProcessServer) -> None:
    await api.receive(5)
    facts: dict[str, Any] = {
        "customerReference": "customer-7",
        "serviceLevel": "EXPRESS",
        "shipTo": {"countryCode": "GB", "city": "Hull", "lines": ["1 High St"], "name": "A. B."},
        "shipping": gbp("4.95"),
        "shippingTax": gbp("0.99"),
        "payments": [
            {"reference": "card", "amount": gbp("14.94")},
            {"reference": "gift", "amount": gbp("0.99")},
        ],
        "lines": [
            {
                "sku": "TEE",
                "quantity": 1,
                "unitPrice": gbp("10"),
                "discount": gbp("1.01"),
                "tax": gbp("1.00"),
            }
        ],
    }
    placed = await api.place(1, **facts)
    document = """query ($id: ID!) { order(id: $id) {
      customerReference serviceLevel shipTo { countryCode postalCode city lines name }
      total { amount } paid { amount } channel { code } placedAt shipBy deliverBy
      lines { unitPrice { amount } discount { amount } tax { amount } }
      routing { policyVersion chosen considered { location accepted reasons } } } }"""
    order = (await api.ask(document, {"id": placed["id"]}))["order"]
    assert order["customerReference"] == "customer-7"
    assert order["serviceLevel"] == "EXPRESS"
    assert order["shipTo"] == {
        "countryCode": "GB",
        "postalCode": None,
        "city": "Hull",
        "lines": ["1 High St"],
        "name": "A. B.",
    }
    assert order["total"] == {"amount": "15.93"}
    assert order["paid"] == {"amount": "15.93"}
    assert order["lines"] == [
        {
            "unitPrice": {"amount": "10.00"},
            "discount": {"amount": "1.01"},
            "tax": {"amount": "1.00"},
        }
    ]
    assert order["routing"]["chosen"] == ["LEEDS"]
    assert {each["location"] for each in order["routing"]["considered"]} == {"LEEDS", "YORK"}
    assert order["shipBy"] <= order["deliverBy"]


async def test_an_order_is_found_by_id_and_by_the_shops_own_reference(api: InProcessServer) -> None:
    await api.receive(5)
    placed = await api.place(1)
    document = """query ($id: ID!) { byId: order(id: $id) { number }
      byReference: order(channel: "web", externalReference: "W-1") { number }
      elsewhere: order(channel: "market", externalReference: "W-1") { number }
      unknown: order(channel: "web", externalReference: "W-2") { number } }"""
    found = await api.ask(document, {"id": placed["id"]})
    assert found == {
        "byId": {"number": placed["number"]},
        "byReference": {"number": placed["number"]},
        "elsewhere": None,
        "unknown": None,
    }


UNCLEAR_LOOK_UPS: list[Any] = [
    "",
    '(channel: "web")',
    '(externalReference: "x")',
    '(id: "x", channel: "web", externalReference: "x")',
]


async def test_a_look_up_that_names_nothing_or_two_things_is_refused(api: InProcessServer) -> None:
    for arguments in UNCLEAR_LOOK_UPS:
        for field in ("order", "reservation"):
            assert await api.code(f"{{ {field}{arguments} {{ id }} }}") == "BAD_REQUEST"


async def test_an_id_of_another_type_finds_nothing(api: InProcessServer) -> None:
    await api.receive(5)
    hold = await api.hold(1)
    document = "query ($id: ID!) { order(id: $id) { id } }"
    for global_id in (hold["id"], "", "nonsense", "T3JkZXI6MQ==", "é"):
        assert await api.ask(document, {"id": global_id}) == {"order": None}


async def test_the_same_reference_again_gives_the_order_there_is(api: InProcessServer) -> None:
    await api.receive(5)
    placed = await api.place(1)
    again = await api.change(PLACE, {"input": an_order(2)})
    [error] = again["userErrors"]
    assert error["code"] == "ALREADY_EXISTS"
    assert error["details"] == {"entity": "order", "reference": "W-1", "existing": placed["id"]}
    by_node = "query ($id: ID!) { node(id: $id) { ... on Order { externalReference } } }"
    found = await api.ask(by_node, {"id": error["details"]["existing"]})
    assert found == {"node": {"externalReference": "W-1"}}
    assert again["order"]["id"] == placed["id"]
    assert again["order"]["lines"][0]["quantity"] == 1


def _with(**facts: Any) -> dict[str, Any]:
    return an_order(1, **facts)


def _line(**facts: Any) -> dict[str, Any]:
    line = {"sku": "TEE", "quantity": 1, "unitPrice": gbp("10"), **facts}
    return an_order(1, lines=[line])


REFUSED_ORDERS: list[Any] = [
    (_line(unitPrice=gbp("0.001")), ("INVALID", "input.lines.0.unitPrice.amount")),
    (
        _line(unitPrice={"amount": "1.5", "currencyCode": "JPY"}),
        ("INVALID", "input.lines.0.unitPrice.amount"),
    ),
    (
        _line(unitPrice={"amount": "1", "currencyCode": "QQQ"}),
        ("INVALID", "input.lines.0.unitPrice.currencyCode"),
    ),
    (_line(tax=gbp("0.123")), ("INVALID", "input.lines.0.tax.amount")),
    (_with(shipping=gbp("1e-9")), ("INVALID", "input.shipping.amount")),
    (
        _with(payments=[{"reference": "x", "amount": gbp("9.999")}]),
        ("INVALID", "input.payments.0.amount.amount"),
    ),
    (_line(sku="NOPE"), ("NOT_FOUND", "input.lines.0.sku")),
    (_line(quantity=0), ("INVALID", "input.lines.0.quantity")),
    (_with(channel="nope"), ("NOT_FOUND", "input.channel")),
    (_with(lines=[]), ("INVALID", "input.lines")),
    (_with(reservationId="nonsense"), ("NOT_FOUND", "input.reservationId")),
    (_with(placedAt="2999-01-01T00:00:00Z"), ("INVALID", "input.placedAt")),
    (_line(quantity=6), ("INSUFFICIENT_STOCK", "input.lines.0.quantity")),
]


async def test_a_refused_order_names_the_argument_and_changes_nothing(api: InProcessServer) -> None:
    await api.receive(5)
    before = await api.ask(_STATE)
    for order, refusal in REFUSED_ORDERS:
        [found] = await api.refusals(PLACE, {"input": order})
        assert found[0] == refusal[0]
        assert found[1] == refusal[1]
        assert await api.ask(_STATE) == before


_STATE = """{ orders { totalCount } stockLevels { nodes { available held allocated } }
  stockMovements { nodes { id } } journalEntries { nodes { id } } }"""


async def test_a_parcel_is_shipped_and_the_order_says_so(api: InProcessServer) -> None:
    await api.receive(5)
    order = await api.place(2)
    parcel = order["fulfillments"][0]["id"]
    sent = {"fulfillmentId": parcel, "carrier": "DHL", "trackingNumber": "JD1"}
    payload = await api.done(SHIP, {"input": sent})
    shipped = payload["fulfillment"]
    assert shipped["status"] == "SHIPPED"
    assert shipped["order"] == {"id": order["id"], "status": "SHIPPED"}
    assert shipped["shippedAt"].endswith("Z")
    again = await api.refusals(SHIP, {"input": sent})
    assert again == [("ILLEGAL_TRANSITION", "input.fulfillmentId")]
    foreign = {**sent, "fulfillmentId": order["id"]}
    assert await api.refusals(SHIP, {"input": foreign}) == [("NOT_FOUND", "input.fulfillmentId")]


async def test_part_of_an_order_is_cancelled(api: InProcessServer) -> None:
    await api.receive(5)
    order = await api.place(3)
    lines = [{"orderLineId": order["lines"][0]["id"], "quantity": 1}]
    arguments = {"id": order["id"], "reason": "CUSTOMER_REQUEST"}
    payload = await api.done(CANCEL, {**arguments, "lines": lines})
    assert payload["order"]["lines"][0]["quantities"] == [
        {"state": "ALLOCATED", "quantity": 2},
        {"state": "CANCELLED", "quantity": 1},
    ]
    wrong = [{"orderLineId": order["id"], "quantity": 1}]
    assert await api.refusals(CANCEL, {**arguments, "lines": wrong}) == [
        ("NOT_FOUND", "lines.0.orderLineId")
    ]
    assert (await api.done(CANCEL, arguments))["order"]["status"] == "CANCELLED"
    assert await api.refusals(CANCEL, {**arguments, "id": "nonsense"}) == [("NOT_FOUND", "id")]


async def test_orders_are_listed_newest_first_by_status_and_channel(api: InProcessServer) -> None:
    await api.receive(9, at="YORK")
    await api.place(1, externalReference="A")
    await api.place(1, externalReference="B", channel="market")
    await api.place(99, externalReference="C", backorder=True)
    found = await api.ask(
        """{ all: orders { totalCount nodes { externalReference } }
        market: orders(channel: "market") { totalCount nodes { externalReference } }
        waiting: orders(status: OPEN) { totalCount nodes { externalReference } } }"""
    )
    assert [order["externalReference"] for order in found["all"]["nodes"]] == ["C", "B", "A"]
    assert found["market"] == {"totalCount": 1, "nodes": [{"externalReference": "B"}]}
    assert found["waiting"] == {"totalCount": 1, "nodes": [{"externalReference": "C"}]}


async def test_a_storefront_sees_its_orders_without_their_routing(api: InProcessServer) -> None:
    await api.receive(5)
    key = await api.a_key(Role.STOREFRONT, channels=("web",))
    placed = await api.place(1, key=key)
    document = """query ($id: ID!) { order(id: $id) {
      number routing { chosen } channel { code safetyBuffer }
      fulfillments { location { code } } } }"""
    order = (await api.ask(document, {"id": placed["id"]}, key=key))["order"]
    assert order["routing"] is None
    assert order["fulfillments"] == [{"location": {"code": "LEEDS"}}]
    assert order["channel"] == {"code": "web", "safetyBuffer": 0}
    assert await api.code("{ orders { totalCount } }", key=key) == "FORBIDDEN"


async def test_a_fulfillment_is_found_by_its_id_and_leads_to_lines_and_items(
    api: InProcessServer,
) -> None:
    await api.receive(5)
    [parcel] = (await api.place(2))["fulfillments"]
    document = """query ($id: ID!) { fulfillment(id: $id) {
      id lines { sku item { sku name } orderLine { id sku quantity item { sku } } } } }"""
    found = (await api.ask(document, {"id": parcel["id"]}))["fulfillment"]
    assert found["id"] == parcel["id"]
    [line] = found["lines"]
    assert line["item"] == {"sku": "TEE", "name": line["item"]["name"]}
    assert line["orderLine"]["id"] == parcel["lines"][0]["orderLineId"]
    assert (line["orderLine"]["quantity"], line["orderLine"]["item"]) == (2, {"sku": "TEE"})
    elsewhere = await api.a_key(Role.WAREHOUSE, locations=("YORK",), name="of York")
    other = await api.ask(document, {"id": parcel["id"]}, key=elsewhere)
    assert other == {"fulfillment": None}


SHOWN = """query ($id: ID!) { order(id: $id) {
  note tags updatedAt placedAt shipTo { phone email } fulfillments { createdAt updatedAt } } }"""


async def test_an_order_shows_its_note_tags_and_contact(api: InProcessServer) -> None:
    await api.receive(5)
    facts: dict[str, Any] = {
        "note": "Gift: no invoice in the parcel.",
        "tags": ["gift", "VIP"],
        "shipTo": {"countryCode": "GB", "phone": "+44 20 7946 0000", "email": "a@shop.example"},
    }
    placed = await api.place(1, **facts)
    order = (await api.ask(SHOWN, {"id": placed["id"]}))["order"]
    assert (order["note"], order["tags"]) == (facts["note"], facts["tags"])
    assert order["shipTo"] == {"phone": "+44 20 7946 0000", "email": "a@shop.example"}
    [parcel] = order["fulfillments"]
    assert parcel["createdAt"] == parcel["updatedAt"] == order["updatedAt"]
    plain = await api.place(1, externalReference="W-2")
    order = (await api.ask(SHOWN, {"id": plain["id"]}))["order"]
    assert (order["note"], order["tags"], order["shipTo"]) == (None, [], None)


async def test_notes_and_tags_beyond_their_limits_are_refused(api: InProcessServer) -> None:
    await api.receive(5)
    for facts, code, field in (
        ({"note": "x" * 2_001}, "INVALID", "note"),
        ({"tags": ["t"] * 21}, "LIMIT_EXCEEDED", "tags"),
        ({"tags": ["fine", "x" * 65]}, "INVALID", "tags.1"),
        ({"shipTo": {"countryCode": "GB", "phone": "1" * 256}}, "INVALID", "shipTo.phone"),
    ):
        order = an_order(1, **facts)
        assert await api.refusals(PLACE, {"input": order}) == [(code, f"input.{field}")]
    assert (await api.ask("{ orders { totalCount } }"))["orders"] == {"totalCount": 0}


async def test_an_inactive_item_is_not_promised_held_or_sold(api: InProcessServer) -> None:
    await api.receive(5)
    waiting = await api.place(8, backorder=True)
    tee = {"sku": "TEE", "name": "Garment TEE", "active": False}
    available = """{ availability(channel: "web", skus: ["TEE"]) {
      availableToPromise inStock locations { available } } }"""
    await api.receive(9, "TEE", "YORK")
    assert (await api.ask(available))["availability"][0]["availableToPromise"] == 6
    await api.done(UPSERT_ITEMS, {"items": [tee]})
    [found] = (await api.ask(available))["availability"]
    assert (found["availableToPromise"], found["inStock"]) == (0, False)
    assert {place["available"] for place in found["locations"]} == {0}
    held = {"channel": "web", "lines": [{"sku": "TEE", "quantity": 1}]}
    assert await api.refusals(HOLD, {"input": held}) == [("INVALID", "input.lines.0.sku")]
    order = an_order(1, externalReference="W-2", backorder=True)
    assert await api.refusals(PLACE, {"input": order}) == [("INVALID", "input.lines.0.sku")]
    assert (await api.ask("{ orders { totalCount } }"))["orders"] == {"totalCount": 1}
    # What is there can be received, counted and shipped.
    await api.receive(1)
    [parcel, *_] = waiting["fulfillments"]
    shipped = {"fulfillmentId": parcel["id"], "carrier": "DHL", "trackingNumber": "JD-1"}
    await api.done(SHIP, {"input": shipped})
    await api.done(UPSERT_ITEMS, {"items": [{**tee, "active": True}]})
    assert (await api.ask(available))["availability"][0]["availableToPromise"] == 7


async def test_all_faults_of_an_order_are_answered_at_once(api: InProcessServer) -> None:
    await api.receive(5)
    good = {"sku": "TEE", "quantity": 1, "unitPrice": gbp("10.00")}
    order = an_order(
        channel="nowhere",
        note="",
        tags=["x" * 65],
        shipTo={"countryCode": "England"},
        lines=[{**good, "quantity": 0}, good, {**good, "sku": "NONE", "quantity": -1}],
    )
    assert await api.refusals(PLACE, {"input": order}) == [
        ("INVALID", "input.note"),
        ("INVALID", "input.tags.0"),
        ("INVALID", "input.shipTo.countryCode"),
        ("NOT_FOUND", "input.channel"),
        ("INVALID", "input.lines.0.quantity"),
        ("INVALID", "input.lines.2.quantity"),
        ("NOT_FOUND", "input.lines.2.sku"),
    ]
    money = [{**good, "unitPrice": gbp("0.001"), "tax": gbp("0.0001")}, good]
    payments = [{"reference": "P", "amount": gbp("1.001")}]
    order = an_order(lines=money, payments=payments, shipping=gbp("0.009"))
    assert await api.refusals(PLACE, {"input": order}) == [
        ("INVALID", "input.lines.0.unitPrice.amount"),
        ("INVALID", "input.lines.0.tax.amount"),
        ("INVALID", "input.shipping.amount"),
        ("INVALID", "input.payments.0.amount.amount"),
    ]
    many = an_order(lines=[{**good, "quantity": 0}] * 30)
    assert len(await api.refusals(PLACE, {"input": many})) == 20
    held = [{"sku": sku, "quantity": 1} for sku in ("NONE", "TEE", "NIX")]
    hold = {"channel": "web", "lines": held}
    assert await api.refusals(HOLD, {"input": hold}) == [
        ("NOT_FOUND", "input.lines.0.sku"),
        ("NOT_FOUND", "input.lines.2.sku"),
    ]
    assert (await api.ask("{ orders { totalCount } }"))["orders"] == {"totalCount": 0}
