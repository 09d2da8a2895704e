"""Events of zones and bins: for the keys of the location that keeps their stock."""

from __future__ import annotations

from domain.access.callers import Role
from tests.builders.in_process_server import InProcessServer

UPSERT = """mutation ($input: LocationInput!) { locationUpsert(input: $input) {
  location { code } userErrors { message } } }"""
EVENTS = """{ events(first: 250, types: ["location.upserted"]) { nodes { data } } }"""


async def test_a_key_of_a_location_sees_its_zones_and_bins(api: InProcessServer) -> None:
    for code, kind, above in (("A", "ZONE", "LEEDS"), ("A-1", "BIN", "A"), ("B-1", "BIN", "LEEDS")):
        place = {"code": code, "name": code, "kind": kind, "parentCode": above}
        await api.done(UPSERT, {"input": place})
    await api.settled()
    for at, codes in (("LEEDS", ["LEEDS", "A", "A-1", "B-1"]), ("YORK", ["YORK"])):
        key = await api.a_key(Role.WAREHOUSE, locations=(at,))
        nodes = (await api.ask(EVENTS, key=key))["events"]["nodes"]
        assert [node["data"]["code"] for node in nodes] == codes
