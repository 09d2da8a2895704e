"""Stock counts over the API: blind numbers, lines, look-ups, and codes of items."""

from typing import Any

from domain.access.callers import Role
from tests.builders.in_process_server import InProcessServer

CREATE = """
mutation ($i: StockCountCreateInput!) { stockCountCreate(input: $i) {
  count { id number cause status blind lineCount linesDone lines { nodes { id status } } }
  userErrors { field code details } } }
"""
RECORD = """
mutation ($i: StockCountRecordInput!) { stockCountRecord(input: $i) {
  lines { id status variance value { amount } askedAgainBecause postedAt
    attempts { countedBy counted expected places { bin { code } counted } }
    level { available lastCountedAt abcClass } count { number } }
  userErrors { field code details } } }
"""
APPROVE = """
mutation ($ids: [ID!]!) { stockCountApprove(lineIds: $ids, note: "Seen.") {
  lines { status variance decidedBy } userErrors { field code } } }
"""
SHOWN = """
query ($number: String) { stockCount(number: $number) {
  number status lines(first: 10) { nodes { status variance } } }
  stockCounts(status: OPEN) { nodes { number } } }
"""


async def recorded(api: InProcessServer, key: str | None, units: int) -> dict[str, Any]:
    place = {"sku": "TEE", "quantity": units}
    given = {"locationCode": "LEEDS", "places": [place]}
    payload = (await api.ask(RECORD, {"i": given}, key=key))["stockCountRecord"]
    assert payload["userErrors"] == []
    line: dict[str, Any] = payload["lines"][0]
    return line


async def test_a_blind_count_hides_its_numbers_until_it_is_posted(api: InProcessServer) -> None:
    await api.receive(20)
    created = await api.done(CREATE, {"i": {"locationCode": "LEEDS", "skus": ["TEE"]}})
    assert created["count"]["blind"] is True
    assert (created["count"]["cause"], created["count"]["lineCount"]) == ("PLANNED", 1)
    workers = [await api.a_key(Role.WAREHOUSE, name=name) for name in ("ann", "ben")]
    first = await recorded(api, workers[0], 17)
    assert (first["status"], first["variance"], first["value"]) == ("RECOUNT", None, None)
    assert first["attempts"][0]["expected"] is None
    assert first["attempts"][0]["counted"] == 17
    assert first["askedAgainBecause"]
    boss = await api.a_key(Role.SUPERVISOR, name="sue")
    number = created["count"]["number"]
    shown = await api.ask(SHOWN, {"number": number.lower().replace("-", " ")}, key=boss)
    assert shown["stockCount"]["lines"]["nodes"] == [{"status": "RECOUNT", "variance": -3}]
    assert shown["stockCounts"]["nodes"] == [{"number": number}]
    second = await recorded(api, workers[1], 17)
    assert (second["status"], second["variance"]) == ("POSTED", -3)
    assert [each["expected"] for each in second["attempts"]] == [20, 20]
    assert second["level"]["available"] == 17
    assert second["level"]["lastCountedAt"]
    assert second["count"]["number"] == number


async def test_a_difference_is_approved_by_a_supervisor(api: InProcessServer) -> None:
    await api.receive(100)
    lines = []
    for name, units in (("ann", 10), ("ben", 11), ("cleo", 12)):
        key = await api.a_key(Role.WAREHOUSE, name=name)
        lines.append(await recorded(api, key, units))
    assert lines[-1]["status"] == "NEEDS_APPROVAL"
    boss = await api.a_key(Role.SUPERVISOR, name="sue")
    payload = (await api.ask(APPROVE, {"ids": [lines[-1]["id"]]}, key=boss))["stockCountApprove"]
    assert payload["userErrors"] == []
    assert payload["lines"] == [{"status": "POSTED", "variance": -88, "decidedBy": "sue"}]


async def test_a_look_up_of_a_count_needs_one_name(api: InProcessServer) -> None:
    shown = await api.ask(SHOWN, {"number": "CNT-000000-000000"})
    assert shown["stockCount"] is None
    answer = (await api.post("{ stockCount { number } }")).json()
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
