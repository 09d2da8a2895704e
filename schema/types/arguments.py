"""Arguments that were left out: UNSET in GraphQL, None or ABSENT further down."""

from typing import TypeVar

from strawberry.types.unset import UnsetType

from domain.catalog import ABSENT, Absent

T = TypeVar("T")


def given(value: T | UnsetType | None) -> T | None:
    """The value, or None where the argument was left out."""
    return None if isinstance(value, UnsetType) else value


def named(value: T | UnsetType | None) -> T | Absent | None:
    """The value, None included, or ABSENT where the field was left out: unchanged."""
    return ABSENT if isinstance(value, UnsetType) else value
