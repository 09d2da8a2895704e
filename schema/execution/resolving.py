"""Root fields resolved without asking again for every request what their arguments are.

Strawberry converts arguments by looking up, per request and per field of each input, its name, its
annotation and its kind, and wraps the resolver anew into its extensions. None of that changes once
the schema stands, so it is composed here once, into functions that do the same conversions. A field
that needs more (a `Maybe`, an input that builds itself, a parent) keeps Strawberry's resolver.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING
from functools import partial
from typing import Any, cast

from graphql import GraphQLField, GraphQLResolveInfo
from strawberry.extensions import FieldExtension
from strawberry.relay import GlobalID
from strawberry.schema.config import StrawberryConfig
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
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType
from strawberry.types.unset import UNSET

Converter = Callable[[Any], Any]
RootResolver = Callable[..., Any]


class _NotSimple(Exception):
    """Something that is left to Strawberry."""


def resolve_at_once(fields: Iterable[GraphQLField], converter: GraphQLCoreConverter) -> None:
    """Give those of these root fields that need nothing special a composed resolver."""
    composed = _Composed(converter)
    for field in fields:
        definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if isinstance(definition, StrawberryField):
            try:
                field.resolve = composed.resolver(definition)
            except _NotSimple:
                continue


class _Composed:
    """Resolvers and converters of one schema."""

    def __init__(self, converter: GraphQLCoreConverter) -> None:
        self._config: StrawberryConfig = converter.config
        self._scalars = converter.scalar_registry
        self._has_handlers = bool(converter.exception_handlers)
        self._inputs: dict[type, Converter | None] = {}  # None while it is composed

    def resolver(self, field: StrawberryField) -> RootResolver:
        """What Strawberry's own resolver of the field does. Raises _NotSimple."""
        chain = _chain(field)
        if self._has_handlers:
            raise _NotSimple
        arguments = self._arguments(field.arguments)
        info_class = self._config.info_class

        async def resolve(source: Any, info: GraphQLResolveInfo[Any], /, **given: Any) -> Any:
            converted = {
                python_name: convert(given[name])
                for name, python_name, convert in arguments
                if name in given
            }
            return await chain(source, info_class(_raw_info=info, _field=field), **converted)

        return resolve

    def _arguments(
        self, arguments: Iterable[StrawberryArgument]
    ) -> list[tuple[str, str, Converter]]:
        name_of = self._config.name_converter.from_argument
        return [(name_of(each), each.python_name, self._converter(each.type)) for each in arguments]

    def _converter(self, type_: Any) -> Converter:
        """What `strawberry.types.arguments.convert_argument` does for a type."""
        if isinstance(type_, StrawberryMaybe):
            raise _NotSimple
        if isinstance(type_, StrawberryOptional):
            return self._converter(type_.of_type)
        if isinstance(type_, StrawberryList):
            return self._list(type_.of_type)
        if type_ is GlobalID:
            raise _NotSimple
        if _is_leaf_type(type_, self._scalars) or has_enum_definition(type_):
            return _itself
        if isinstance(type_, LazyType):
            return self._converter(type_.resolve_type())
        if not has_object_definition(type_):
            raise _NotSimple
        if type_ not in self._inputs:
            self._inputs[type_] = None
            self._inputs[type_] = self._input(type_, type_.__strawberry_definition__)
        found = self._inputs[type_]
        if found is None:  # refers to itself
            raise _NotSimple
        return found

    def _list(self, of_type: Any) -> Converter:
        item = self._converter(of_type)

        def convert(value: Any) -> Any:
            if value is None or value is UNSET:
                return value
            # A list of its own in any case: one that is a default is shared by all requests.
            return list(value) if item is _itself else [item(each) for each in value]

        return convert

    def _input(self, type_: type, definition: StrawberryObjectDefinition) -> Converter:
        if definition.from_input is not None:
            raise _NotSimple
        name_of = self._config.name_converter.from_field
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


def _chain(field: StrawberryField) -> RootResolver:
    """The resolver inside its extensions. Raises _NotSimple."""
    resolver = field.base_resolver
    if resolver is None or not resolver.is_async or field.is_subscription:
        raise _NotSimple
    if resolver.self_parameter or resolver.parent_parameter or resolver.root_parameter:
        raise _NotSimple
    if type(field).get_result is not StrawberryField.get_result:
        raise _NotSimple
    function = cast(RootResolver, resolver.wrapped_func)
    takes_info = resolver.info_parameter is not None
    if takes_info and resolver.info_parameter.name != "info":  # type: ignore[union-attr]
        raise _NotSimple

    def innermost(_: Any, info: Any, **arguments: Any) -> Any:
        return function(info=info, **arguments) if takes_info else function(**arguments)

    chain: RootResolver = innermost
    for extension in field.extensions:
        kind = type(extension)
        if kind.map_arguments is not FieldExtension.map_arguments or not extension.supports_async:
            raise _NotSimple
        chain = partial(extension.resolve_async, chain)
    return chain
