"""Root resolvers that are composed once instead of for every request.

Strawberry converts arguments by their annotations, and wraps the resolver in its extensions, for
every request. Here both are composed once, with the same effect. A field that needs more keeps
Strawberry's resolver.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

from graphql import GraphQLField, GraphQLResolveInfo
from strawberry.extensions import FieldExtension
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from server.operations.argument_conversion import ArgumentConversion, NotSimple

RootResolver = Callable[..., Any]


def resolve_at_once(fields: Iterable[GraphQLField], converter: GraphQLCoreConverter) -> None:
    """Give a composed resolver to each of these root fields that has no special needs."""
    if converter.exception_handlers:
        return
    conversions = ArgumentConversion(converter)
    for field in fields:
        definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if isinstance(definition, StrawberryField):
            try:
                field.resolve = _resolver(definition, conversions, converter.config.info_class)
            except NotSimple:
                continue


def _resolver(
    field: StrawberryField, conversions: ArgumentConversion, info_class: Callable[..., Any]
) -> RootResolver:
    """A resolver with the effect of Strawberry's own. Raises NotSimple."""
    chain = _chain(field)
    arguments = conversions.of(field.arguments)

    async def resolve(source: Any, info: GraphQLResolveInfo[Any], /, **given: Any) -> Any:
        converted = {
            python_name: convert(given[name])
            for name, python_name, convert in arguments
            if name in given
        }
        return await chain(source, info_class(_raw_info=info, _field=field), **converted)

    return resolve


def _chain(field: StrawberryField) -> RootResolver:
    """The resolver inside its extensions. Raises NotSimple."""
    resolver = field.base_resolver
    if resolver is None or not resolver.is_async or field.is_subscription:
        raise NotSimple
    if resolver.self_parameter or resolver.parent_parameter or resolver.root_parameter:
        raise NotSimple
    if type(field).get_result is not StrawberryField.get_result:
        raise NotSimple
    function = cast(RootResolver, resolver.wrapped_func)
    takes_info = resolver.info_parameter is not None
    if takes_info and resolver.info_parameter.name != "info":  # type: ignore[union-attr]
        raise NotSimple

    def innermost(_: Any, info: Any, **arguments: Any) -> Any:
        return function(info=info, **arguments) if takes_info else function(**arguments)

    chain: RootResolver = innermost
    for extension in field.extensions:
        kind = type(extension)
        if kind.map_arguments is not FieldExtension.map_arguments or not extension.supports_async:
            raise NotSimple
        chain = partial(extension.resolve_async, chain)
    return chain
