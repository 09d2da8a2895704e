"""Prepared root fields: the same arguments as graphql-core coerces for each request."""

from __future__ import annotations

from typing import Any, cast

import pytest
from graphql import (
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    build_schema,
    get_argument_values,
    parse,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import VariableValues, get_variable_values

from server.operations.root_fields import RootField, prepared_root_field

SCHEMA = build_schema(
    "input Box { width: Int } type Query {"
    ' list(code: String! = "all", size: Int = 5, after: String, kinds: [String!], box: Box): Int }'
)
QUERY = cast(GraphQLObjectType, SCHEMA.query_type)
LIST = QUERY.fields["list"]


async def resolve(*_: Any, **__: Any) -> int:
    return 1


LIST.resolve = resolve


def prepared(text: str) -> tuple[OperationDefinitionNode, RootField | None]:
    operation = cast(OperationDefinitionNode, parse(text).definitions[0])
    node: Any = operation.selection_set.selections[0]
    return operation, prepared_root_field(SCHEMA, QUERY, [FieldDetails(node, None)])


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("{ list }", {}),
        ('{ list(code: "a", size: 3, after: null) }', {}),
        ("query($n: Int) { list(size: $n) }", {}),
        ("query($n: Int) { list(size: $n) }", {"n": None}),
        ("query($n: Int) { list(size: $n) }", {"n": 7}),
        ("query($n: Int = 9) { list(size: $n) }", {}),
        ("query($c: String!) { list(code: $c) }", {"c": "b"}),
        ("query($k: [String!], $b: Box) { list(kinds: $k, box: $b) }", {"k": ["x"], "b": {}}),
    ],
)
def test_arguments_are_those_of_graphql_core(text: str, given: dict[str, Any]) -> None:
    operation, field = prepared(text)
    values = get_variable_values(SCHEMA, operation.variable_definitions or (), given)
    assert isinstance(values, VariableValues)
    assert field is not None
    expected = get_argument_values(LIST, field.nodes[0], values)
    for _ in range(2):  # the second request finds nothing of the first
        found = field.arguments(values.coerced)
        assert found == expected
        assert found is not None
        found.clear()


@pytest.mark.parametrize("given", [{}, {"c": None}])
def test_a_required_argument_without_a_value_is_left_to_graphql_core(
    given: dict[str, Any],
) -> None:
    operation, field = prepared("query($c: String) { list(code: $c) }")
    values = get_variable_values(SCHEMA, operation.variable_definitions or (), given)
    assert isinstance(values, VariableValues)
    assert field is not None
    assert field.arguments(values.coerced) is None
    if given:
        with pytest.raises(GraphQLError):
            get_argument_values(LIST, field.nodes[0], values)


@pytest.mark.parametrize(
    "text",
    [
        '{ list(kinds: ["a"]) }',
        "{ list(box: {width: 1}) }",
        "query($w: Int) { list(box: {width: $w}) }",
        '{ list(size: "x") }',
    ],
)
def test_other_arguments_are_coerced_for_each_request(text: str) -> None:
    assert prepared(text)[1] is None
