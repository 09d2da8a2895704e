"""Arguments that many fields take, and what becomes of those that were left out.

Left out is UNSET in GraphQL, None or ABSENT further down.
"""

from typing import Annotated, TypeVar

from strawberry import argument
from strawberry.types.unset import UnsetType

from domain.catalog.commands import ABSENT, Absent

T = TypeVar("T")

First = Annotated[
    int | None,
    argument(description="How many rows, from the list's beginning: 50 where absent, at most 250."),
]
After = Annotated[str | None, argument(description="Rows behind this cursor of the same list.")]
Last = Annotated[
    int | None,
    argument(description="How many rows, from the list's end, instead of `first`; at most 250."),
]
Before = Annotated[
    str | None, argument(description="Rows in front of this cursor of the same list.")
]
Resume = Annotated[
    str | None,
    argument(
        description='Go on behind this cursor; "0": from the oldest that is kept. Absent: from now.'
    ),
]


def given(value: T | UnsetType | None) -> T | None:
    """The value, or None where the argument was left out."""
    return None if isinstance(value, UnsetType) else value


def named(value: T | UnsetType | None) -> T | Absent | None:
    """The value, None included, or ABSENT where the field was left out: unchanged."""
    return ABSENT if isinstance(value, UnsetType) else value
