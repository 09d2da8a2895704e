"""Refusals, filters and holds tell a partner no name of the staff, and no note of theirs."""

from __future__ import annotations

from typing import Any

from domain.access.callers import STAFF_ACTOR, Role
from tests.builders.in_process_server import InProcessServer
from tests.resolvers.test_subscriptions import screen

CLAIM = """mutation { taskClaim(queue: PICK, locationCode: "LEEDS") {
  tasks { id } userErrors { code message details } } }"""
RENEW = """mutation ($id: ID!) { taskRenew(id: $id) { tasks { id }
  userErrors { code message details } } }"""
FILTERED = "query ($name: String) { tasks(first: 9, claimedBy: $name) { nodes { id } } }"
QUEUE = """subscription ($name: String) {
  queueChanged(queue: PICK, location: "LEEDS", claimedBy: $name) { cursor } }"""
HOLD = """mutation ($id: ID, $hold: HoldInput!) { fulfillmentHold(fulfillmentId: $id, hold: $hold) {
  hold { id reason note } userErrors { code message } } }"""
RELEASE = """mutation ($id: ID!) { fulfillmentRelease(holdId: $id, note: "Called.") {
  hold { id reason note releaseNote } userErrors { code message details } } }"""
PICK = """mutation ($id: ID!) { fulfillmentPick(fulfillmentId: $id) {
  fulfillment { id } userErrors { code message details } } }"""
SHOWN = (
    """query ($id: ID!) { node(id: $id) { ... on FulfillmentHold { reason note releaseNote } } }"""
)
EVENTS = "{ events(first: 250) { nodes { type data } } }"


async def _keys(api: InProcessServer) -> tuple[str, str, str]:
    """Keys of a member of staff, a shop and a partner."""
    return (
        await api.a_key(Role.ADMIN, name="Amy-Anders"),
        await api.a_key(Role.STOREFRONT, name="Shop", channels=("web",)),
        await api.a_key(Role.PARTNER, name="Market", channels=("web",)),
    )


async def _error(api: InProcessServer, document: str, given: Any, key: str, name: str) -> Any:
    payload = await api.change(document, given, key=key, idempotency_key=name)
    [error] = payload["userErrors"]
    assert "amy-anders" not in str(error).lower()
    return error


async def test_a_claim_of_another_names_no_one(api: InProcessServer) -> None:
    staff, _, partner = await _keys(api)
    await api.receive(2)
    await api.place(1)
    [task] = (await api.done(CLAIM, {}, key=staff))["tasks"]
    error = await _error(api, RENEW, {"id": task["id"]}, partner, "renew")
    assert (error["code"], error["details"]) == ("TASK_NOT_CLAIMED", {"claimedBy": STAFF_ACTOR})
    other = await api.a_key(Role.WAREHOUSE, name="Ben")
    payload = await api.change(RENEW, {"id": task["id"]}, key=other)
    assert payload["userErrors"][0]["details"] == {"claimedBy": "Amy-Anders"}


async def test_a_filter_by_worker_is_no_oracle(api: InProcessServer) -> None:
    staff, _, partner = await _keys(api)
    await api.receive(2)
    await api.place(1)
    [task] = (await api.done(CLAIM, {}, key=staff))["tasks"]
    named = {"name": "amy-anders"}
    assert (await api.ask(FILTERED, named, key=staff))["tasks"]["nodes"] == [task]
    for name in ("amy-anders", "nobody"):
        assert await api.code(FILTERED, {"name": name}, key=partner) == "BAD_REQUEST"
    for own in ("market", None):
        assert "tasks" in await api.ask(FILTERED, {"name": own}, key=partner)


async def test_notes_and_suspicions_stay_inside(api: InProcessServer) -> None:
    staff, shop, partner = await _keys(api)
    await api.receive(5)
    [parcel] = (await api.place(1))["fulfillments"]
    suspicion = {"id": parcel["id"], "hold": {"reason": "FRAUD_RISK", "note": "Known thief."}}
    held = (await api.done(HOLD, suspicion, key=staff))["hold"]
    assert (held["reason"], held["note"]) == ("FRAUD_RISK", "Known thief.")
    own_hold = {"id": parcel["id"], "hold": {"reason": "ADDRESS", "note": "No number."}}
    own = (await api.done(HOLD, own_hold, key=partner, idempotency_key="own"))["hold"]
    assert (own["reason"], own["note"]) == ("ADDRESS", "No number.")
    for number, key in enumerate((shop, partner)):
        seen = (await api.ask(SHOWN, {"id": held["id"]}, key=key))["node"]
        assert seen == {"reason": "OTHER", "note": None, "releaseNote": None}
        error = await _error(api, RELEASE, {"id": held["id"]}, key, f"release-{number}")
        assert error["code"] == "POLICY_VIOLATION"
        assert error["details"] == {
            "reason": "OTHER",
            "placedBy": STAFF_ACTOR,
            "permission": "fulfillments.release",
        }
        assert "FRAUD_RISK" not in error["message"]
    assert (await api.ask(SHOWN, {"id": own["id"]}, key=shop))["node"]["note"] is None
    error = await _error(api, PICK, {"id": parcel["id"]}, partner, "pick")
    assert {each["reason"] for each in error["details"]["holds"]} == {"ADDRESS", "OTHER"}
    assert "FRAUD_RISK" not in error["message"]
    await api.done(RELEASE, {"id": held["id"]}, key=staff)
    mine = (await api.done(RELEASE, {"id": own["id"]}, key=partner, idempotency_key="free"))["hold"]
    assert (mine["note"], mine["releaseNote"]) == ("No number.", "Called.")
    seen = (await api.ask(SHOWN, {"id": held["id"]}, key=partner))["node"]
    assert seen == {"reason": "OTHER", "note": None, "releaseNote": None}
    await api.settled()
    for key, reasons in ((staff, {"FRAUD_RISK", "ADDRESS"}), (partner, {"OTHER", "ADDRESS"})):
        nodes = (await api.ask(EVENTS, key=key))["events"]["nodes"]
        found = [
            each for each in nodes if each["type"] in ("fulfillment.held", "fulfillment.released")
        ]
        assert {each["data"]["reason"] for each in found} == reasons
        assert len(found) == 4


async def test_a_queue_of_another_worker_is_refused(api: InProcessServer) -> None:
    _, _, partner = await _keys(api)
    async with screen(api, partner) as client:
        client.subscribe("s", QUEUE, variables={"name": "amy-anders"})
        refused = await client.receive()
        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert "Market" in refused["payload"][0]["message"]
    async with screen(api, partner) as client:
        await client.watch(api, QUEUE, name="Market")
