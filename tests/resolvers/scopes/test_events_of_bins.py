"""Zones and bins, and their events, belong to the keys of the location that keeps their stock."""

from __future__ import annotations

from domain.access.callers import Role
from tests.builders.in_process_server import InProcessServer
from tests.builders.transactions import counts

UPSERT = """mutation ($input: LocationInput!) { locationUpsert(input: $input) {
  location { code } userErrors { code field message } } }"""
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


async def test_a_key_of_a_location_makes_its_zones_and_bins(api: InProcessServer) -> None:
    key = await api.a_key(Role.SUPPLY_CHAIN, locations=("leeds",))
    for code, kind, above, name in (
        ("A", "ZONE", "LEEDS", "A"),
        ("A-1", "BIN", "A", "A-1"),
        ("A-1", "BIN", "LEEDS", "First"),
    ):
        place = {"code": code, "name": name, "kind": kind, "parentCode": above}
        made = (await api.ask(UPSERT, {"input": place}, key=key))["locationUpsert"]
        assert made == {"location": {"code": code}, "userErrors": []}
    await api.done(UPSERT, {"input": _place("Y-1", "BIN", "YORK")})
    before = await counts(api.restow.database, "location", "event", "audit_entry")
    for wanted, field in (
        (_place("Y-2", "BIN", "YORK"), "parentCode"),
        (_place("Y-2", "BIN", "Y-1"), "parentCode"),
        (_place("Y-1", "BIN", "LEEDS"), "code"),
        (_place("A-1", "BIN", "YORK"), "parentCode"),
        (_place("YORK", "ZONE", "LEEDS"), "code"),
        (_place("HULL", "WAREHOUSE", None), "code"),
        (_place("HULL", "WAREHOUSE", "LEEDS"), "code"),
        (_place("A-1", "STORE", None), "code"),
    ):
        refused = (await api.ask(UPSERT, {"input": wanted}, key=key))["locationUpsert"]
        errors = [(error["code"], error["field"]) for error in refused["userErrors"]]
        assert ("NOT_FOUND", ["input", field]) in errors, wanted
        assert await counts(api.restow.database, "location", "event", "audit_entry") == before, (
            wanted
        )


def _place(code: str, kind: str, above: str | None) -> dict[str, str | None]:
    return {"code": code, "name": code, "kind": kind, "parentCode": above}
