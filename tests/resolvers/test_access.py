"""Authentication, and the root fields that each role may use."""

from typing import Any

import pytest
from strawberry.types.base import StrawberryObjectDefinition

import domain.access.permissions as permissions
from domain.access.callers import ROLE_PERMISSIONS, Role, anonymous, holder
from domain.errors import Forbidden, Unauthenticated
from resolvers.root import MUTATIONS, QUERIES, SUBSCRIPTIONS, schema
from schema.context import Info
from schema.permissions import (
    Guarded,
    MissingPermission,
    admit,
    mutation_fields,
    query_fields,
    stream_fields,
)
from tests.builders.in_process_server import BOOTSTRAP, HOLD, InProcessServer

CREATE = """mutation ($input: ApiKeyInput!) { apiKeyCreate(input: $input) {
  apiKey { id name actor role prefix channels locations refundLimit { amount } revokedAt }
  secret replayed userErrors { field code message } } }"""
ROTATE = """mutation ($id: ID!, $overlap: Int) { apiKeyRotate(id: $id, overlapSeconds: $overlap) {
  apiKey { id actor } secret userErrors { field code } } }"""
REVOKE = """mutation ($id: ID!) { apiKeyRevoke(id: $id) {
  apiKey { id revokedAt } userErrors { field code } } }"""
VIEWER = "{ viewer { actor role permissions channels locations } }"


def root_fields(name: str) -> dict[str, Any]:
    """Fields of a root type by name."""
    found = schema.get_type_by_name(name)
    assert isinstance(found, StrawberryObjectDefinition)
    return {str(field.graphql_name): field for field in found.fields}


@pytest.mark.parametrize(
    ("root", "resolvers", "needed"),
    [
        ("Query", QUERIES, permissions.QUERIES),
        ("Mutation", MUTATIONS, permissions.MUTATIONS),
    ],
)
def test_every_root_field_asks_for_its_permission(
    root: str, resolvers: dict[str, Any], needed: dict[str, str]
) -> None:
    fields = root_fields(root)
    assert fields.keys() == resolvers.keys()
    for name, field in fields.items():
        guards = [each for each in field.extensions if isinstance(each, Guarded)]
        assert [guard.permission for guard in guards] == [needed[name]]


def test_a_root_field_without_a_permission_stops_the_program() -> None:
    async def resolver(info: Info) -> int:
        """A number."""
        return 1

    for build in (query_fields, mutation_fields, stream_fields):
        with pytest.raises(MissingPermission, match="The root field secrets has no permission"):
            build({"secrets": resolver})  # type: ignore[dict-item]


async def test_the_catalog_of_permissions_says_what_each_role_may_do(api: InProcessServer) -> None:
    document = "{ permissions { name roles fields } viewer { permissions } }"
    shop = await api.a_key(Role.STOREFRONT, name="shop")
    assert await api.code("{ permissions { name } }", key=shop) == "FORBIDDEN"
    for role in set(Role) - {Role.STOREFRONT}:
        shown = await api.ask(document, key=await api.a_key(role))
        catalog = {each["name"]: each for each in shown["permissions"]}
        assert catalog.keys() == permissions.PERMISSIONS
        mine = {name for name, each in catalog.items() if role in each["roles"]}
        assert mine == set(shown["viewer"]["permissions"]) == ROLE_PERMISSIONS[role]
    named = sorted(field for each in catalog.values() for field in each["fields"])
    roots = [(name, root_fields(name)) for name in ("Query", "Mutation", "Subscription")]
    assert named == sorted(f"{root}.{name}" for root, fields in roots for name in fields)
    assert await api.code(document, key=None) == "UNAUTHENTICATED"


def test_every_subscription_has_a_permission() -> None:
    assert root_fields("Subscription").keys() == SUBSCRIPTIONS.keys()
    assert SUBSCRIPTIONS.keys() <= permissions.SUBSCRIPTIONS.keys()


@pytest.mark.parametrize("role", Role)
def test_a_role_is_admitted_to_what_it_has_and_to_nothing_else(role: Role) -> None:
    caller = holder(role, actor="somebody")
    for permission in permissions.PERMISSIONS:
        if permission in ROLE_PERMISSIONS[role]:
            admit(caller, permission)
        else:
            with pytest.raises(Forbidden):
                admit(caller, permission)


def test_without_a_key_what_is_not_open_needs_one() -> None:
    caller = anonymous("127.0.0.1", frozenset({"web"}))
    admit(caller, "availability.read")
    with pytest.raises(Unauthenticated):
        admit(caller, "orders.read")


WRONG_KEYS: list[Any] = [
    "",
    "Bearer",
    "Bearer ",
    "Basic YTpi",
    "Bearer nonsense",
    BOOTSTRAP,
    "Bearer " + "x" * 600,
]


async def test_a_wrong_key_is_refused_before_anything_runs(api: InProcessServer) -> None:
    for authorization in WRONG_KEYS:
        answer = await api.client.post(
            "/graphql", json={"query": "{ __typename }"}, headers={"authorization": authorization}
        )
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_without_a_key_and_without_open_channels_requests_are_refused(
    database_url: str,
) -> None:
    api = InProcessServer(database_url)
    await api.open()
    try:
        answer = await api.post("{ __typename }", key=None)
        assert answer.status_code == 401
    finally:
        await api.close()


async def test_without_a_key_only_open_channels_are_seen(api: InProcessServer) -> None:
    document = "query ($channel: String!) { availability(channel: $channel, skus: []) { sku } }"
    assert await api.ask(document, {"channel": "web"}, key=None) == {"availability": []}
    for channel in ("market", "nope"):
        assert await api.code(document, {"channel": channel}, key=None) == "UNAUTHENTICATED"
    for field in ("viewer { actor }", 'node(id: "x") { id }', 'item(sku: "TEE") { sku }'):
        answer = await api.post(f"{{ {field} }}", key=None)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_without_a_key_holds_are_made_on_open_channels_only(api: InProcessServer) -> None:
    for channel in ("market", "nope"):
        lines = [{"sku": "TEE", "quantity": 1}]
        held = {"input": {"channel": channel, "lines": lines}}
        answer = await api.post(HOLD, held, key=None)
        assert answer.status_code == 401
        assert answer.json()["data"] == {"reservationCreate": None}


async def test_what_one_field_answers_is_not_lost_for_another(api: InProcessServer) -> None:
    document = '{ item(sku: "TEE") { sku } availability(channel: "web", skus: []) { sku } }'
    nullable = "query { __typename " + document[1:]
    answer = await api.post(nullable, key=None)
    assert answer.status_code == 200
    assert answer.json()["data"]["__typename"] == "Query"


async def test_the_viewer_is_the_key_holder(api: InProcessServer) -> None:
    viewer = (await api.ask(VIEWER))["viewer"]
    assert (viewer["actor"], viewer["role"]) == ("bootstrap", "ADMIN")
    assert (viewer["channels"], viewer["locations"]) == (None, None)
    key = await api.a_key(Role.PARTNER, channels=("web",), locations=("YORK",), name="3PL")
    viewer = (await api.ask(VIEWER, key=key))["viewer"]
    assert viewer == {
        "actor": "3PL",
        "role": "PARTNER",
        "permissions": sorted(ROLE_PERMISSIONS[Role.PARTNER]),
        "channels": ["web"],
        "locations": ["YORK"],
    }


async def test_a_key_is_shown_once_and_listed_without_its_secret(api: InProcessServer) -> None:
    given = {
        "name": "Till 1",
        "role": "SUPPORT",
        "channels": ["web"],
        "refundLimit": {"amount": "50.00", "currencyCode": "GBP"},
    }
    variables = {"input": given}
    made = await api.done(CREATE, variables, idempotency_key="key-1")
    assert made["apiKey"]["actor"] == "Till 1"
    assert made["apiKey"]["refundLimit"] == {"amount": "50.00"}
    assert made["apiKey"]["prefix"] in made["secret"]
    again = await api.done(CREATE, variables, idempotency_key="key-1")
    assert again["replayed"] is True
    assert again["secret"] is None
    assert again["apiKey"]["id"] == made["apiKey"]["id"]
    listed = (await api.ask("{ apiKeys { id name lastUsedAt } }"))["apiKeys"]
    assert [key["name"] for key in listed] == ["Till 1", "bootstrap"]
    assert (await api.ask(VIEWER, key=made["secret"]))["viewer"]["actor"] == "Till 1"


async def test_a_rotated_key_keeps_its_actor_and_a_revoked_one_ends(api: InProcessServer) -> None:
    made = await api.done(CREATE, {"input": {"name": "Till 1", "role": "SUPPORT"}})
    rotated = await api.done(ROTATE, {"id": made["apiKey"]["id"], "overlap": 60})
    assert rotated["apiKey"]["actor"] == "Till 1"
    assert rotated["secret"] != made["secret"]
    for secret in (made["secret"], rotated["secret"]):
        assert (await api.ask(VIEWER, key=secret))["viewer"]["actor"] == "Till 1"
    await api.done(REVOKE, {"id": rotated["apiKey"]["id"]})
    api.advance_clock(3)
    assert (await api.post(VIEWER, key=rotated["secret"])).status_code == 401
    assert (await api.post(VIEWER, key=made["secret"])).status_code == 200
    api.advance_clock(60)
    assert (await api.post(VIEWER, key=made["secret"])).status_code == 401


async def test_a_key_never_exceeds_its_creators_rights(api: InProcessServer) -> None:
    scoped = await api.done(
        CREATE, {"input": {"name": "Shop admin", "role": "ADMIN", "channels": ["web"]}}
    )
    for wanted in (
        {"name": "More", "role": "SUPPORT"},
        {"name": "Else", "role": "SUPPORT", "channels": ["market"]},
        {"name": "Nowhere", "role": "SUPPORT", "channels": ["nope"]},
    ):
        found = await api.refusals(CREATE, {"input": wanted}, key=scoped["secret"])
        assert found
        assert {code for code, _ in found} <= {"INVALID", "NOT_FOUND"}
    seen = await api.ask("{ apiKeys { name } }", key=scoped["secret"])
    assert seen == {"apiKeys": [{"name": "Shop admin"}]}
    assert await api.code("{ apiKeys { name } }", key=await api.a_key(Role.FINANCE)) == (
        "FORBIDDEN"
    )


async def test_one_forbidden_field_does_not_hide_anothers_result(api: InProcessServer) -> None:
    await api.receive(5)
    key = await api.a_key(Role.STOREFRONT, channels=("web",))
    document = """mutation {
      hold: reservationCreate(input: {channel: "web", lines: [{sku: "TEE", quantity: 1}]}) {
        reservation { status } }
      supplierUpsert(code: "ACME", name: "Acme") { supplier { code } } }"""
    answer = (await api.post(document, key=key)).json()
    assert answer["data"] == {"hold": {"reservation": {"status": "HELD"}}, "supplierUpsert": None}
    [error] = answer["errors"]
    assert error["path"] == ["supplierUpsert"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert (await api.ask('{ items(search: "ACME") { totalCount } }'))["items"] == {"totalCount": 0}
