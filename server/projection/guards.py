"""Checks of the objects that generated code reads: attributes must be as declared."""

from collections.abc import Callable
from types import MemberDescriptorType
from typing import Any

from graphql import Undefined
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE

from server.projection.records import Column, Derived

CLASSES_MAX = 64  # admitted per object of a projection; more are checked one by one
# The declaration of each attribute that is read, by name; None: a plain attribute.
Sources = dict[str, Column | Derived | None]


class Walk(Exception):
    """Generated code met a value that graphql-core must complete."""


def admission_of(
    sources: Sources,
    type_check: Callable[[Any, Any], bool] | None,
    plain: set[type],
    loose: set[type],
) -> Callable[[Any], None]:
    """A check that admits the class of an object, or raises Walk.

    `plain` gets classes whose instances are all alike, `loose` those whose instances may have been
    cast to another type.
    """

    def admit(o: Any) -> None:
        cls = type(o)
        if not _is_as_declared(cls, sources):
            raise Walk
        known = plain
        if type_check is not None:
            if TYPE_CAST_ATTRIBUTE in getattr(o, "__dict__", ()) or not type_check(o, None):
                raise Walk
            known = loose if hasattr(o, "__dict__") else plain
        if len(known) < CLASSES_MAX:
            known.add(cls)

    return admit


def _is_as_declared(cls: type, sources: Sources) -> bool:
    """True if reading attributes of an instance runs no other code than declared."""
    if cls is type(None) or cls is type(Undefined) or issubclass(cls, BaseException):
        return False
    if cls.__getattribute__ is not object.__getattribute__:
        return False
    spaces = [vars(base) for base in cls.__mro__ if base is not object]
    if any(
        special in space
        for space in spaces
        for special in ("__getattr__", "__await__", "__class__", TYPE_CAST_ATTRIBUTE)
    ):
        return False
    for name, source in sources.items():
        value = next((space[name] for space in spaces if name in space), None)
        if source is not None:
            if value is not source:
                return False
        elif hasattr(type(value), "__get__") and not isinstance(value, MemberDescriptorType):
            return False
    return True
