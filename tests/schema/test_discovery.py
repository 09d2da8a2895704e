"""Facts about the API itself: actors, structures of policies, types of events."""

from typing import Any

from domain.access.callers import Role
from domain.policies.policies import PolicyKind
from tests.builders.in_process_server import BOOTSTRAP, InProcessServer
from tests.json_schema import is_valid

ACTORS = """query ($role: Role, $location: String, $active: Boolean) {
  actors(role: $role, location: $location, active: $active) {
    name roles locations lastSeenAt active } }"""


async def names(api: InProcessServer, key: str | None = BOOTSTRAP, **filters: Any) -> list[str]:
    found = (await api.ask(ACTORS, filters, key=key))["actors"]
    return [each["name"] for each in found]


async def test_actors_are_those_with_a_live_key_and_the_system(api: InProcessServer) -> None:
    await api.a_key(Role.WAREHOUSE, locations=("YORK",), name="anna")
    await api.a_key(Role.SUPERVISOR, locations=("LEEDS",), name="anna")
    await api.a_key(Role.FINANCE, name="fred")
    await api.a_key(Role.SUPPORT, name="gone")
    [key] = [
        each["id"]
        for each in (await api.ask("{ apiKeys { id name } }"))["apiKeys"]
        if each["name"] == "gone"
    ]
    revoke = "mutation ($id: ID!) { apiKeyRevoke(id: $id) { userErrors { code } } }"
    await api.done(revoke, {"id": key})
    found = {each["name"]: each for each in (await api.ask(ACTORS))["actors"]}
    assert found["anna"]["roles"] == ["WAREHOUSE", "SUPERVISOR"]
    assert found["anna"]["locations"] == ["LEEDS", "YORK"]
    assert (found["anna"]["lastSeenAt"], found["anna"]["active"]) == (None, True)
    assert (found["system"]["roles"], found["system"]["locations"]) == ([], None)
    assert found["fred"]["locations"] is None
    assert "gone" not in found
    assert await names(api, active=False) == ["gone"]
    assert await names(api, role="FINANCE") == ["fred"]
    assert {"anna", "fred", "system"} <= set(await names(api, location="york"))


async def test_a_scoped_key_sees_actors_of_its_scope(api: InProcessServer) -> None:
    await api.a_key(Role.WAREHOUSE, locations=("YORK",), name="yves")
    await api.a_key(Role.WAREHOUSE, locations=("LEEDS", "YORK"), name="both")
    leeds = await api.a_key(Role.SUPERVISOR, locations=("LEEDS",), name="lee")
    found = {each["name"]: each for each in (await api.ask(ACTORS, key=leeds))["actors"]}
    assert {"both", "lee", "system"} <= set(found)
    assert "yves" not in found
    assert found["both"]["locations"] == ["LEEDS"]


async def test_each_kind_of_policy_states_its_structure(api: InProcessServer) -> None:
    document = "{ policySchemas { kind schema scopes example } }"
    found = (await api.ask(document))["policySchemas"]
    assert [each["kind"] for each in found] == list(PolicyKind)
    for each in found:
        assert is_valid(each["schema"], each["example"])
        assert each["scopes"][0] == "global"
    [one] = (await api.ask("{ policySchemas(kind: RETURN) { kind } }"))["policySchemas"]
    assert one == {"kind": "RETURN"}


async def test_events_are_valid_by_the_schema_of_their_type(api: InProcessServer) -> None:
    await api.receive(5)
    order = await api.place(2)
    cancel = """mutation ($id: ID!) { orderCancel(id: $id, reasonCode: "CUSTOMER_REQUEST") {
      userErrors { code } } }"""
    await api.done(cancel, {"id": order["id"]})
    await api.settled()
    document = "{ eventTypes { name subject description schema } }"
    types = {each["name"]: each for each in (await api.ask(document))["eventTypes"]}
    recorded = (await api.ask("{ events(first: 250) { nodes { type data } } }"))["events"]["nodes"]
    assert {"order.placed", "stock.changed", "task.cancelled"} <= {e["type"] for e in recorded}
    for event in recorded:
        assert is_valid(types[event["type"]]["schema"], event["data"]), event
        assert types[event["type"]]["description"]
    partner = await api.a_key(Role.PARTNER)
    seen = (await api.ask("{ eventTypes { name } }", key=partner))["eventTypes"]
    assert "key.created" in types
    assert "key.created" not in {each["name"] for each in seen}
