"""Exact minimum set cover: the fewest locations that together meet all needs.

The problem is NP-hard in general, but small in practice: a few items at a few locations.

1. If one location meets every need, take the one with the lowest cost.
2. Else try sizes upwards from a proven lower bound (the hardest need alone).
3. For each size, branch on the hardest open need: add each location that supplies it.
4. Drop a branch if its remaining picks cannot meet the need, even with the largest supplies.
5. At the first size with covers, return the one with the lowest cost.

With up to EXACT_MAX locations the search always finishes, so the cover is the smallest and the best
of its size. With more it stops after WORK_MAX steps. It then returns the best cover found so far,
or a greedy one if none was found.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

EXACT_MAX: Final = 12
# Visits of a need or a location; takes about 0.2 seconds.
WORK_MAX: Final = 1_000_000
# Larger covers are found by the greedy search only.
SIZE_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Need:
    """Required `units`, and the units available at each location, by the location's index."""

    units: int
    supply: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cover:
    """Indexes of locations that meet all needs; `is_proven`: no cover is smaller or better."""

    chosen: frozenset[int]
    is_proven: bool


class _WorkSpent(Exception):
    """The search has used up its allowed work."""


def smallest(
    needs: Iterable[Need],
    count: int,
    given: frozenset[int],
    cost: Callable[[frozenset[int]], Any],
) -> Cover:
    """The cover with the fewest locations; among equals, the one with the lowest `cost`.

    Locations are the indexes below `count`; those in `given` are part of every cover. The caller
    has checked that all locations together meet every need. Costs of covers are comparable.
    """
    open_needs = _distinct(needs, given)
    if not open_needs:
        return Cover(given, is_proven=True)
    singles = [
        index
        for index in range(count)
        if index not in given and all(need.supply[index] >= need.units for need in open_needs)
    ]
    if singles:
        return Cover(min((given | {index} for index in singles), key=cost), is_proven=True)
    return _Search(open_needs, count, given, cost).run()


def _distinct(needs: Iterable[Need], given: frozenset[int]) -> list[Need]:
    """The needs that `given` leaves open, without duplicates; supply is capped at the need."""
    found: dict[Need, None] = {}
    for need in needs:
        units = need.units - sum(need.supply[index] for index in given)
        if units > 0:
            supply = tuple(
                0 if index in given else min(units, there)
                for index, there in enumerate(need.supply)
            )
            found[Need(units, supply)] = None
    return list(found)


class _Search:
    """One search; `found` collects every cover of the current size."""

    def __init__(
        self,
        needs: Sequence[Need],
        count: int,
        given: frozenset[int],
        cost: Callable[[frozenset[int]], Any],
    ) -> None:
        self.given, self.cost = given, cost
        useful = [i for i in range(count) if any(need.supply[i] for need in needs)]
        # Cheapest first, so that a search that stops early has tried them.
        self.useful = sorted(useful, key=lambda index: cost(given | {index}))
        self.needs = sorted(needs, key=lambda need: _fewest(need, useful), reverse=True)
        self.work_left = WORK_MAX if len(useful) > EXACT_MAX else None
        self.found: list[frozenset[int]] = []

    def run(self) -> Cover:
        least = _fewest(self.needs[0], self.useful)
        try:
            for size in range(least, min(len(self.useful), SIZE_MAX) + 1):
                self._extend(self.given, self.useful, size)
                if self.found:
                    return Cover(min(self.found, key=self.cost), is_proven=True)
        except _WorkSpent:
            pass
        best = min(self.found, key=self.cost) if self.found else self._greedy()
        return Cover(best, is_proven=False)

    def _extend(self, chosen: frozenset[int], allowed: Sequence[int], picks: int) -> None:
        """Collect the covers that add at most `picks` of the `allowed` locations to `chosen`."""
        hardest = self._open_need(chosen)
        if hardest is None:
            self.found.append(chosen)
            return
        self._work(len(allowed))
        if _fewest(hardest, allowed, _missing(hardest, chosen)) > picks:
            return
        rest = list(allowed)
        for index in allowed:
            if hardest.supply[index]:
                # All covers with this location are tried here, so later branches exclude it.
                rest.remove(index)
                self._extend(chosen | {index}, rest, picks - 1)

    def _open_need(self, chosen: frozenset[int]) -> Need | None:
        for visited, need in enumerate(self.needs, start=1):
            if _missing(need, chosen) > 0:
                self._work(visited)
                return need
        self._work(len(self.needs))
        return None

    def _greedy(self) -> frozenset[int]:
        """For each need take the largest supplies until it is met; then drop unneeded locations."""
        chosen = set(self.given)
        for need in self.needs:
            missing = _missing(need, frozenset(chosen))
            for index in sorted(self.useful, key=need.supply.__getitem__, reverse=True):
                if missing > 0 and index not in chosen:
                    chosen.add(index)
                    missing -= need.supply[index]
        surplus = [-_missing(need, frozenset(chosen)) for need in self.needs]
        for index in reversed(self.useful):
            supplies = [need.supply[index] for need in self.needs]
            if index in chosen and all(map(int.__le__, supplies, surplus)):
                chosen.remove(index)
                surplus = [each - there for each, there in zip(surplus, supplies, strict=True)]
        return frozenset(chosen)

    def _work(self, amount: int) -> None:
        if self.work_left is None:
            return
        self.work_left -= amount
        if self.work_left < 0:
            raise _WorkSpent


def _missing(need: Need, chosen: frozenset[int]) -> int:
    return need.units - sum(need.supply[index] for index in chosen)


def _fewest(need: Need, allowed: Iterable[int], missing: int | None = None) -> int:
    """The least number of allowed locations that can meet the need; their count + 1 if none can."""
    units = need.units if missing is None else missing
    supplies = sorted((need.supply[index] for index in allowed), reverse=True)
    for used, there in enumerate(supplies, start=1):
        units -= there
        if units <= 0:
            return used
    return len(supplies) + 1
