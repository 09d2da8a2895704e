"""Leaves of the projection: scalars and enums, completed as graphql-core completes them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import GeneratorType
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema_converter import CustomGraphQLEnumType

from server.projection.guards import CLASSES_MAX, Walk

_FAST: Mapping[Any, str] = {
    GraphQLString: "{v} if type({v}) is str else {slow}({v})",
    GraphQLID: "{v} if type({v}) is str else {slow}({v})",
    GraphQLInt: ("{v} if type({v}) is int and -2147483648 <= {v} <= 2147483647 else {slow}({v})"),
    GraphQLBoolean: "{v} if {v} is True or {v} is False else {slow}({v})",
    GraphQLFloat: "{v} if type({v}) is float and {v} - {v} == 0.0 else {slow}({v})",
}
# Left unchanged: the JSON encoder writes the same text in a tenth of the time.
_INSTANT = "{v} if type({v}) is datetime and {v}.tzinfo is UTC else {slow}({v})"
LEAF_NAMES: Mapping[str, Any] = {"datetime": datetime, "UTC": UTC}


@lru_cache(maxsize=4_096)  # a response often repeats the same few instants a hundred times
def instant_text(instant: datetime) -> str:
    """The instant as ISO 8601 text in UTC."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def template_of(type_: GraphQLLeafType) -> str:
    """The expression that completes a leaf in `{v}`, with `{slow}` for unexpected values."""
    if type_.coerce_output_value is instant_text:
        return _INSTANT
    return _FAST.get(type_, "{slow}({v})")


def leaf_of(type_: GraphQLLeafType, nullable: bool) -> Callable[[Any], Any]:
    """The complete function of a leaf: as graphql-core does it, with Walk for every error."""
    coerce = type_.coerce_output_value
    harmless: set[type] = set()

    def complete(value: Any) -> Any:
        cls = type(value)
        if cls not in harmless:
            if value is None or value is Undefined:
                if nullable:
                    return None
                raise Walk
            if isinstance(value, Exception) or optimized_is_awaitable(value):
                raise Walk
            # Without a __dict__ all instances are alike; of generators, some may be awaitable.
            if cls.__dictoffset__ == 0 and cls is not GeneratorType and len(harmless) < CLASSES_MAX:
                harmless.add(cls)
        coerced = coerce(value)
        if type(coerced) is str:
            return coerced
        if coerced is None or coerced is Undefined or optimized_is_awaitable(coerced):
            raise Walk
        return coerced

    return complete


def enum_names(type_: CustomGraphQLEnumType) -> dict[Any, str]:
    """The names of an enum's members, by member and by column value."""
    names: dict[Any, str] = {}
    members: Iterable[Any] = type_.wrapped_cls
    for member in members:
        try:
            names[member] = type_.coerce_output_value(member)
            if type(member.value) is str:  # as a column has it
                names[member.value] = type_.coerce_output_value(member.value)
        except (ValueError, GraphQLError):  # not part of the schema: a KeyError, then the walk
            continue
    return names
