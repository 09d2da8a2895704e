"""Holds over the API: expiry by the clock, look-up within the caller's scope."""

from typing import Any

from domain.access.callers import Role
from tests.builders.in_process_server import HOLD, InProcessServer

EXTEND = """mutation ($id: ID!, $ttl: Int!) { reservationExtend(id: $id, ttlSeconds: $ttl) {
  reservation { id status expiresAt } userErrors { field code message details } } }"""
RELEASE = """mutation ($id: ID!) { reservationRelease(id: $id) {
  reservation { id status } userErrors { field code message details } } }"""
STATUS = "query ($id: ID!) { reservation(id: $id) { status } }"


async def test_a_hold_lives_fifteen_minutes_by_default(api: InProcessServer) -> None:
    await api.receive(5)
    held = await api.hold(2)
    assert held["status"] == "HELD"
    assert held["lines"] == [{"sku": "TEE", "quantity": 2, "location": {"code": "LEEDS"}}]
    api.advance_clock(899)
    assert await api.ask(STATUS, {"id": held["id"]}) == {"reservation": {"status": "HELD"}}
    api.advance_clock(2)
    assert await api.ask(STATUS, {"id": held["id"]}) == {"reservation": {"status": "EXPIRED"}}
    assert await api.refusals(EXTEND, {"id": held["id"], "ttl": 60}) == [
        ("RESERVATION_EXPIRED", "id")
    ]


async def test_a_hold_is_extended_and_released(api: InProcessServer) -> None:
    await api.receive(5)
    held = await api.hold(2)
    longer = await api.done(EXTEND, {"id": held["id"], "ttl": 1_800})
    assert longer["reservation"]["expiresAt"] > held["expiresAt"]
    released = await api.done(RELEASE, {"id": held["id"]})
    assert released["reservation"]["status"] == "RELEASED"
    assert [code for code, _ in await api.refusals(EXTEND, {"id": held["id"], "ttl": 60})] == [
        "ILLEGAL_TRANSITION"
    ]
    assert await api.refusals(RELEASE, {"id": "nonsense"}) == [("NOT_FOUND", "id")]


REFUSED_HOLDS: list[Any] = [
    ({"ttlSeconds": 0}, ("LIMIT_EXCEEDED", "input.ttlSeconds")),
    ({"ttlSeconds": 1_000_000_000}, ("LIMIT_EXCEEDED", "input.ttlSeconds")),
    ({"channel": "nope"}, ("NOT_FOUND", "input.channel")),
    ({"lines": []}, ("INVALID", "input.lines")),
    ({"lines": [{"sku": "NOPE", "quantity": 1}]}, ("NOT_FOUND", "input.lines.0.sku")),
    ({"lines": [{"sku": "TEE", "quantity": 0}]}, ("INVALID", "input.lines.0.quantity")),
    (
        {"lines": [{"sku": "TEE", "quantity": 1, "locationCode": "NOPE"}]},
        ("NOT_FOUND", "input.lines.0.locationCode"),
    ),
    (
        {"lines": [{"sku": "TEE", "quantity": 6}]},
        ("INSUFFICIENT_STOCK", "input.lines.0.quantity"),
    ),
    (
        {"lines": [{"sku": "TEE", "quantity": 1}] * 10_000},
        ("LIMIT_EXCEEDED", "input.lines"),
    ),
]


async def test_a_refused_hold_names_the_argument_and_holds_nothing(api: InProcessServer) -> None:
    await api.receive(5)
    for facts, refusal in REFUSED_HOLDS:
        wanted = {"channel": "web", "lines": [{"sku": "TEE", "quantity": 1}], **facts}
        found = await api.refusals(HOLD, {"input": wanted})
        assert [code for code, _ in found] == [refusal[0]]
        assert str(found[0][1]).startswith(refusal[1].removesuffix(".quantity"))
        state = await api.ask("{ reservations { nodes { id } } stockLevels { nodes { held } } }")
        assert state == {"reservations": {"nodes": []}, "stockLevels": {"nodes": [{"held": 0}]}}


async def test_holds_are_listed_by_the_status_that_they_have_now(api: InProcessServer) -> None:
    await api.receive(9)
    short = await api.hold(1, ttlSeconds=60, externalReference="short")
    long = await api.hold(1, ttlSeconds=600)
    gone = await api.hold(1)
    await api.done(RELEASE, {"id": gone["id"]})
    api.advance_clock(100)
    document = """query ($status: ReservationStatus, $channel: String) {
      reservations(status: $status, channel: $channel) { nodes { id status } } }"""

    async def listed(**narrow: str) -> list[str]:
        nodes = (await api.ask(document, narrow))["reservations"]["nodes"]
        if status := narrow.get("status"):
            assert {node["status"] for node in nodes} <= {status}
        return [node["id"] for node in nodes]

    assert await listed() == [gone["id"], long["id"], short["id"]]
    assert await listed(status="HELD") == [long["id"]]
    assert await listed(status="EXPIRED") == [short["id"]]
    assert await listed(status="RELEASED") == [gone["id"]]
    assert await listed(channel="market") == []
    by_reference = """{ reservation(channel: "web", externalReference: "short") { id status } }"""
    assert (await api.ask(by_reference))["reservation"] == {
        "id": short["id"],
        "status": "EXPIRED",
    }


async def test_without_a_key_a_hold_is_found_by_its_id_only(api: InProcessServer) -> None:
    await api.receive(50)
    held = await api.hold(1, key=None, externalReference="basket")
    assert await api.ask(STATUS, {"id": held["id"]}, key=None) == {
        "reservation": {"status": "HELD"}
    }
    by_reference = '{ reservation(channel: "web", externalReference: "basket") { id } }'
    assert await api.code(by_reference, key=None) == "BAD_REQUEST"
    assert await api.code("{ reservations { nodes { id } } }", key=None) == "UNAUTHENTICATED"
    released = await api.done(RELEASE, {"id": held["id"]}, key=None)
    assert released["reservation"] == {"id": held["id"], "status": "RELEASED"}


async def test_the_holds_of_keys_do_not_exist_without_one(api: InProcessServer) -> None:
    await api.receive(50)
    shop = await api.a_key(Role.STOREFRONT, channels=("web",))
    held = await api.hold(1, key=shop)
    assert await api.ask(STATUS, {"id": held["id"]}, key=None) == {"reservation": None}
    for document in (EXTEND, RELEASE):
        arguments = {"id": held["id"], "ttl": 60} if document is EXTEND else {"id": held["id"]}
        assert await api.refusals(document, arguments, key=None) == [("NOT_FOUND", "id")]
    assert await api.ask(STATUS, {"id": held["id"]}) == {"reservation": {"status": "HELD"}}


async def test_a_hold_shows_its_routing_to_staff_only(api: InProcessServer) -> None:
    await api.receive(5)
    held = await api.hold(1)
    document = """query ($id: ID!) { reservation(id: $id) { routing { policyVersion chosen
      considered { location accepted reasons } } channel { code } } }"""
    routing = (await api.ask(document, {"id": held["id"]}))["reservation"]["routing"]
    assert routing["policyVersion"] == 1
    assert routing["chosen"] == ["LEEDS"]
    [leeds] = [each for each in routing["considered"] if each["location"] == "LEEDS"]
    assert leeds["accepted"] is True
    assert leeds["reasons"]
    shop = await api.a_key(Role.STOREFRONT, channels=("web",))
    found = await api.ask(document, {"id": held["id"]}, key=shop)
    assert found["reservation"] == {"routing": None, "channel": {"code": "web"}}


async def test_a_reference_that_is_taken_names_the_hold_that_has_it(api: InProcessServer) -> None:
    await api.receive(9)
    line = {"sku": "TEE", "quantity": 1}
    wanted = {"channel": "web", "externalReference": "basket", "lines": [line]}
    held = (await api.done(HOLD, {"input": wanted}))["reservation"]
    for key in ("k-1", "k-1"):  # the second request is a replay
        again = await api.change(HOLD, {"input": wanted}, idempotency_key=key)
        [error] = again["userErrors"]
        assert (error["code"], error["details"]["existing"]) == ("ALREADY_EXISTS", held["id"])
