"""Sizes of lists, declared beside their fields, for the static cost of a document.

The cost (server/operations/costs.py) is known before anything is read. So it needs a number of
rows for each list: from an argument, or a declared bound that real lists rarely exceed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import strawberry
from strawberry.types.field import StrawberryField

F = TypeVar("F", bound=Callable[..., Any])

# For a list without a declaration.
SIZE: Final = 50
PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 250
_ATTRIBUTE = "__list_size__"


@dataclass(frozen=True, slots=True)
class ListSize:
    """The size of a list: assumed to be `rows`, or that of an argument.

    `argument`: the path of an argument, like `input.lines`: a list has its length, a number its
    value.
    """

    rows: int = SIZE
    argument: str | None = None


def sized(rows: int = SIZE, *, by: str | None = None) -> Callable[[F], F]:
    """Declare the size of the list that a resolver returns, or of the lists in its object."""

    def declare(resolver: F) -> F:
        setattr(resolver, _ATTRIBUTE, ListSize(rows, by))
        return resolver

    return declare


def listed(rows: int) -> Any:
    """A plain attribute that holds a list of about so many rows at most."""
    return strawberry.field(metadata={ListSize: ListSize(rows)})


def size_of(field: StrawberryField) -> ListSize | None:
    """The declared size of a field; None if it has no declaration."""
    declared: ListSize | None = field.metadata.get(ListSize)
    if declared is None and field.base_resolver is not None:
        declared = getattr(field.base_resolver.wrapped_func, _ATTRIBUTE, None)
    return declared
