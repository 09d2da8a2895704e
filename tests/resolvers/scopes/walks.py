"""Documents that select every field of a root field's type, down to a depth; texts of answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from graphql import (
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from resolvers.root import schema as root
from schema.fields.node import decode

SCHEMA: GraphQLSchema = root._schema
QUERY = cast("GraphQLObjectType", SCHEMA.query_type)
MUTATION = cast("GraphQLObjectType", SCHEMA.mutation_type)
SUBSCRIPTION = cast("GraphQLObjectType", SCHEMA.subscription_type)
_KINDS = {QUERY.name: "query", MUTATION.name: "mutation", SUBSCRIPTION.name: "subscription"}
# Enough for a list's connection, its nodes, their edges and the edges of those.
DEPTH = 4

# The types of a Node are spread over so many documents: the server limits aliases.
PARTS = 10


def selection(of: GraphQLNamedType, depth: int, part: int, seen: tuple[str, ...] = ()) -> str:
    """All fields of a type that need no argument; types are not entered twice on one way.

    Under an interface, the name of the type stands before a field whose type differs from that of
    another one. The edges of a list are skipped: they lead to its nodes.
    """
    if isinstance(of, GraphQLInterfaceType):
        kinds = sorted(SCHEMA.get_possible_types(of), key=lambda each: each.name)[part::PARTS]
        differing = _differing(kinds)
        parts = [
            f"... on {each.name} {{ {' '.join(_fields(each, 1, part, seen, differing))} }}"
            for each in kinds
        ]
        return "{ __typename " + " ".join(parts) + " }"
    assert isinstance(of, GraphQLObjectType), of
    return "{ __typename " + " ".join(_fields(of, depth, part, (*seen, of.name))) + " }"


def _differing(kinds: Sequence[GraphQLObjectType]) -> frozenset[str]:
    """The names of fields that have not the same type in all of these types."""
    types: dict[str, set[str]] = {}
    for kind in kinds:
        for name, each in kind.fields.items():
            types.setdefault(name, set()).add(str(each.type))
    return frozenset(name for name, found in types.items() if len(found) > 1)


def _fields(
    of: GraphQLObjectType,
    depth: int,
    part: int,
    seen: tuple[str, ...],
    differing: frozenset[str] = frozenset(),
) -> Iterator[str]:
    for name, each in of.fields.items():
        if any(map(is_required_argument, each.args.values())) or name == "edges":
            continue
        found = get_named_type(each.type)
        shown = f"{of.name}_{name}: {name}" if name in differing else name
        if is_leaf_type(found):
            yield shown
        elif depth > 1 and found.name not in seen:
            yield f"{shown} {selection(found, depth - 1, part, seen)}"


def documents(root_type: GraphQLObjectType, name: str, arguments: str = "") -> Sequence[str]:
    """Documents with one root field, which select all fields under it between them."""
    found = get_named_type(root_type.fields[name].type)
    kind = _KINDS[root_type.name]
    given = f"({arguments})" if arguments else ""
    belows = dict.fromkeys(selection(found, DEPTH, part) for part in range(PARTS))
    return [f"{kind} {{ {name}{given} {below} }}" for below in belows]


def texts(value: object) -> Iterator[str]:
    """Every text of an answer in lower case, with the decoded form of global ids."""
    if isinstance(value, str):
        yield value.lower()
        if (named := decode(value)) is not None:
            yield f"{named[0]}:{named[1]}".lower()
    elif isinstance(value, dict):
        for name, each in value.items():
            yield str(name).lower()
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
