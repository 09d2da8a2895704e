"""Cache of routing plans for many demands over the same locations, by shape of the demand.

If one location can serve the whole demand, the decision depends only on four things:

- the units wanted
- the units that each location has of them
- the ranking of locations by stock
- the capacity left of each location

It does not depend on other stock or on SKU names. Any other demand is planned without the cache.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import domain.routing.planning as routing
from domain.policies.routing import RoutingRules
from domain.routing.planning import Allocation, Candidate, Pin

SHAPES_MAX: Final = 1_024

Explanation = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Plans:
    """Cached plans of one policy over the same candidates; their stock may change between calls.

    The candidates' promises must not change.
    """

    rules: RoutingRules
    policy_version: int
    _known: dict[Any, tuple[str, Explanation]] = field(default_factory=dict)

    def plan(
        self,
        demand: Mapping[str, int],
        candidates: Sequence[Candidate],
        *,
        pins: Iterable[Pin] = (),
    ) -> tuple[Sequence[Allocation], Explanation]:
        """Return the result of `routing.plan` and its explanation; raises the same errors."""
        shape = None if pins else _shape(demand, candidates)
        found = self._known.get(shape) if shape else None
        if found is not None:
            location, explanation = found
            return [Allocation(sku, location, units) for sku, units in demand.items()], explanation
        made = routing.plan(demand, candidates, self.rules, self.policy_version, pins=pins)
        explanation = made.explanation()
        if shape:
            if len(self._known) >= SHAPES_MAX:
                self._known.clear()
            self._known[shape] = made.chosen[0], explanation
        return made.allocation, explanation


def _shape(demand: Mapping[str, int], candidates: Sequence[Candidate]) -> Any:
    """The cache key: everything the decision depends on; None if no location has everything."""
    depths = [0] * len(candidates)
    serves = [True] * len(candidates)
    needs: list[tuple[int, ...]] = []
    for sku, units in demand.items():
        if units <= 0:
            return None
        need = [units]
        for index, candidate in enumerate(candidates):
            there = max(0, candidate.stock.get(sku, 0))
            depths[index] += there
            if there < units:
                serves[index] = False
                need.append(there)
            else:
                need.append(units)
        needs.append(tuple(need))
    if not needs or True not in serves:
        return None
    ranks = sorted(set(depths))
    left = [candidate.capacity_left for candidate in candidates]
    return (*needs, *map(ranks.index, depths), *left)
