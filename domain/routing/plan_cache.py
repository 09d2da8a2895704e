"""Plans for many demands over the same places: what has the same shape is decided once.

Where one place can serve a whole demand, a decision depends on the units that are wanted, on how
many of them each place has, on which places have more stock and which less, and on their capacity
left: on nothing else of the stock, and not on the SKUs' names. Any other demand is planned anew.
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
    """Plans by one policy over the same candidates, whose promises stay; their stock may change."""

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
        """What `routing.plan` decides, and its explanation; raises what it raises."""
        shape = None if pins else _shape(demand, candidates)
        found = self._known.get(shape) if shape else None
        if found is not None:
            place, explanation = found
            return [Allocation(sku, place, units) for sku, units in demand.items()], explanation
        made = routing.plan(demand, candidates, self.rules, self.policy_version, pins=pins)
        explanation = made.explanation()
        if shape:
            if len(self._known) >= SHAPES_MAX:
                self._known.clear()
            self._known[shape] = made.chosen[0], explanation
        return made.allocation, explanation


def _shape(demand: Mapping[str, int], candidates: Sequence[Candidate]) -> Any:
    """All that the decision depends on; None where no place has everything."""
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
