"""Arguments shared by many fields, and conversions of absent ones.

An absent argument is UNSET in GraphQL, and None or ABSENT in commands.
"""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from strawberry import argument
from strawberry.types.unset import UnsetType

from domain.catalog.commands import ABSENT, Absent
from domain.errors import BadRequest

T = TypeVar("T")

First = Annotated[
    int | None,
    argument(description="Number of rows from the start of the list: 50 by default, at most 250."),
]
After = Annotated[str | None, argument(description="Only rows after this cursor of the same list.")]
Last = Annotated[
    int | None,
    argument(
        description="Number of rows from the end of the list, instead of `first`; at most 250."
    ),
]
Before = Annotated[
    str | None, argument(description="Only rows before this cursor of the same list.")
]
Resume = Annotated[
    str | None,
    argument(
        description='Continue after this cursor; "0": start with the oldest event that is '
        "kept. Absent: start now."
    ),
]


Snapshot = Annotated[
    bool | None,
    argument(
        description="True: first send the present state, then each change; no change in between "
        "is lost. It cannot be sent together with `after`."
    ),
]


def given(value: T | UnsetType | None) -> T | None:
    """The value; None for an absent argument."""
    return None if isinstance(value, UnsetType) else value


def named(value: T | UnsetType | None) -> T | Absent | None:
    """The value, including None; ABSENT for an absent field, which stays unchanged."""
    return ABSENT if isinstance(value, UnsetType) else value


def several(
    status: T | None, statuses: Sequence[T] | None, name: str = "status"
) -> Sequence[T] | None:
    """The values of a filter that takes one or several; None: no filter.

    Raises BadRequest for both.
    """
    one, many = given(status), given(statuses)
    if one is not None and many is not None:
        raise BadRequest(f"Send either {name} or its plural, not both.")
    return many if one is None else [one]
