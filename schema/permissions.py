"""Permissions of root fields: one check per root field, none per leaf."""

import inspect
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import wraps
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

import domain.access.permissions as permissions
from domain.access.callers import Caller
from domain.errors import Forbidden, Unauthenticated
from schema.context import Info, Resolver, Stream


def admit(caller: Caller, permission: str) -> None:
    """Raise Forbidden unless the caller has the permission; Unauthenticated without a key."""
    if caller.is_anonymous and not caller.may(permission):
        raise Unauthenticated("This needs an API key: Authorization: Bearer KEY.")
    caller.require(permission)


def visible_supplier(caller: Caller, code: str | None) -> str | None:
    """The supplier that a list is filtered by. Raises Forbidden if the role sees no suppliers."""
    if code is not None and not caller.may_see_supplier():
        raise Forbidden("The role may not see suppliers, so it cannot filter by one.")
    return code


class Guarded(FieldExtension):
    """A field extension that lets a root field run only for callers with a permission."""

    def __init__(self, permission: str) -> None:
        self.permission = permission

    async def resolve_async(
        self, next_: Callable[..., Any], source: Any, info: Info, **arguments: Any
    ) -> Any:
        """The field's value. Raises Forbidden or Unauthenticated."""
        admit(info.context.caller, self.permission)
        return await next_(source, info, **arguments)


class MissingPermission(RuntimeError):
    """A root field has no permission, so the program does not start."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The root field {name} has no permission: add it to domain/access/permissions.py."
        )


def _needed(name: str, needed: Mapping[str, str]) -> str:
    """The permission of a root field. Raises MissingPermission."""
    if name not in needed:
        raise MissingPermission(name)
    return needed[name]


def fields(resolvers: Mapping[str, Resolver], needed: Mapping[str, str]) -> list[StrawberryField]:
    """Root fields from a map of names to resolvers; `needed` has their permissions."""
    return [
        strawberry.field(
            name=name,
            resolver=resolver,
            description=_description_of(resolver, _needed(name, needed)),
            extensions=[Guarded(needed[name])],
        )
        for name, resolver in resolvers.items()
    ]


def stream_fields(resolvers: Mapping[str, Stream]) -> list[StrawberryField]:
    """The guarded fields of Subscription; the permission is checked when the stream is opened."""
    found: list[Any] = [
        strawberry.subscription(
            name=name,
            resolver=_guarded(resolver, _needed(name, permissions.SUBSCRIPTIONS)),
            description=_description_of(resolver, _needed(name, permissions.SUBSCRIPTIONS)),
        )
        for name, resolver in resolvers.items()
    ]
    return found


def _description_of(resolver: Callable[..., Any], permission: str) -> str:
    """The description of a root field: its resolver's docstring, and the permission."""
    return f"{inspect.getdoc(resolver)}\n\nPermission: `{permission}`."


def _guarded(resolver: Stream, permission: str) -> Stream:
    @wraps(resolver)
    async def guarded(info: Info, **arguments: Any) -> AsyncGenerator[Any, None]:
        admit(info.context.caller, permission)
        async with aclosing(resolver(info, **arguments)) as events:
            async for event in events:
                yield event

    return guarded


def query_fields(resolvers: Mapping[str, Resolver]) -> list[StrawberryField]:
    """The guarded fields of Query."""
    return fields(resolvers, permissions.QUERIES)


def mutation_fields(resolvers: Mapping[str, Resolver]) -> list[StrawberryField]:
    """The guarded fields of Mutation."""
    return fields(resolvers, permissions.MUTATIONS)
