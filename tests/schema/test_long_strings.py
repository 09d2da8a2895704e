"""Long strings in queries: each argument has a bound, and none is an internal error."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from graphql import GraphQLField, get_named_type, is_composite_type, is_required_argument

from resolvers.root import schema
from tests.builders.in_process_server import InProcessServer

MOST = 10_000
QUERIES = schema.graphql_schema.query_type
assert QUERIES is not None


def documents(name: str, field: GraphQLField) -> Iterator[str]:
    """A query for each string argument of a field; the other required ones are short."""
    selection = "{ __typename }" if is_composite_type(get_named_type(field.type)) else ""
    texts = [
        argument
        for argument, definition in field.args.items()
        if get_named_type(definition.type).name in ("String", "ID")
    ]
    for long in texts:
        kind = str(field.args[long].type)
        value = "[$text]" if kind.startswith("[") else "$text"
        given = [
            f"{argument}: {value if argument == long else _short(str(definition.type))}"
            for argument, definition in field.args.items()
            if argument == long or is_required_argument(definition)
        ]
        variable = f"$text: {kind.strip('[]!')}!"
        yield f"query ({variable}) {{ {name}({', '.join(given)}) {selection} }}"


SHORT = {
    "String!": '"x"',
    "ID!": '"x"',
    "[String!]!": '["x"]',
    "[ID!]!": '["x"]',
    "DateTime!": f'"{(datetime.now(UTC) - timedelta(days=1)).isoformat()}"',
    "ExceptionGroup!": "KIND",
    "RolloutDomain!": "RETURNS",
}


def _short(kind: str) -> str:
    return SHORT.get(kind, '{kind: RETURN, scope: "global", rules: {}}')


DOCUMENTS = [text for name, field in QUERIES.fields.items() for text in documents(name, field)]


async def test_each_string_of_a_query_has_a_bound(api: InProcessServer) -> None:
    assert len(DOCUMENTS) > 40
    for text in DOCUMENTS:
        codes = {
            error["extensions"]["code"]
            for error in (await api.post(text, {"text": "x" * MOST})).json().get("errors", ())
        }
        assert codes <= {"BAD_REQUEST"}, text
        refused = await api.post(text, {"text": "x" * 50_000})
        assert refused.status_code == 400, text
        message = refused.json()["errors"][0]["message"]
        assert message == (
            "variables.text: A string has at most 10,000 characters; 50,000 were sent."
        )


@pytest.mark.parametrize("length", [MOST, MOST + 1])
async def test_a_literal_has_the_same_bound(api: InProcessServer, length: int) -> None:
    answer = await api.post(f'{{ item(sku: "{"x" * length}") {{ sku }} }}')
    if length == MOST:
        assert answer.json()["data"] == {"item": None}
    else:
        message = "The document has more than 10000 characters in a string."
        assert answer.json()["errors"][0]["message"] == message
