"""Composed coercion and conversion functions: the same values and errors as the libraries."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
)
from graphql.execution.values import VariableValues, get_variable_values
from strawberry.types.arguments import convert_arguments

import server.operations.variables as composed
from resolvers.root import schema
from server.operations.argument_conversion import ArgumentConversion
from server.operations.documents import Document, DocumentCache
from server.operations.limits import RequestLimits
from server.operations.variables import Variables

SCHEMA = schema.graphql_schema
ROUNDS = 40
LEAVES: dict[str, list[Any]] = {
    "Boolean": [True, False],
    "DateTime": ["2026-01-31T12:00:00Z", "2026-06-30T23:59:59.5+01:00"],
    "Decimal": ["12.50", 3, 4.25],
    "Int": [0, 7, 2**31 - 1, 5.0],
    "JSON": [{"a": [1, None]}, [], "text"],
}
WRONG: list[Any] = [None, "", -1, 2**31, 1.5, True, [], ["x", None], {}, {"unknown": 1}]


def root_fields() -> Iterator[tuple[str, GraphQLField]]:
    """Fields of Query and Mutation with arguments."""
    for root in (SCHEMA.query_type, SCHEMA.mutation_type):
        assert root is not None
        for name, field in root.fields.items():
            if field.args:
                yield name, field


def document_of(name: str, field: GraphQLField) -> Document:
    """An operation that passes a variable to each argument of a field."""
    assert SCHEMA.mutation_type is not None
    kind = "mutation" if name in SCHEMA.mutation_type.fields else "query"
    declared = ", ".join(f"${each}: {argument.type}" for each, argument in field.args.items())
    passed = ", ".join(f"{each}: ${each}" for each in field.args)
    text = f"{kind}({declared}) {{ {name}({passed}) {{ __typename }} }}"
    limits = RequestLimits(tokens=10_000, fields=10_000)
    return DocumentCache(SCHEMA, limits=limits).get(text, None)


def a_value(type_: GraphQLInputType, chance: random.Random, wrong: float) -> Any:
    """A random value for a type; `wrong` is the share of wrong values."""
    if chance.random() < wrong:
        return chance.choice(WRONG)
    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    elif chance.random() < 0.1:
        return None
    if isinstance(type_, GraphQLList):
        return [a_value(type_.of_type, chance, wrong) for _ in range(chance.randrange(3))]
    if isinstance(type_, GraphQLInputObjectType):
        return {
            name: a_value(field.type, chance, wrong)
            for name, field in type_.fields.items()
            if isinstance(field.type, GraphQLNonNull) or chance.random() < 0.6
        }
    if isinstance(type_, GraphQLEnumType):
        return chance.choice(list(type_.values))
    return chance.choice(LEAVES.get(type_.name, ["text", "ok"]))


def inputs_of(field: GraphQLField, chance: random.Random, wrong: float) -> dict[str, Any]:
    """Values for the arguments of a field; optional ones are sometimes left out."""
    return {
        name: a_value(argument.type, chance, wrong)
        for name, argument in field.args.items()
        if isinstance(argument.type, GraphQLNonNull) or chance.random() < 0.6
    }


def as_text(result: Any) -> Any:
    """A result as plain text: values with their types, or the messages of errors."""
    if isinstance(result, list):
        return [error.formatted for error in result]
    sources = {
        name: (source.signature.name, str(source.signature.type), source.value)
        for name, source in result.sources.items()
    }
    return sources, {name: repr(value) for name, value in result.coerced.items()}


@pytest.mark.parametrize("wrong", [0.0, 0.05, 0.3])
def test_variables_are_coerced_as_graphql_core_does(
    wrong: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = Variables(SCHEMA)
    given_up: list[object] = []

    def stock(*args: Any, **kwargs: Any) -> Any:
        given_up.append(args)
        return get_variable_values(*args, **kwargs)

    monkeypatch.setattr(composed, "get_variable_values", stock)
    tried = 0
    for name, field in root_fields():
        chance = random.Random(f"{name} {wrong}")
        document = document_of(name, field)
        definitions = document.operation.variable_definitions or ()
        for _ in range(ROUNDS):
            inputs = inputs_of(field, chance, wrong)
            theirs = get_variable_values(SCHEMA, definitions, inputs, max_errors=20)
            assert as_text(variables.of(document, inputs)) == as_text(theirs), (name, inputs)
            tried += 1
    assert len(given_up) < tried * 0.9 if wrong else not given_up


def test_arguments_are_converted_as_strawberry_does() -> None:
    converter = schema.schema_converter
    ours = ArgumentConversion(converter)
    tried = 0
    for name, field in root_fields():
        chance = random.Random(name)
        document = document_of(name, field)
        definitions = document.operation.variable_definitions or ()
        definition = field.extensions["strawberry-definition"]
        arguments = ours.of(definition.arguments)
        for _ in range(ROUNDS):
            values = get_variable_values(SCHEMA, definitions, inputs_of(field, chance, 0.0))
            if not isinstance(values, VariableValues):
                continue
            given = values.coerced
            theirs = convert_arguments(
                given,
                definition.arguments,
                scalar_registry=converter.scalar_registry,
                config=converter.config,
            )
            mine = {
                python_name: convert(given[each])
                for each, python_name, convert in arguments
                if each in given
            }
            assert mine == theirs
            tried += 1
    assert tried > 1_000
