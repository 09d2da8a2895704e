"""Descriptions of the schema: present everywhere, in sentences, without internals."""

import ast
import re
from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    is_introspection_type,
    is_specified_directive,
    is_specified_scalar_type,
)

from resolvers.root import schema
from tests.architecture.source import modules_below

schema.describe()
SCHEMA = schema.graphql_schema
ROOTS = ("Query", "Mutation", "Subscription")
TYPES = [
    named
    for named in SCHEMA.type_map.values()
    if not is_introspection_type(named) and not is_specified_scalar_type(named)
]
# Names that need no description. Every other name must have one.
_PLAIN = """
accounts actor amount apiKey asOf at availability barcode carrier change changes
channel city closedAt code condition createdAt credit debit decision disposition edges
exception findings fulfillment fulfillmentId id input item items kind level levels
lines location locationCode inspectedAt movements name node nodes note occurredAt openedAt order
orderId orderLineId outcome pageInfo period policy postalCode quantity queue reason reasonCode
refund requestedAt reservation return returnId returnItemId returns rmaNumber role search
severities severity sku skus state status supplier tasks tender trackingNumber until updatedAt
"""
PLAIN = frozenset(_PLAIN.split())
_PLAIN_VALUES = """
CANCELLED CRITICAL DELIVERED HIGH IN_TRANSIT LIKE_NEW LOW MEDIUM NEW OUT_FOR_DELIVERY PACKED
PICKED SHIPPED USED
"""
PLAIN_VALUES = frozenset(_PLAIN_VALUES.split())
# Words of the code, not of the API: exceptions, Python values, snake case, files, packages.
INSIDE = re.compile(
    r"\b(?:Raises?|raised|loaders?|None|UNSET|ABSENT|self|docstring|resolvers?|dataclass"
    r"|[a-z]+_[a-z_]+|\w+\.py)\b"
    r"|\b(?:domain|models|workflows|schema|resolvers|subscriptions)\.\w"
    r"|\bintegrations\.(?!read|write|operate)\w"  # these are permissions
    r"|``|:\w+:`|\brows? of [a-z]+_"
)


def fields_of(named: GraphQLNamedType) -> dict[str, object]:
    """Fields of a type, or values of an enum."""
    if isinstance(named, GraphQLEnumType):
        return dict(named.values)
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        return dict(named.fields)
    return {}


def parts() -> Iterator[tuple[str, str | None]]:
    """Every field, argument and enum value, with its path and description."""
    for named in TYPES:
        for name, part in fields_of(named).items():
            yield f"{named.name}.{name}", getattr(part, "description", None)
            if isinstance(part, GraphQLField):
                for argument, given in part.args.items():
                    yield f"{named.name}.{name}.{argument}", given.description
    for directive in SCHEMA.directives:
        if not is_specified_directive(directive):
            yield f"@{directive.name}", directive.description
            for argument, given in directive.args.items():
                yield f"@{directive.name}.{argument}", given.description


def everything() -> list[tuple[str, str]]:
    """Every description with its path."""
    named = [(each.name, each.description) for each in TYPES]
    return [(path, text) for path, text in (*named, *parts()) if text]


def test_every_type_says_what_it_is() -> None:
    assert [named.name for named in TYPES if not named.description] == []


@pytest.mark.parametrize("root", ROOTS)
def test_every_root_field_says_what_it_does_and_whom_it_is_open_to(root: str) -> None:
    named = SCHEMA.type_map[root]
    assert isinstance(named, GraphQLObjectType)
    open_to = re.compile(r".+\n\nPermission: `[\w.]+`\.", re.DOTALL)
    text = {name: field.description or "" for name, field in named.fields.items()}
    assert [name for name, described in text.items() if not open_to.fullmatch(described)] == []


def test_a_name_that_explains_nothing_has_a_description() -> None:
    silent = {path.rpartition(".")[2] for path, text in parts() if not text}
    assert silent - PLAIN - PLAIN_VALUES == set()
    assert (PLAIN | PLAIN_VALUES) - silent == set()


def test_no_description_speaks_of_the_inside() -> None:
    assert {path: found[0] for path, text in everything() if (found := INSIDE.search(text))} == {}


def test_a_line_breaks_between_paragraphs_only() -> None:
    broken = {path for path, text in everything() if "\n" in text.replace("\n\n", "")}
    assert broken == set()


def test_descriptions_are_sentences() -> None:
    unfinished = {path: text for path, text in everything() if text[-1] not in ".…"}
    assert unfinished == {}
    begun = {path: text for path, text in everything() if not re.match(r"[A-Z0-9`ÅÄÖ]", text)}
    assert set(begun) <= {"RefundComponent.kind"}


def test_words_under_a_field_reach_the_schema() -> None:
    """A string after a field that the schema does not pick up would appear nowhere."""
    described = {text for _, text in everything()}
    lost = [
        f"{name}:{following.lineno}"
        for name, tree in modules_below("schema/types")
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement, following in zip(node.body, node.body[1:], strict=False)
        if isinstance(statement, ast.AnnAssign)
        and isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
        and " ".join(str(following.value.value).split())
        not in {" ".join(text.split()) for text in described}
    ]
    assert lost == []
