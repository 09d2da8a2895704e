"""Scope of a key: channels and locations hide rows, counts, edges, nodes, events and audit rows."""

from typing import Any

import pytest

from domain.access.callers import Role
from tests.builders.in_process_server import HOLD, PLACE, InProcessServer, an_order
from tests.resolvers.test_subscriptions import EVENTS, screen

EVERYTHING = """{
  channels { code locations { code } } locations { code }
  web: channel(code: "web") { code } market: channel(code: "market") { code safetyBuffer }
  leeds: location(code: "LEEDS") { code } york: location(code: "YORK") { code }
  orders { totalCount nodes { externalReference fulfillments { location { code } } } }
  fulfillments { nodes { location { code } order { externalReference } } }
  reservations { nodes { externalReference channel { code } lines { location { code } } } }
  stockLevels { totalCount nodes { location { code } } }
  stockMovements { nodes { id kind location { code } item { sku } } }
  exceptions { totalCount nodes { kind } }
  events(first: 250) { nodes { type data } }
}"""
BOOKS = """{ journalEntries { nodes { reference } } trialBalance { balanced accounts { account
  balance { amount } } } auditTrail(first: 250) { nodes { subject action } } }"""


@pytest.fixture
async def traded(api: InProcessServer) -> InProcessServer:
    """Two channels and two locations, each with an order and a hold."""
    await api.receive(9, at="LEEDS")
    await api.receive(9, at="YORK", sku="COAT")
    await api.place(1, "TEE", externalReference="web-leeds")
    await api.place(1, "COAT", externalReference="market-york", channel="market")
    await api.hold(1, "TEE", externalReference="hold-leeds")
    await api.hold(1, "COAT", externalReference="hold-york", channel="market")
    await api.place(99, "SCARF", externalReference="waits", backorder=True)
    return api


def codes(rows: Any, *path: str) -> set[str]:
    """Codes at the end of a path in each row."""
    found = set()
    for row in rows:
        for step in path:
            row = row[step]
        found.add(row if isinstance(row, str) else row["code"])
    return found


async def test_a_channel_scope_hides_the_other_channels(traded: InProcessServer) -> None:
    key = await traded.a_key(Role.SUPPORT, channels=("web",))
    seen = await traded.ask(EVERYTHING, key=key)
    assert codes(seen["channels"]) == {"web"}
    assert seen["market"] is None
    assert codes(seen["locations"]) == {"LEEDS", "YORK"}
    assert {each["externalReference"] for each in seen["orders"]["nodes"]} == {"web-leeds", "waits"}
    assert seen["orders"]["totalCount"] == 2
    assert codes(seen["fulfillments"]["nodes"], "order", "externalReference") == {"web-leeds"}
    assert codes(seen["reservations"]["nodes"], "channel") == {"web"}
    references = {event["data"].get("externalReference") for event in seen["events"]["nodes"]}
    assert "market-york" not in references
    movements = {(each["item"]["sku"], each["kind"]) for each in seen["stockMovements"]["nodes"]}
    assert movements == {(sku, "RECEIVED") for sku in ("TEE", "COAT")} | {
        ("TEE", "ALLOCATED"),
        ("TEE", "HELD"),
    }
    every = await traded.ask('{ stockMovements(sku: "COAT") { nodes { id kind } } }')
    for each in every["stockMovements"]["nodes"]:
        document = "query ($id: ID!) { node(id: $id) { id } }"
        found = await traded.ask(document, {"id": each["id"]}, key=key)
        assert (found["node"] is None) == (each["kind"] != "RECEIVED")


async def test_a_location_scope_hides_the_other_locations(traded: InProcessServer) -> None:
    key = await traded.a_key(Role.WAREHOUSE, locations=("YORK",))
    seen = await traded.ask(EVERYTHING, key=key)
    assert codes(seen["locations"]) == {"YORK"}
    assert seen["leeds"] is None
    assert codes(seen["channels"]) == {"web", "market"}
    assert {code for each in seen["channels"] for code in codes(each["locations"])} == {"YORK"}
    assert codes(seen["stockLevels"]["nodes"], "location") == {"YORK"}
    assert seen["stockLevels"]["totalCount"] == 1
    assert codes(seen["stockMovements"]["nodes"], "location") == {"YORK"}
    assert codes(seen["fulfillments"]["nodes"], "location") == {"YORK"}
    assert {each["externalReference"] for each in seen["orders"]["nodes"]} == {
        "market-york",
        "waits",
    }
    assert [each["externalReference"] for each in seen["reservations"]["nodes"]] == ["hold-york"]
    stocks = [e["data"] for e in seen["events"]["nodes"] if e["type"] == "stock.changed"]
    assert {data["location"] for data in stocks} == {"YORK"}


async def test_an_order_shows_only_the_parcels_of_visible_locations(
    traded: InProcessServer,
) -> None:
    both = an_order(1, "TEE", externalReference="split")
    both["lines"] = [
        {**both["lines"][0]},
        {**both["lines"][0], "sku": "COAT"},
    ]
    await traded.done(PLACE, {"input": both})
    key = await traded.a_key(Role.WAREHOUSE, locations=("YORK",))
    document = """{ order(channel: "web", externalReference: "split") {
      lines { sku } fulfillments { location { code } } routing { chosen
      considered { location } } } }"""
    order = (await traded.ask(document, key=key))["order"]
    assert [line["sku"] for line in order["lines"]] == ["TEE", "COAT"]
    assert codes(order["fulfillments"], "location") == {"YORK"}
    assert order["routing"] == {"chosen": ["YORK"], "considered": [{"location": "YORK"}]}


async def test_the_books_and_the_trail_keep_to_the_scope(traded: InProcessServer) -> None:
    whole = await traded.ask(BOOKS)
    key = await traded.a_key(Role.FINANCE, channels=("web",), locations=("LEEDS",))
    seen = await traded.ask(BOOKS, key=key)
    hidden = {"PO-COAT-YORK"}
    references = {each["reference"] for each in seen["journalEntries"]["nodes"]}
    assert references < {each["reference"] for each in whole["journalEntries"]["nodes"]}
    assert not references & hidden
    assert seen["trialBalance"]["balanced"]
    assert seen["trialBalance"]["accounts"] != whole["trialBalance"]["accounts"]
    subjects = {each["subject"].partition(":")[0] for each in seen["auditTrail"]["nodes"]}
    assert not subjects & {"Order", "Reservation"}  # others made them, and they may be spread
    assert {"Channel", "Item", "Location"} <= subjects
    assert 0 < len(seen["auditTrail"]["nodes"]) < len(whole["auditTrail"]["nodes"])


async def test_what_is_out_of_scope_cannot_be_changed_either(traded: InProcessServer) -> None:
    shop = await traded.a_key(Role.STOREFRONT, channels=("web",))
    elsewhere = an_order(1, "COAT", channel="market", externalReference="x")
    assert await traded.refusals(PLACE, {"input": elsewhere}, key=shop) == [
        ("NOT_FOUND", "input.channel")
    ]
    found = await traded.ask(
        '{ order(channel: "market", externalReference: "market-york") { id } }'
    )
    cancel = """mutation ($id: ID!) { orderCancel(id: $id, reasonCode: "OTHER") {
      order { id } userErrors { field code } } }"""
    assert await traded.refusals(cancel, {"id": found["order"]["id"]}, key=shop) == [
        ("NOT_FOUND", "id")
    ]
    assert await traded.ask(
        "query ($id: ID!) { order(id: $id) { id } }", {"id": found["order"]["id"]}, key=shop
    ) == {"order": None}


CANCEL = """mutation ($id: ID!) { orderCancel(id: $id, reasonCode: "OTHER") {
  order { id status } userErrors { field code } } }"""
RELEASE = """mutation ($id: ID!) { reservationRelease(id: $id) {
  reservation { id status } userErrors { field code } } }"""
EXTEND = """mutation ($id: ID!) { reservationExtend(id: $id, ttlSeconds: 60) {
  reservation { id } userErrors { field code } } }"""


async def test_what_a_key_made_itself_exists_for_it_wherever_it_lies(
    traded: InProcessServer,
) -> None:
    """The web channel's only TEEs are in LEEDS; the key's location is YORK."""
    web, york = ("web",), ("YORK",)
    mine = await traded.a_key(Role.PARTNER, channels=web, locations=york, name="mine")
    other = await traded.a_key(Role.PARTNER, channels=web, locations=york, name="other")
    placing = {"input": an_order(1, "TEE", externalReference="mine")}
    order = (await traded.done(PLACE, placing, key=mine, idempotency_key="p"))["order"]
    again = await traded.done(PLACE, placing, key=mine, idempotency_key="p")
    assert (again["replayed"], again["order"]["id"]) == (True, order["id"])
    wanted = {"input": {"channel": "web", "lines": [{"sku": "TEE", "quantity": 1}]}}
    hold = (await traded.done(HOLD, wanted, key=mine, idempotency_key="h"))["reservation"]
    by_id = "query ($id: ID!) { node(id: $id) { id } }"
    for made, change, done in ((order, CANCEL, "CANCELLED"), (hold, RELEASE, "RELEASED")):
        one = {"id": made["id"]}
        assert (await traded.ask(by_id, one, key=mine))["node"] == one
        assert (await traded.ask(by_id, one, key=other))["node"] is None
        refused = await traded.change(change, one, key=other, idempotency_key=f"no-{done}")
        assert [error["code"] for error in refused["userErrors"]] == ["NOT_FOUND"]
        if made is hold:
            refused = await traded.change(EXTEND, one, key=other, idempotency_key="no")
            assert [error["code"] for error in refused["userErrors"]] == ["NOT_FOUND"]
        payload = await traded.done(change, one, key=mine, idempotency_key=f"yes-{done}")
        [changed] = [value for value in payload.values() if isinstance(value, dict)]
        assert changed["status"] == done


ORDER_CHANGED = """subscription ($id: ID!) { orderChanged(id: $id) { order { id status } } }"""


async def of_york(traded: InProcessServer) -> tuple[str, str]:
    """Two keys with the web channel and YORK as scope, for two actors."""
    scope: Any = {"channels": ("web",), "locations": ("YORK",)}
    mine = await traded.a_key(Role.PARTNER, name="mine", **scope)
    return mine, await traded.a_key(Role.PARTNER, name="other", **scope)


async def test_a_stream_is_shared_by_those_for_whom_the_same_exists(
    traded: InProcessServer,
) -> None:
    mine, other = await of_york(traded)
    placing = {"input": an_order(1, "TEE", externalReference="mine")}
    theirs_too = {"input": an_order(1, "COAT", externalReference="theirs")}
    types = ["order.placed", "order.cancelled"]
    async with screen(traded, other) as theirs, screen(traded, mine) as ours:
        await theirs.watch(traded, EVENTS, types=types)
        await ours.watch(traded, EVENTS, types=types)
        order = (await traded.done(PLACE, placing, key=mine, idempotency_key="p"))["order"]
        assert (await ours.next())["subject"] == order["id"]
        async with screen(traded, mine) as following, screen(traded, other) as late:
            await following.watch(traded, ORDER_CHANGED, id=order["id"])
            late.subscribe("s", ORDER_CHANGED, variables={"id": order["id"]})
            assert (await late.receive())["type"] == "error"
            await traded.done(CANCEL, {"id": order["id"]}, key=mine, idempotency_key="c")
            assert (await following.next())["order"]["status"] == "CANCELLED"
        assert (await ours.next())["type"] == "order.cancelled"
        own = (await traded.done(PLACE, theirs_too, key=other, idempotency_key="o"))["order"]
        assert (await theirs.next())["subject"] == own["id"]  # no event before it


async def test_a_hold_that_does_not_exist_for_a_key_is_not_taken_by_it(
    traded: InProcessServer,
) -> None:
    mine, other = await of_york(traded)
    wanted = {"input": {"channel": "web", "lines": [{"sku": "TEE", "quantity": 1}]}}
    hold = (await traded.done(HOLD, wanted, key=mine, idempotency_key="h"))["reservation"]
    taking = {"input": an_order(1, "TEE", externalReference="x", reservationId=hold["id"])}
    refused = await traded.change(PLACE, taking, key=other, idempotency_key="x")
    errors = [(error["code"], error["field"]) for error in refused["userErrors"]]
    assert errors == [("NOT_FOUND", ["input", "reservationId"])]
    assert refused["order"] is None
    taken = await traded.done(PLACE, taking, key=mine, idempotency_key="y")
    assert taken["order"]["status"] == "ALLOCATED"


async def test_events_of_a_whole_order_reach_the_key_that_placed_it(
    traded: InProcessServer,
) -> None:
    web, york = ("web",), ("YORK",)
    mine = await traded.a_key(Role.PARTNER, channels=web, locations=york, name="mine")
    placing = {"input": an_order(1, "TEE", externalReference="mine")}
    order = (await traded.done(PLACE, placing, key=mine, idempotency_key="p"))["order"]
    await traded.settled()
    document = """{ events(first: 250, types: ["order.placed", "reservation.created"]) {
      nodes { subject } } }"""
    found_events = (await traded.ask(document, key=mine))["events"]["nodes"]
    assert found_events == [{"subject": order["id"]}]
    warehouse = await traded.a_key(Role.WAREHOUSE, locations=york)
    assert (await traded.ask(document, key=warehouse))["events"]["nodes"] == []
    assert len((await traded.ask(document))["events"]["nodes"]) == 6


async def test_buffers_are_seen_of_ones_own_channels_only(traded: InProcessServer) -> None:
    document = (
        '{ a: channel(code: "web") { safetyBuffer } b: channel(code: "market") { safetyBuffer } }'
    )
    both = await traded.a_key(Role.PARTNER, channels=("web", "market"))
    assert await traded.ask(document, key=both) == {
        "a": {"safetyBuffer": 0},
        "b": {"safetyBuffer": 0},
    }
    unscoped = await traded.a_key(Role.PARTNER)
    assert await traded.ask(document, key=unscoped) == {
        "a": {"safetyBuffer": None},
        "b": {"safetyBuffer": None},
    }
