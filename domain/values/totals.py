"""Sums by key."""

from collections.abc import Iterable
from typing import TypeVar

Key = TypeVar("Key")


def totals(parts: Iterable[tuple[Key, int]]) -> dict[Key, int]:
    """The sum of the numbers of each key, in the order in which the keys first appear."""
    found: dict[Key, int] = {}
    for key, number in parts:
        found[key] = found.get(key, 0) + number
    return found
