"""Transfers over the API: requested, shipped, received, listed, and found by number."""

from typing import Any

from domain.access.callers import Role
from tests.builders.in_process_server import UPSERT_LOCATION, InProcessServer

LINES = "lines { sku requested shipped inTransit received damaged cameBack lost extra }"
ERRORS = "userErrors { field code message details }"
CREATE = f"""mutation ($i: TransferCreateInput!) {{ transferCreate(input: $i) {{
  transfer {{ id number status reference origin {{ code }} destination {{ code }} {LINES} }}
  {ERRORS} }} }}"""
SHIP = f"""mutation ($i: TransferShipInput!) {{ transferShip(input: $i) {{
  transfer {{ id status carrier trackingNumber shippedAt expectedBy {LINES} }} {ERRORS} }} }}"""
RECEIVE = f"""mutation ($i: TransferReceiveInput!) {{ transferReceive(input: $i) {{
  transfer {{ id status closedAt {LINES} }} {ERRORS} }} }}"""
SCAN = """query ($code: String!, $at: String!) {
  scan(code: $code, locationCode: $at) { id } }"""
LISTS = """query ($number: String!) {
  transfer(number: $number) { id }
  here: transfers(location: "hull") { nodes { id } }
  there: transfers(location: "LEEDS", status: CLOSED) { nodes { id } }
  open: transfers(status: IN_TRANSIT) { nodes { id } }
  stockLevels(skus: ["TEE"], locations: ["HULL"]) { nodes { incoming available } }
  tasks(queue: RECEIVE) { nodes { subject { id ... on Transfer { number } } } } }"""


async def hull(api: InProcessServer) -> None:
    place = {"code": "HULL", "name": "Hull", "kind": "WAREHOUSE", "countryCode": "GB"}
    await api.done(UPSERT_LOCATION, {"input": place})


def units(sku: str = "TEE", quantity: int = 4) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": quantity}]


async def test_a_transfer_from_its_request_to_its_end(api: InProcessServer) -> None:
    await hull(api)
    await api.receive(9)
    wanted = {"originCode": "LEEDS", "destinationCode": "HULL", "reference": "W-1"}
    made = (await api.done(CREATE, {"i": {**wanted, "lines": units()}}))["transfer"]
    assert (made["status"], made["origin"], made["destination"]) == (
        "REQUESTED",
        {"code": "LEEDS"},
        {"code": "HULL"},
    )
    sent = {"transferId": made["id"], "carrier": "DHL", "trackingNumber": "JD-7"}
    shipped = (await api.done(SHIP, {"i": sent}))["transfer"]
    assert (shipped["status"], shipped["lines"][0]["inTransit"]) == ("IN_TRANSIT", 4)
    found = await api.ask(LISTS, {"number": made["number"].lower().replace("-", " ")})
    own = {"id": made["id"]}
    assert found["transfer"] == own
    assert (found["here"]["nodes"], found["there"]["nodes"]) == ([own], [])
    assert found["open"]["nodes"] == [own]
    assert found["stockLevels"]["nodes"] == [{"incoming": 4, "available": 0}]
    assert found["tasks"]["nodes"] == [{"subject": {**own, "number": made["number"]}}]
    arrived = {"sku": "TEE", "quantity": 3, "damaged": 2}
    parcel = {"transferId": made["id"], "locationCode": "HULL", "lines": [arrived]}
    received = (await api.done(RECEIVE, {"i": parcel}))["transfer"]
    assert received["status"] == "CLOSED"
    assert received["lines"] == [
        {
            **{"sku": "TEE", "requested": 4, "shipped": 4, "inTransit": 0, "received": 3},
            **{"damaged": 1, "cameBack": 0, "lost": 0, "extra": 1},
        }
    ]
    again = await api.ask(CREATE, {"i": {**wanted, "lines": units()}})
    [refused] = again["transferCreate"]["userErrors"]
    assert (refused["code"], refused["details"]["existing"]) == ("ALREADY_EXISTS", made["id"])
    assert again["transferCreate"]["transfer"]["id"] == made["id"]


async def test_a_scan_finds_a_transfer_at_both_of_its_ends(api: InProcessServer) -> None:
    await hull(api)
    await api.receive(9)
    york = {"code": "YORK", "name": "York", "kind": "WAREHOUSE", "countryCode": "GB"}
    await api.done(UPSERT_LOCATION, {"input": york})
    wanted = {"originCode": "LEEDS", "destinationCode": "HULL", "lines": units()}
    made = (await api.done(CREATE, {"i": wanted}))["transfer"]
    sent = {"transferId": made["id"], "carrier": "DHL", "trackingNumber": "JD-7"}
    await api.done(SHIP, {"i": sent})
    here = await api.a_key(Role.WAREHOUSE, name="hull", locations=("HULL",))
    for code in (made["number"].lower(), "jd-7"):
        for place in ("LEEDS", "HULL"):
            found = await api.ask(SCAN, {"code": code, "at": place})
            assert found["scan"] == [{"id": made["id"]}]
        assert (await api.ask(SCAN, {"code": code, "at": "YORK"}))["scan"] == []
        assert (await api.ask(SCAN, {"code": code, "at": "HULL"}, key=here))["scan"] != []
        assert (await api.ask(SCAN, {"code": code, "at": "LEEDS"}, key=here))["scan"] == []


async def test_a_look_up_names_one_transfer(api: InProcessServer) -> None:
    answer = (await api.post("{ transfer { id } }")).json()
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
