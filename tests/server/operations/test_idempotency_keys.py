"""Idempotency keys: found through fragments and conditions, refused where they cannot work."""

from typing import Any

import pytest

from tests.server.conftest import SampleClient

PICK = 'pick(input: {sku: "a"})'
FIELDS = "{ key }"


async def keys(
    client: SampleClient, query: str, header: str | None = None, **variables: Any
) -> Any:
    """Keys that reached the fields of a mutation, or the message of a refused request."""
    headers = {} if header is None else {"idempotency-key": header}
    response = await client.post({"query": query, "variables": variables}, headers=headers)
    if response.status_code != 200:
        [error] = response.json()["errors"]
        assert error["extensions"] == {"code": "BAD_REQUEST"}
        assert not client.contexts  # no resolver ran
        return error["message"]
    return {name: picked["key"] for name, picked in response.json()["data"].items()}


async def test_each_root_field_has_its_own_key(client: SampleClient) -> None:
    query = (
        f'mutation($k: String!) {{ a: {PICK} @idempotent(key: "one") {FIELDS} '
        f"b: {PICK} @idempotent(key: $k) {FIELDS} c: {PICK} {FIELDS} }}"
    )
    assert await keys(client, query, k="two") == {"a": "one", "b": "two", "c": None}


async def test_keys_are_found_through_fragments_and_conditions(client: SampleClient) -> None:
    query = f"""
        mutation($yes: Boolean = true, $k: String!) {{
          ...F
          ... on Mutation @include(if: $yes) {{ b: {PICK} @idempotent(key: $k) {FIELDS} }}
          ... @skip(if: $yes) {{ c: {PICK} @idempotent(key: "c") {FIELDS} }}
        }}
        fragment F on Mutation {{ a: {PICK} @idempotent(key: "a") {FIELDS} }}
    """
    assert await keys(client, query, k="b") == {"a": "a", "b": "b"}


async def test_merged_fields_share_one_key(client: SampleClient) -> None:
    query = (
        f'mutation {{ a: {PICK} @idempotent(key: "x") {FIELDS} '
        f'a: {PICK} @idempotent(key: "x") {{ sku }} a: {PICK} {{ quantity }} }}'
    )
    assert await keys(client, query) == {"a": "x"}


async def test_merged_fields_with_different_keys_are_refused(client: SampleClient) -> None:
    query = (
        f'mutation {{ a: {PICK} @idempotent(key: "x") {FIELDS} '
        f'... {{ a: {PICK} @idempotent(key: "y") {{ sku }} }} }}'
    )
    assert "different" in await keys(client, query)


@pytest.mark.parametrize("header", ["k-1", '"k-1"'])
async def test_the_header_stands_for_the_key_of_one_field(
    client: SampleClient, header: str
) -> None:
    query = f"mutation {{ a: {PICK} {FIELDS} }}"
    assert await keys(client, query, header) == {"a": "k-1"}
    query = f'mutation {{ a: {PICK} @idempotent(key: "k-1") {FIELDS} }}'
    assert await keys(client, query, header) == {"a": "k-1"}


async def test_the_header_applies_to_the_fields_that_will_run(client: SampleClient) -> None:
    query = f"mutation($no: Boolean!) {{ a: {PICK} {FIELDS} b: {PICK} @include(if: $no) {FIELDS} }}"
    assert await keys(client, query, "k", no=False) == {"a": "k"}
    client.contexts.clear()
    assert "one mutation field" in await keys(client, query, "k", no=True)


REFUSED = {
    "a header that differs": (f'mutation {{ {PICK} @idempotent(key: "x") {FIELDS} }}', "y"),
    "a header with a query": ("{ echo }", "y"),
    "a key in a query": ('{ echo @idempotent(key: "x") }', None),
    "a key on a nested field": (f'mutation {{ {PICK} {{ key @idempotent(key: "x") }} }}', None),
    "a key nested in a fragment": (
        f'mutation {{ {PICK} {{ ...F }} }} fragment F on Picked {{ key @idempotent(key: "x") }}',
        None,
    ),
    "a nested key that is skipped": (
        f'mutation {{ {PICK} {{ sku key @skip(if: true) @idempotent(key: "x") }} }}',
        None,
    ),
    "a key with odd spacing": (f'mutation {{ {PICK} {{ key @ , idempotent(key: "x") }} }}', None),
    "an empty key": (f'mutation {{ {PICK} @idempotent(key: "") {FIELDS} }}', None),
    "an empty header": (f"mutation {{ {PICK} {FIELDS} }}", '""'),
    "a long key": (f"mutation {{ {PICK} {FIELDS} }}", "k" * 256),
}


@pytest.mark.parametrize(("query", "header"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_key_that_cannot_work_is_refused(
    client: SampleClient, query: str, header: str | None
) -> None:
    assert isinstance(await keys(client, query, header), str)


async def test_two_different_headers_are_refused(client: SampleClient) -> None:
    response = await client.client.post(
        "/graphql",
        json={"query": f"mutation {{ {PICK} {FIELDS} }}"},
        headers=[("idempotency-key", "a"), ("idempotency-key", "b")],
    )
    assert response.status_code == 400


async def test_the_directive_is_in_the_sdl_and_hooks_nothing(client: SampleClient) -> None:
    schema = client.engine.schema
    strawberry_schema = schema.extensions["strawberry-definition"]
    directive = schema.get_directive("idempotent")
    assert directive is not None
    assert [each.name for each in directive.locations] == ["FIELD"]
    assert {name: str(given.type) for name, given in directive.args.items()} == {"key": "String!"}
    assert "directive @idempotent(" in str(strawberry_schema)
    assert strawberry_schema.get_extensions() == []
