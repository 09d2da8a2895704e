"""The desk over the API: alerts of the clock, many at once, the catalog, and figures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from domain.access.callers import Role
from domain.exceptions import ExceptionKind
from tests.builders.in_process_server import InProcessServer
from tests.resolvers.test_subscriptions import Screen, screen
from tests.resolvers.test_task_queues import order_is_late
from tests.resolvers.test_tasks import CLAIM, RELEASE, a_parcel
from tests.workflows.exceptions.sweeps import sweep
from workflows.exceptions.escalation import escalate_overdue

ALERTS = """
subscription ($roles: [String!], $owner: String, $every: Boolean) {
  exceptionAlerts(ownerRoles: $roles, owner: $owner, every: $every) {
    exception { id kind status ownerRole } } }
"""
LIST = "{ exceptions(first: 50) { nodes { id kind channel { code } location { code } } } }"
ASSIGN = """
mutation ($ids: [ID!]!, $owner: String!) { exceptionsAssign(ids: $ids, owner: $owner) {
  exceptions { status owner } replayed userErrors { field code } } }
"""
RESOLVE = """
mutation ($ids: [ID!]!) { exceptionsResolve(ids: $ids, resolution: "Seen.") {
  exceptions { status resolution history { at actor action status owner note } }
  userErrors { field code } } }
"""
COMMENT = """
mutation ($id: ID!) { exceptionComment(id: $id, text: "Called them.") {
  exception { history { action note } } userErrors { field code } } }
"""
ESCALATE = """
mutation ($id: ID!) { exceptionEscalate(id: $id, note: "Too big.") {
  exception { status ownerRole } userErrors { field code } } }
"""
KINDS = """
query ($at: String, $on: String) { exceptionKinds(location: $at, channel: $on) {
  kind severity ownerRole due escalateTo after off opens clears } }
"""
PUBLISH = """
mutation ($input: PolicyInput!) { policyPublish(input: $input) { userErrors { field message } } }
"""
FIGURES = """
query ($from: DateTime!, $to: DateTime) {
  queueMetrics(locations: ["LEEDS"], queues: [PICK], from: $from, to: $to) {
    queue location { code } depth claimed overdue oldestSeconds done lapsed perHour medianSeconds
    ages { fromSeconds toSeconds count } }
  floorMetrics(from: $from, to: $to) { shipped touches touchesPerOrder onTimeRate shortRate
    mismatchRate dockToShelfSeconds }
  exceptionMetrics(by: KIND, from: $from, to: $to) {
    key open breached opened ended autoResolved breachRate medianSeconds } }
"""
MINE = """
subscription ($at: String!, $who: String) { queueChanged(queue: PICK, location: $at,
    claimedBy: $who) { change complete tasks { id claimedBy } } }
"""


async def alert(client: Screen) -> tuple[str, str, str]:
    """Kind, status and role in charge of the next alert."""
    found = (await client.next())["exception"]
    return found["kind"], found["status"], found["ownerRole"]


async def test_what_the_clock_finds_is_alerted_escalated_and_cleared(api: InProcessServer) -> None:
    await api.receive(5)
    placed = await api.place(1)
    async with screen(api) as desk, screen(api) as floor, screen(api) as steps:
        await desk.watch(api, ALERTS)
        await floor.watch(api, ALERTS, roles=["SUPERVISOR"])
        await steps.watch(api, ALERTS, every=True)
        api.advance_clock(30 * 86_400)
        await sweep(api.restow.transactions)
        assert await alert(desk) == ("ORDER_LATE", "OPEN", "WAREHOUSE")
        api.advance_clock(5 * 3_600)
        await api.restow.transactions.run(escalate_overdue)
        for client in (desk, floor):
            assert await alert(client) == ("ORDER_LATE", "ESCALATED", "SUPERVISOR")
        cancel = f'mutation {{ orderCancel(id: "{placed["id"]}", reasonCode: "OTHER") {{'
        await api.ask(cancel + " order { status } userErrors { code } } }")
        seen = [await alert(steps) for _ in range(3)]
        assert [status for _, status, _ in seen] == ["OPEN", "ESCALATED", "AUTO_RESOLVED"]


async def test_the_steps_of_one_owner_are_followed(api: InProcessServer) -> None:
    await api.a_key(Role.SUPPORT, name="sue")
    for number in (1, 2):
        await order_is_late(api, f"Item:{number}")
    first, second = [node["id"] for node in (await api.ask(LIST))["exceptions"]["nodes"]]
    async with screen(api) as client:
        await client.watch(api, ALERTS, owner="SUE", every=True)
        for exception_id, owner in ((first, "FINANCE"), (second, "sue"), (second, "FINANCE")):
            await api.done(ASSIGN, {"ids": [exception_id], "owner": owner})
        await api.done(ASSIGN, {"ids": [first], "owner": "sue"})
        seen = [(await client.next())["exception"] for _ in range(2)]
    assert [each["id"] for each in seen] == [second, first]


async def test_many_are_handled_each_by_itself(api: InProcessServer) -> None:
    for number in range(3):
        await order_is_late(api, f"Item:{number + 1}")
    ids = [node["id"] for node in (await api.ask(LIST))["exceptions"]["nodes"]]
    payload = await api.change(ASSIGN, {"ids": [*ids[:2], "nonsense"], "owner": "finance"})
    assert payload["exceptions"] == [{"status": "ASSIGNED", "owner": "FINANCE"}] * 2 + [None]
    assert payload["userErrors"] == [{"field": ["ids", "2"], "code": "NOT_FOUND"}]
    comment = await api.done(COMMENT, {"id": ids[0]})
    assert comment["exception"]["history"][-1] == {"action": "COMMENTED", "note": "Called them."}
    escalated = await api.done(ESCALATE, {"id": ids[0]})
    assert escalated["exception"] == {"status": "ESCALATED", "ownerRole": "SUPERVISOR"}
    resolved = await api.done(RESOLVE, {"ids": ids})
    assert {each["status"] for each in resolved["exceptions"]} == {"RESOLVED"}
    history = resolved["exceptions"][0]["history"]
    assert [step["action"] for step in history] == [
        "OPENED",
        "ASSIGNED",
        "COMMENTED",
        "ESCALATED",
        "RESOLVED",
    ]
    assert history[-1]["note"] == "Seen."
    assert history == sorted(history, key=lambda step: str(step["at"]))


async def test_the_catalog_shows_the_policy_of_a_place(api: InProcessServer) -> None:
    whole = {row["kind"]: row for row in (await api.ask(KINDS))["exceptionKinds"]}
    assert list(whole) == list(ExceptionKind)
    assert whole["ORDER_LATE"]["after"] == "PT0S"
    assert whole["CARRIER_DELAY"]["after"] == "P1D"
    assert whole["OVERSOLD"]["after"] is None
    handling = {"severity": "LOW", "ownerRole": "FINANCE", "due": "PT90M", "escalateTo": "ADMIN"}
    rules = {"kinds": {"ORDER_LATE": {**handling, "after": "PT6H"}, "OVERSOLD": {"off": True}}}
    policy = {"kind": "EXCEPTION", "scope": "location:YORK", "rules": rules}
    await api.done(PUBLISH, {"input": policy})
    at_york = (await api.ask(KINDS, {"at": "york", "on": "web"}))["exceptionKinds"]
    york = {row["kind"]: row for row in at_york}
    late = york["ORDER_LATE"]
    assert (late["severity"], late["ownerRole"], late["due"]) == ("LOW", "FINANCE", "PT1H30M")
    assert (late["after"], late["off"], york["OVERSOLD"]["off"]) == ("PT6H", False, True)
    assert {row["kind"]: row for row in (await api.ask(KINDS))["exceptionKinds"]} == whole
    assert await api.code(KINDS, {"at": "NOWHERE"}) == "BAD_REQUEST"
    assert await api.code(KINDS, {"on": "nowhere"}) == "BAD_REQUEST"


async def test_figures_have_each_queue_that_is_asked_for(api: InProcessServer) -> None:
    await api.receive(5)
    await a_parcel(api)
    await order_is_late(api)
    start = (api.restow.clock() - timedelta(hours=2)).isoformat()
    found = await api.ask(FIGURES, {"from": start})
    [queue] = found["queueMetrics"]
    assert (queue["queue"], queue["location"]["code"], queue["depth"]) == ("PICK", "LEEDS", 1)
    assert [bucket["count"] for bucket in queue["ages"]] == [1, 0, 0, 0, 0, 0]
    assert [bucket["toSeconds"] for bucket in queue["ages"]][-2:] == [604_800, None]
    assert (queue["done"], queue["perHour"], queue["medianSeconds"]) == (0, 0.0, None)
    assert found["floorMetrics"] == {
        "shipped": 0,
        "touches": 0,
        "touchesPerOrder": None,
        "onTimeRate": None,
        "shortRate": None,
        "mismatchRate": None,
        "dockToShelfSeconds": None,
    }
    [late] = found["exceptionMetrics"]
    assert (late["key"], late["open"], late["opened"], late["ended"]) == ("ORDER_LATE", 1, 1, 0)
    assert (late["breachRate"], late["medianSeconds"]) == (None, None)
    long_ago = (api.restow.clock() - timedelta(days=32)).isoformat()
    assert await api.code(FIGURES, {"from": long_ago}) == "BAD_REQUEST"
    assert await api.code(FIGURES, {"from": start, "to": start}) == "BAD_REQUEST"


async def test_places_of_figures_are_limited_and_each_named_once(api: InProcessServer) -> None:
    query = """query ($at: [String!], $from: DateTime!) {
      queueMetrics(locations: $at, queues: [PICK], from: $from) { location { code } } }"""
    values = {"from": (api.restow.clock() - timedelta(hours=2)).isoformat()}
    named = await api.ask(query, {**values, "at": ["leeds", "LEEDS", " Leeds", "York"]})
    assert [row["location"]["code"] for row in named["queueMetrics"]] == ["LEEDS", "YORK"]
    assert (await api.ask(query, {**values, "at": []}))["queueMetrics"] == []
    assert await api.code(query, {**values, "at": ["LEEDS", "NOWHERE"]}) == "BAD_REQUEST"
    assert await api.code(query, {**values, "at": ["LEEDS"] * 201}) == "BAD_REQUEST"


async def test_a_queue_of_one_worker_has_what_it_holds(api: InProcessServer) -> None:
    await api.receive(9)
    ann = await api.a_key(Role.WAREHOUSE, name="ann")
    for number in range(3):
        await a_parcel(api, externalReference=f"W-{number}")
    claim: dict[str, Any] = {"queue": "PICK", "at": "LEEDS"}
    [first] = (await api.done(CLAIM, claim, key=ann))["tasks"]
    await api.done(CLAIM, claim)
    async with screen(api) as client:
        await client.watch(api, MINE, at="LEEDS", who="ANN")
        snapshot = await client.next()
        assert [task["id"] for task in snapshot["tasks"]] == [first["id"]]
        [second] = (await api.done(CLAIM, claim, key=ann))["tasks"]
        added = await client.next()
        assert (added["change"], added["tasks"][0]["id"]) == ("UPSERT", second["id"])
        await api.done(RELEASE, {"id": first["id"]}, key=ann)
        removed = await client.next()
        assert (removed["change"], removed["tasks"][0]["id"]) == ("REMOVE", first["id"])
