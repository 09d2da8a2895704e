"""Task queues over the API: listed by priority, claimed, worked on, visible within scope."""

from typing import Any

import pytest

from domain.access.callers import Role
from tests.builders.in_process_server import InProcessServer

CLAIM = """
mutation ($queue: QueueKind!, $at: String!, $limit: Int = 1, $ids: [ID!]) {
  taskClaim(queue: $queue, locationCode: $at, limit: $limit, ids: $ids) {
    tasks { id status claimedBy leaseUntil } replayed userErrors { field code message details } } }
"""
RENEW = """
mutation ($id: ID!) { taskRenew(id: $id) {
  tasks { id leaseUntil } userErrors { field code message details } } }
"""
RELEASE = """
mutation ($id: ID!) { taskRelease(id: $id) {
  tasks { id status claimedBy } userErrors { field code message details } } }
"""
PICK = """
mutation ($id: ID!, $short: [ShortageInput!]) {
  fulfillmentPick(fulfillmentId: $id, shortages: $short) {
    fulfillment { id status } userErrors { field code message details } } }
"""
PACK = """
mutation ($id: ID!) { fulfillmentPack(fulfillmentId: $id) {
  fulfillment { id status } userErrors { field code message details } } }
"""
SHIP = """
mutation ($input: FulfillmentShipInput!) { fulfillmentShip(input: $input) {
  fulfillment { id status } userErrors { field code message details } } }
"""
REROUTE = """
mutation ($id: ID!, $at: String!, $note: String!) {
  fulfillmentReroute(id: $id, locationCode: $at, note: $note) {
    order { fulfillments { status location { code } } }
    userErrors { field code message details } } }
"""
RECORD_EVENT = """
mutation ($input: CarrierEventInput!) { carrierEventRecord(input: $input) {
  fulfillment { id status deliveredAt } return { id status }
  replayed userErrors { field code message details } } }
"""
TASKS = """
query ($queue: QueueKind, $at: String, $status: TaskStatus, $first: Int, $after: String) {
  tasks(queue: $queue, location: $at, status: $status, first: $first, after: $after) {
    nodes { id queue status priority priorityReasons dueAt claimedBy leaseUntil createdAt
      location { code } subject { id ... on Fulfillment { status } } }
    totalCount pageInfo { hasNextPage endCursor } } }
"""
EXCEPTIONS = "{ exceptions { nodes { id kind status owner resolution dueAt } } }"


async def a_parcel(api: InProcessServer, units: int = 1, **facts: Any) -> str:
    order = await api.place(units, **facts)
    [parcel] = order["fulfillments"]
    return str(parcel["id"])


async def tasks(api: InProcessServer, key: str | None = None, **variables: Any) -> Any:
    data = await (api.ask(TASKS, variables) if key is None else api.ask(TASKS, variables, key=key))
    return data["tasks"]


async def test_a_parcel_goes_through_the_queues(api: InProcessServer) -> None:
    await api.receive(5)
    parcel = await a_parcel(api, 2)
    [task] = (await tasks(api, queue="PICK", at="LEEDS"))["nodes"]
    assert task["subject"] == {"id": parcel, "status": "OPEN"}
    assert task["location"] == {"code": "LEEDS"}
    assert (task["status"], task["claimedBy"], task["leaseUntil"]) == ("OPEN", None, None)
    assert task["priorityReasons"][1] == "STANDARD service."
    assert task["dueAt"] is not None
    claimed = await api.done(CLAIM, {"queue": "PICK", "at": "LEEDS"})
    [mine] = claimed["tasks"]
    assert (mine["id"], mine["status"], mine["claimedBy"]) == (task["id"], "CLAIMED", "bootstrap")
    for document, status in ((PICK, "PICKED"), (PACK, "PACKED")):
        done = await api.done(document, {"id": parcel})
        assert done["fulfillment"] == {"id": parcel, "status": status}
    given = {"fulfillmentId": parcel, "carrier": "DHL", "trackingNumber": "JD1"}
    await api.done(SHIP, {"input": given})
    assert (await tasks(api, status="OPEN"))["nodes"] == []
    done = (await tasks(api, status="DONE"))["nodes"]
    assert {(t["queue"], t["claimedBy"]) for t in done} == {
        ("PICK", "bootstrap"),
        ("PACK", "bootstrap"),
        ("SHIP", "bootstrap"),
    }
    node = await api.ask("query ($id: ID!) { node(id: $id) { id __typename } }", {"id": mine["id"]})
    assert node["node"] == {"id": mine["id"], "__typename": "Task"}


async def test_pages_go_by_priority(api: InProcessServer) -> None:
    await api.receive(9)
    levels = ("STANDARD", "EXPRESS", "ECONOMY")
    parcels = [await a_parcel(api, serviceLevel=s, externalReference=s) for s in levels]
    page = await tasks(api, first=2)
    assert [t["subject"]["id"] for t in page["nodes"]] == [parcels[1], parcels[0]]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    rest = await tasks(api, first=2, after=page["pageInfo"]["endCursor"])
    assert [t["subject"]["id"] for t in rest["nodes"]] == [parcels[2]]


async def test_a_claim_that_is_over_is_shown_as_open(api: InProcessServer) -> None:
    await api.receive(5)
    await a_parcel(api)
    [mine] = (await api.done(CLAIM, {"queue": "PICK", "at": "LEEDS"}))["tasks"]
    assert (await tasks(api, status="OPEN"))["nodes"] == []
    assert len((await tasks(api, status="CLAIMED"))["nodes"]) == 1
    api.advance_clock(601)
    assert (await tasks(api, status="CLAIMED"))["nodes"] == []
    [task] = (await tasks(api, status="OPEN"))["nodes"]
    assert (task["id"], task["status"], task["claimedBy"]) == (mine["id"], "OPEN", None)


async def test_another_workers_task_is_refused_and_given_back_it_is_free(
    api: InProcessServer,
) -> None:
    ann = await api.a_key(Role.WAREHOUSE, name="ann")
    ben = await api.a_key(Role.WAREHOUSE, name="ben")
    await api.receive(5)
    parcel = await a_parcel(api)
    [mine] = (await api.done(CLAIM, {"queue": "PICK", "at": "LEEDS"}, key=ann))["tasks"]
    taken = [("TASK_NOT_CLAIMED", "id")]
    assert await api.refusals(RENEW, {"id": mine["id"]}, key=ben) == taken
    assert await api.refusals(RELEASE, {"id": mine["id"]}, key=ben) == taken
    assert await api.refusals(PICK, {"id": parcel}, key=ben) == [
        ("TASK_NOT_CLAIMED", "fulfillmentId")
    ]
    claim = {"queue": "PICK", "at": "LEEDS", "ids": [mine["id"]]}
    assert await api.refusals(CLAIM, claim, key=ben) == [("TASK_NOT_CLAIMED", "ids.0")]
    renewed = await api.done(RENEW, {"id": mine["id"]}, key=ann)
    assert renewed["tasks"][0]["leaseUntil"] > mine["leaseUntil"]
    freed = await api.done(RELEASE, {"id": mine["id"]}, key=ann)
    assert freed["tasks"] == [{"id": mine["id"], "status": "OPEN", "claimedBy": None}]
    await api.done(PICK, {"id": parcel}, key=ben)


async def test_short_units_come_from_elsewhere(api: InProcessServer) -> None:
    await api.receive(2)
    order = await api.place(2)
    await api.receive(5, at="YORK")
    [parcel], [line] = order["fulfillments"], order["lines"]
    short = [{"orderLineId": line["id"], "quantity": 1}]
    done = await api.done(PICK, {"id": parcel["id"], "short": short})
    assert done["fulfillment"]["status"] == "PICKED"
    [task] = (await tasks(api, queue="PICK", status="OPEN"))["nodes"]
    assert task["location"] == {"code": "YORK"}
    kinds = [x["kind"] for x in (await api.ask(EXCEPTIONS))["exceptions"]["nodes"]]
    assert kinds == ["COUNT_VARIANCE"]
    wrong = [{"orderLineId": line["id"], "quantity": 9}]
    assert await api.refusals(PICK, {"id": task["subject"]["id"], "short": wrong}) == [
        ("INVALID", "shortages.0.quantity")
    ]


async def test_a_supervisor_reroutes(api: InProcessServer) -> None:
    sue = await api.a_key(Role.SUPERVISOR)
    clerk = await api.a_key(Role.WAREHOUSE)
    await api.receive(2)
    parcel = await a_parcel(api, 2)
    await api.receive(5, at="YORK")
    requested = {"id": parcel, "at": "YORK", "note": "Leeds is flooded."}
    assert await api.code(REROUTE, requested, key=clerk) == "FORBIDDEN"
    moved = await api.done(REROUTE, requested, key=sue)
    places = {f["location"]["code"]: f["status"] for f in moved["order"]["fulfillments"]}
    assert places == {"LEEDS": "CANCELLED", "YORK": "OPEN"}
    listed = await api.ask(
        '{ auditTrail(action: "fulfillmentReroute", actor: "SUPERVISOR key")'
        " { nodes { actor after } } }"
    )
    [entry] = listed["auditTrail"]["nodes"]
    assert entry["after"]["note"] == "Leeds is flooded."


async def test_a_carrier_says_that_it_arrived(api: InProcessServer) -> None:
    await api.receive(2)
    parcel = await a_parcel(api)
    given = {"fulfillmentId": parcel, "carrier": "DHL", "trackingNumber": "JD1"}
    await api.done(SHIP, {"input": given})
    now = (await api.ask("{ tasks(first: 1, status: DONE) { nodes { createdAt } } }"))["tasks"]
    event = {
        "carrier": "DHL",
        "trackingNumber": "JD1",
        "eventId": "E-1",
        "status": "DELIVERED",
        "occurredAt": now["nodes"][0]["createdAt"],
    }
    first = await api.done(RECORD_EVENT, {"input": event})
    assert (first["fulfillment"]["id"], first["fulfillment"]["status"]) == (parcel, "DELIVERED")
    again = await api.done(RECORD_EVENT, {"input": event})
    assert (again["fulfillment"], again["replayed"]) == (first["fulfillment"], True)
    assert again["return"] is None
    sent_back = {**event, "eventId": "E-9", "status": "RETURNED_TO_SENDER"}
    brought = await api.done(RECORD_EVENT, {"input": sent_back})
    assert brought["fulfillment"] == first["fulfillment"]
    assert brought["return"]["status"] == "IN_TRANSIT"
    unknown = {**event, "trackingNumber": "JD2", "eventId": "E-2"}
    assert await api.refusals(RECORD_EVENT, {"input": unknown}) == [
        ("NOT_FOUND", "input.trackingNumber")
    ]


async def test_a_scope_hides_other_places_and_channels(api: InProcessServer) -> None:
    york = await api.a_key(Role.WAREHOUSE, locations=("YORK",), name="york")
    market = await api.a_key(Role.WAREHOUSE, channels=("market",), name="market")
    await api.receive(5)
    await a_parcel(api)
    [task] = (await tasks(api))["nodes"]
    for key in (york, market):
        page = await tasks(api, key)
        assert (page["nodes"], page["totalCount"]) == ([], 0)
        found = await api.ask(
            "query ($id: ID!) { node(id: $id) { id } }", {"id": task["id"]}, key=key
        )
        assert found["node"] is None
        assert await api.refusals(RENEW, {"id": task["id"]}, key=key) == [("NOT_FOUND", "id")]
    claim = {"queue": "PICK", "at": "LEEDS"}
    assert await api.refusals(CLAIM, claim, key=york) == [("NOT_FOUND", "locationCode")]
    assert (await api.done(CLAIM, claim, key=market))["tasks"] == []


@pytest.mark.parametrize("role", [Role.STOREFRONT, Role.SUPPORT, Role.FINANCE])
async def test_roles_that_do_not_work_here_do_not(api: InProcessServer, role: Role) -> None:
    key = await api.a_key(role)
    assert await api.code(CLAIM, {"queue": "PICK", "at": "LEEDS"}, key=key) == "FORBIDDEN"


async def test_a_short_pick_is_resolved_as_an_exception(api: InProcessServer) -> None:
    await api.receive(1)
    order = await api.place(1)
    [parcel], [line] = order["fulfillments"], order["lines"]
    short = [{"orderLineId": line["id"], "quantity": 1}]
    await api.done(PICK, {"id": parcel["id"], "short": short})
    await api.a_key(Role.WAREHOUSE, name="sue")
    found = (await api.ask(EXCEPTIONS))["exceptions"]["nodes"]
    [exception] = [x for x in found if x["kind"] == "SHORT_PICK"]
    steps = [
        ('exceptionAssign(id: $id, owner: "sue")', "ASSIGNED"),
        ("exceptionStart(id: $id)", "IN_PROGRESS"),
        ('exceptionWait(id: $id, until: $until, note: "A count.")', "WAITING"),
        ("exceptionStart(id: $id)", "IN_PROGRESS"),
        ('exceptionResolve(id: $id, resolution: "Found.")', "RESOLVED"),
    ]
    for field, status in steps:
        declared = "$id: ID!, $until: DateTime!" if "$until" in field else "$id: ID!"
        document = (
            f"mutation ({declared}) {{ {field} {{"
            " exception { status owner resolution waitingFor }"
            " userErrors { code field message } } }"
        )
        until = {"until": exception["dueAt"]} if "$until" in field else {}
        done = await api.done(document, {"id": exception["id"], **until})
        assert done["exception"]["status"] == status
        waits = done["exception"]["waitingFor"]
        assert waits == ("A count." if status == "WAITING" else None)
    assert (done["exception"]["owner"], done["exception"]["resolution"]) == ("sue", "Found.")
