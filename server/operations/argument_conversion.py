"""Argument conversion: from coerced arguments to resolver arguments, composed once per type.

Strawberry looks up name, annotation and kind of every field of each input for every request. They
do not change after the schema is built. The functions composed here make the same objects. Inputs
that need more (a `Maybe`, an input that builds itself) are left to Strawberry.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING
from typing import Any

from strawberry.relay import GlobalID
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument, _is_leaf_type
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.enum import has_enum_definition
from strawberry.types.lazy_type import LazyType
from strawberry.types.unset import UNSET

Converter = Callable[[Any], Any]


class NotSimple(Exception):
    """A type that is left to Strawberry."""


class ArgumentConversion:
    """The composed functions of one schema's inputs."""

    def __init__(self, converter: GraphQLCoreConverter) -> None:
        self._names = converter.config.name_converter
        self._scalars = converter.scalar_registry
        self._inputs: dict[type, Converter | None] = {}  # None while it is composed

    def of(self, arguments: Iterable[StrawberryArgument]) -> list[tuple[str, str, Converter]]:
        """Resolver argument name and conversion function, by GraphQL name. Raises NotSimple."""
        name_of = self._names.from_argument
        return [(name_of(each), each.python_name, self._converter(each.type)) for each in arguments]

    def _converter(self, type_: Any) -> Converter:
        """A function that converts as `strawberry.types.arguments.convert_argument` does."""
        if isinstance(type_, StrawberryMaybe):
            raise NotSimple
        if isinstance(type_, StrawberryOptional):
            return self._converter(type_.of_type)
        if isinstance(type_, StrawberryList):
            return self._list(type_.of_type)
        if type_ is GlobalID:
            raise NotSimple
        if _is_leaf_type(type_, self._scalars) or has_enum_definition(type_):
            return _itself
        if isinstance(type_, LazyType):
            return self._converter(type_.resolve_type())
        if not has_object_definition(type_):
            raise NotSimple
        if type_ not in self._inputs:
            self._inputs[type_] = None
            self._inputs[type_] = self._input(type_, type_.__strawberry_definition__)
        found = self._inputs[type_]
        if found is None:  # recursive type
            raise NotSimple
        return found

    def _list(self, of_type: Any) -> Converter:
        item = self._converter(of_type)

        def convert(value: Any) -> Any:
            if value is None or value is UNSET:
                return value
            # Always a new list: a default value is shared by all requests.
            return list(value) if item is _itself else [item(each) for each in value]

        return convert

    def _input(self, type_: type, definition: StrawberryObjectDefinition) -> Converter:
        if definition.from_input is not None:
            raise NotSimple
        name_of = self._names.from_field
        fields = [
            (
                name_of(field),
                field.python_name,
                self._converter(field.resolve_type(type_definition=definition)),
            )
            for field in definition.fields
        ]
        missing: dict[str, None] = {
            field.python_name: None
            for field in definition.fields
            if definition.is_input
            and field.default_value is MISSING
            and field.default_factory is MISSING
        }

        def convert(value: Mapping[str, Any] | None) -> Any:
            if value is None or value is UNSET:
                return value
            facts: dict[str, Any] = missing.copy()
            for name, python_name, convert_field in fields:
                if name in value:
                    facts[python_name] = convert_field(value[name])
            return type_(**facts)

        return convert


def _itself(value: Any) -> Any:
    return value
