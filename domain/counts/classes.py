"""ABC classes of the levels of a location, and the levels that a cycle counts next.

A level is ranked by the cost of its units that were shipped. The first levels, up to 80 % of the
cost of all, are class A, up to 95 % class B, the others class C. A level belongs to the class in
which its part begins, so that a location always has an A if anything was shipped.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

SHIPPED_WITHIN: Final = timedelta(days=90)
_A_PERCENT: Final = 80
_B_PERCENT: Final = 95


class AbcClass(StrEnum):
    """Class of a stock level by the cost of its units that were shipped in 90 days."""

    A = "A"
    """The levels that make up the first 80 % of the cost."""
    B = "B"
    """The next 15 %."""
    C = "C"
    """The others, and levels from which nothing was shipped."""


def classes(shipped_minor: Mapping[int, int]) -> dict[int, AbcClass]:
    """The class of each level of a location, by the cost of its shipped units."""
    total = sum(shipped_minor.values())
    before = 0
    found: dict[int, AbcClass] = {}
    for level_id, cost in _dearest_first(shipped_minor.items()):
        if not cost:
            found[level_id] = AbcClass.C
        elif before * 100 < _A_PERCENT * total:
            found[level_id] = AbcClass.A
        elif before * 100 < _B_PERCENT * total:
            found[level_id] = AbcClass.B
        else:
            found[level_id] = AbcClass.C
        before += cost
    return found


def _dearest_first(costs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    return sorted(costs, key=lambda each: (-each[1], each[0]))
