"""Global ids: `node` finds each object by its id, within the caller's permissions."""

import base64
from typing import Any

import pytest

from domain.access.callers import Role
from domain.access.permissions import NODE_TYPES
from schema.fields.node import decode, encode
from tests.builders.in_process_server import InProcessServer

NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"


async def one_of_each(api: InProcessServer) -> dict[str, str]:
    """The id of an object of each type that exists."""
    await api.ask('mutation { supplierUpsert(code: "ACME", name: "Acme") { userErrors { code } } }')
    await api.receive(5)
    await api.place(1)
    await api.hold(1)
    found = await api.ask(
        """{ item(sku: "TEE") { id } location(code: "LEEDS") { id } channel(code: "web") { id }
        reasonCodes { id } stockLevels { nodes { id } } stockMovements { nodes { id } }
        reservations { nodes { id } } orders { nodes { id lines { id } fulfillments { id } } }
        journalEntries { nodes { id } } auditTrail { nodes { id } } policies { id }
        apiKeys { id } }"""
    )
    return dict(_ids(found))


def _ids(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, list):
        return [pair for each in value for pair in _ids(each)]
    if not isinstance(value, dict):
        return []
    own = []
    if "id" in value:
        found = decode(value["id"])
        assert found is not None
        own = [(found[0], value["id"])]
    return own + [pair for each in value.values() for pair in _ids(each)]


async def test_every_object_is_found_again_by_its_id(api: InProcessServer) -> None:
    ids = await one_of_each(api)
    assert len(ids) == 14
    ids["Supplier"] = encode("Supplier", 1)
    for type_name, global_id in ids.items():
        found = await api.ask(NODE, {"id": global_id})
        assert found == {"node": {"__typename": type_name, "id": global_id}}, type_name


async def test_a_role_finds_by_id_what_it_may_look_up(api: InProcessServer) -> None:
    ids = await one_of_each(api)
    shop = await api.a_key(Role.STOREFRONT, channels=("web",))
    caller_may = {"Item", "ReasonCode", "Reservation", "Order", "OrderLine"}
    for type_name, global_id in ids.items():
        found = await api.ask(NODE, {"id": global_id}, key=shop)
        assert (found["node"] is not None) == (type_name in caller_may), type_name
    other = await api.a_key(Role.SUPPORT, channels=("market",), locations=("YORK",))
    unscoped = {"Item", "ReasonCode", "Policy"}
    for type_name, global_id in ids.items():
        found = await api.ask(NODE, {"id": global_id}, key=other)
        assert (found["node"] is not None) == (type_name in unscoped), type_name


async def test_what_is_no_id_finds_nothing(api: InProcessServer) -> None:
    strange = [
        "",
        "nonsense",
        "é",
        base64.b64encode(b"Order").decode(),
        base64.b64encode(b"Order:1").decode(),
        base64.b64encode(b"Item:0").decode(),
        base64.b64encode(b"Item:-1").decode(),
        base64.b64encode(b"Item: 1").decode(),
        base64.b64encode(b"Item:01").decode(),
        base64.b64encode(b"Item:99999999999999999999").decode(),
        base64.b64encode(b"Item:1;drop").decode(),
        base64.b64encode(b"Nothing:1").decode(),
        base64.b64encode(b"Order:019a0000-0000-7000-8000-000000000000").decode(),
        base64.b64encode(b"Item:12").decode().rstrip("="),
        "A" * 10_000,
    ]
    for global_id in strange:
        assert await api.ask(NODE, {"id": global_id}) == {"node": None}, global_id


@pytest.mark.parametrize("type_name", sorted(NODE_TYPES))
def test_an_id_says_what_it_is_of(type_name: str) -> None:
    keys = (17, "019a0000-0000-7000-8000-000000000000")
    read = [decode(encode(type_name, key)) for key in keys]
    [found] = [each for each in read if each is not None]
    assert found[0] == type_name
    assert str(found[1]) in {str(key) for key in keys}
