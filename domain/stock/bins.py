"""Bins: the order in which they are walked, and the bins that units leave."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from domain.values.codes import comparison_key

WalkRank = tuple[bool, int, tuple[str | int, ...], str]

_NUMBERS: Final = re.compile(r"(\d+)")


def walk_rank(walk_order: int | None, code: str) -> WalkRank:
    """The place of a bin on the walk: by `walk_order`, then by code, A-2 before A-10.

    Bins without a `walk_order` come last.
    """
    key = comparison_key(code)
    # Texts and numbers alternate, and the first part is a text. So parts compare with their kind.
    parts = tuple(
        int(part) if place % 2 else part for place, part in enumerate(_NUMBERS.split(key))
    )
    return (walk_order is None, walk_order or 0, parts, key)


def taken_in_order(units: int, bins: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """(bin, units) to take so that `units` leave; `bins` are (bin, units in it) in walk order."""
    taken = []
    for bin_id, present in bins:
        if units <= 0:
            break
        part = min(units, present)
        if part:
            taken.append((bin_id, part))
            units -= part
    return taken
