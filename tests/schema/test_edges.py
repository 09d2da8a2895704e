"""Edges: the object that an edge makes is of the GraphQL type that its field declares."""

from typing import Any, cast

import pytest
from graphql import GraphQLObjectType, get_named_type, get_nullable_type, is_list_type
from strawberry.types.field import StrawberryField

from resolvers.root import schema
from server.projection.records import RecordEdge, edge_of

TYPES = schema.graphql_schema.type_map.values()


def edges() -> dict[str, tuple[Any, RecordEdge]]:
    """The edges to records, with their GraphQL types, by `Type.field`."""
    found = {}
    for type_ in TYPES:
        for name, field in type_.fields.items() if isinstance(type_, GraphQLObjectType) else ():
            definition = field.extensions.get("strawberry-definition")
            edge = edge_of(definition) if isinstance(definition, StrawberryField) else None
            if edge is not None and edge.is_shared:
                found[f"{type_.name}.{name}"] = field.type, edge
    return found


EDGES = edges()


def test_types_that_refer_to_each_other_have_their_edges() -> None:
    circle = {"Order.returns", "Return.order", "Refund.return", "Fulfillment.order"}
    assert circle <= EDGES.keys()


@pytest.mark.parametrize("place", EDGES)
def test_an_edge_makes_objects_of_its_type(place: str) -> None:
    type_, edge = EDGES[place]
    is_list = is_list_type(get_nullable_type(type_))
    row, context = cast(Any, object()), cast(Any, None)
    value = edge.value([row] if is_list else row, None, context)
    [made] = value if is_list else [value]
    assert type(made).__name__ == get_named_type(type_).name
