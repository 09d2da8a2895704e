"""Input coercion: from decoded JSON to the values of an input type, composed once per type.

graphql-core determines the kind of type for every value anew. The kind never changes, so it is
determined once here. The composed functions accept only valid values. For any other value they
raise Unsure, or the error of a scalar.
"""

from collections.abc import Callable
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
    Undefined,
    is_required_input_field,
)
from graphql.utilities.coerce_input_value import coerce_default_value

_INT_MAX = 2**31 - 1
_TEXT = {str}

Coercer = Callable[[Any], Any]


class Unsure(Exception):
    """A value or type that is left to graphql-core."""


class InputCoercion:
    """The composed functions of one schema's types."""

    def __init__(self) -> None:
        # Functions of input objects and leaves, bounded by the schema. None while one is composed.
        self._named: dict[GraphQLInputType, Coercer | None] = {}

    def of(self, type_: GraphQLInputType) -> Coercer:
        """The function for values of a type. Raises Unsure."""
        if isinstance(type_, GraphQLNonNull):
            return _present(self._inner(type_.of_type))
        return _nullable(self._inner(type_))

    def _inner(self, type_: GraphQLInputType) -> Coercer:
        if isinstance(type_, GraphQLList):
            return _listed(self.of(type_.of_type), _text_alone(type_.of_type))
        if type_ not in self._named:
            self._named[type_] = None
            if isinstance(type_, GraphQLInputObjectType):
                self._named[type_] = self._object(type_)
            else:
                self._named[type_] = _leaf(type_)  # type: ignore[arg-type]  # nothing else is left
        found = self._named[type_]
        if found is None:  # recursive type: graphql-core bounds its depth
            raise Unsure
        return found

    def _object(self, type_: GraphQLInputObjectType) -> Coercer:
        if type_.is_one_of:
            raise Unsure
        fields = [
            (
                name,
                field.out_name or name,
                self.of(field.type),
                is_required_input_field(field),
                coerce_default_value(field),
            )
            for name, field in type_.fields.items()
        ]
        out_type = type_.out_type

        def coerce(value: Any) -> Any:
            if type(value) is not dict:
                raise Unsure
            coerced: dict[str, Any] = {}
            known = 0
            for name, out_name, coerce_field, is_required, default in fields:
                if name in value:
                    coerced[out_name] = coerce_field(value[name])
                    known += 1
                elif is_required:
                    raise Unsure
                elif default is not Undefined:
                    coerced[out_name] = default
            if known != len(value):
                raise Unsure
            return out_type(coerced)

        return coerce


def _present(inner: Coercer) -> Coercer:
    def coerce(value: Any) -> Any:
        if value is None:
            raise Unsure
        return inner(value)

    return coerce


def _nullable(inner: Coercer) -> Coercer:
    return lambda value: None if value is None else inner(value)


def _text_alone(type_: GraphQLInputType) -> bool:
    """True if every text, and nothing else, is a value of the type."""
    return isinstance(type_, GraphQLNonNull) and type_.of_type in (GraphQLString, GraphQLID)


def _listed(item: Coercer, is_text: bool) -> Coercer:
    def coerce(value: Any) -> Any:
        if type(value) is not list:
            raise Unsure
        if is_text and set(map(type, value)) <= _TEXT:
            return value.copy()
        return [item(each) for each in value]

    return coerce


def _leaf(type_: GraphQLLeafType) -> Coercer:
    """The coercion of a leaf; a JSON value of the right kind is returned unchanged."""
    own = type_.coerce_input_value
    if type_ is GraphQLString or type_ is GraphQLID:
        return lambda value: value if type(value) is str else _sure(own(value))
    if type_ is GraphQLBoolean:
        return lambda value: value if type(value) is bool else _sure(own(value))
    if type_ is GraphQLInt:
        return lambda value: (
            value if type(value) is int and -_INT_MAX <= value <= _INT_MAX else _sure(own(value))
        )
    return lambda value: _sure(own(value))


def _sure(value: Any) -> Any:
    if value is Undefined:
        raise Unsure
    return value
