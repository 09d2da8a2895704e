"""Routing: choice of locations that serve a demand, by the policy's criteria, with reasons.

1. Take pinned units from their locations.
2. Find the smallest set of locations that covers the demand (`location_cover`). Among sets of equal
size, compare by the policy's criteria in their order, and last by location code.
3. Take each SKU from one location if possible, else from several.
4. Explain for each candidate why it was chosen or not.

A plan always adds up to the demand and never takes more than there is. The same facts always give
the same plan.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import inf
from typing import Any, Final

import domain.routing.location_cover as location_cover
from domain.errors import InsufficientStock, NotFound
from domain.policies.routing import Criterion, RoutingRules
from domain.routing.location_cover import Cover, Need
from domain.routing.shipping_calendar import Promise
from domain.values.codes import comparison_key


@dataclass(frozen=True, slots=True)
class Candidate:
    """A location that can serve: its promise, and promisable units by SKU, without safety stock.

    `capacity_left`: orders it still accepts today; None: unlimited.
    """

    location: str
    stock: Mapping[str, int]
    promise: Promise | None = None
    capacity_left: int | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """Units that must come from this location, in addition to the rest of the demand."""

    sku: str
    location: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """Units of a SKU that come from this location."""

    sku: str
    location: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Considered:
    """The result for one candidate, with reasons."""

    location: str
    accepted: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """A plan and its explanation; `chosen` is in the policy's order, the best first."""

    policy_version: int
    chosen: tuple[str, ...]
    considered: tuple[Considered, ...]
    allocation: tuple[Allocation, ...]

    def explanation(self) -> dict[str, object]:
        """The decision as JSON, without the allocation, which is stored in its own rows."""
        return {
            "policyVersion": self.policy_version,
            "chosen": list(self.chosen),
            "considered": [
                {
                    "location": each.location,
                    "accepted": each.accepted,
                    "reasons": list(each.reasons),
                }
                for each in self.considered
            ],
        }


def plan(
    demand: Mapping[str, int],
    candidates: Sequence[Candidate],
    rules: RoutingRules,
    policy_version: int,
    *,
    pins: Iterable[Pin] = (),
) -> RoutingDecision:
    """Distribute `demand` (SKU → units) and the pinned units over the candidates.

    Raises InsufficientStock for the first SKU with too few units at all candidates together, or for
    a pin at its location; pins are checked first. Raises NotFound for a pin to a location that is
    not a candidate.
    """
    planner = _Planner(candidates, rules)
    for pin in pins:
        planner.pin(pin)
    planner.spread(demand)
    return planner.decision(policy_version)


_DISADVANTAGE: Final[Mapping[Criterion, str]] = {
    Criterion.LEAD_TIME: "arrives later",
    Criterion.CAPACITY: "has less capacity left today",
    Criterion.ONE_PARCEL: "needs more parcels",
    Criterion.DEPTH: "has less stock of these items",
    Criterion.PREFERENCE: "comes later in the policy's preference",
}

# Combines the costs of several locations into one, by criterion.
_FOLDS: Final[Mapping[Criterion, Callable[[Sequence[Any]], Any]]] = {
    Criterion.LEAD_TIME: max,
    Criterion.CAPACITY: max,
    Criterion.DEPTH: sum,
    Criterion.PREFERENCE: sorted,
}


class _Planner:
    """A plan under construction; locations are identified by their index in `candidates`."""

    def __init__(self, candidates: Sequence[Candidate], rules: RoutingRules) -> None:
        self.candidates, self.rules = candidates, rules
        self.index_of = {each.location: index for index, each in enumerate(candidates)}
        self.stock = [dict(each.stock) for each in candidates]
        self.pinned: set[int] = set()
        self.taken: dict[tuple[str, int], int] = {}
        self.needs: dict[str, Need] = {}
        self.cover = Cover(frozenset(), is_proven=True)
        # ONE_PARCEL needs no cost: all compared sets have the fewest parcels possible.
        self._costs = [(each, _COSTS[each]) for each in rules.order if each in _COSTS]
        self._alone: dict[int, tuple[Any, ...]] = {}

    def pin(self, pin: Pin) -> None:
        """Take the pinned units from their location."""
        index = self.index_of.get(pin.location)
        if index is None:
            raise NotFound("location", pin.location, field=("locationCode",))
        there = self.stock[index].get(pin.sku, 0)
        if there < pin.quantity:
            raise InsufficientStock(pin.sku, pin.quantity, max(0, there))
        self.pinned.add(index)
        self._take(pin.sku, index, pin.quantity)

    def spread(self, demand: Mapping[str, int]) -> None:
        """Choose the locations, and take each SKU from one of them if possible.

        Raises InsufficientStock for the first SKU with too few units.
        """
        for sku, units in demand.items():
            need = Need(units, tuple(max(0, stock.get(sku, 0)) for stock in self.stock))
            there = sum(need.supply)
            if there < units:
                raise InsufficientStock(sku, units, there)
            if units > 0:
                self.needs[sku] = need
        self.cover = location_cover.smallest(
            self.needs.values(), len(self.candidates), frozenset(self.pinned), self.cost
        )
        ranked = self._ranked(self.cover.chosen)
        # The chosen locations cover the demand and none can be left out. So each of them supplies
        # some units, in whatever order units are taken.
        for sku, need in self.needs.items():
            units = need.units
            whole = [index for index in ranked if need.supply[index] >= units][:1]
            for index in whole or ranked:
                part = min(units, need.supply[index])
                if part:
                    self._take(sku, index, part)
                    units -= part

    def cost(self, chosen: frozenset[int]) -> tuple[Any, ...]:
        """The value by which the policy compares sets of equal size; the lowest is the best."""
        if len(chosen) == 1:
            [index] = chosen
            return self._cost_alone(index)
        each = [self._cost_alone(index) for index in chosen]
        parts = list(zip(*each, strict=True))
        costs = [_FOLDS[part[0]](costs) for part, costs in zip(self._costs, parts, strict=False)]
        return (*costs, sorted(parts[-1]))

    def _cost_alone(self, index: int) -> tuple[Any, ...]:
        found = self._alone.get(index)
        if found is None:
            costs = [cost(self, index) for _, cost in self._costs]
            found = self._alone[index] = (*costs, self.candidates[index].location)
        return found

    def decision(self, policy_version: int) -> RoutingDecision:
        """The finished plan, with the reasons of each candidate."""
        used = frozenset(index for _, index in self.taken)
        ranked = self._ranked(used)
        allocation = [
            Allocation(sku, self.candidates[index].location, units)
            for (sku, index), units in self.taken.items()
        ]
        return RoutingDecision(
            policy_version=policy_version,
            chosen=tuple(self.candidates[index].location for index in ranked),
            considered=tuple(
                Considered(
                    each.location,
                    index in used,
                    tuple(self._why(index) if index in used else self._why_not(index, ranked)),
                )
                for index, each in enumerate(self.candidates)
            ),
            allocation=tuple(allocation),
        )

    def _take(self, sku: str, index: int, units: int) -> None:
        self.stock[index][sku] = self.stock[index].get(sku, 0) - units
        self.taken[sku, index] = self.taken.get((sku, index), 0) + units

    def _ranked(self, chosen: Iterable[int]) -> list[int]:
        # A single location, the common case, needs no sorting.
        several = list(chosen)
        if len(several) > 1:
            several.sort(key=self._cost_alone)
        return several

    def arrival(self, index: int) -> tuple[date, date]:
        """The dates on which a location's parcel would arrive and be shipped."""
        promise = self.candidates[index].promise
        if promise is None:
            return (date.max, date.max)
        return (promise.deliver_on or date.max, promise.ship_on)

    def fullness(self, index: int) -> float:
        """Negated orders that a location still accepts today; lower is better."""
        left = self.candidates[index].capacity_left
        return -inf if left is None else -left

    def shallowness(self, index: int) -> int:
        """Negated units of the demand that a location has; lower is better."""
        there = 0
        for need in self.needs.values():
            there -= need.supply[index]
        return there

    def preference(self, index: int) -> int:
        """A location's position in the policy's preference; locations not listed come last."""
        order, code = self.rules.preference, comparison_key(self.candidates[index].location)
        return order.index(code) if code in order else len(order)

    def _why(self, index: int) -> list[str]:
        given = sum(units for (_, at), units in self.taken.items() if at == index)
        total = sum(self.taken.values())
        reasons = [f"supplies {given} of {total} units" if given < total else _all(total)]
        promise = self.candidates[index].promise
        if promise is not None:
            reasons.append(_promise_text(promise))
        if index in self.pinned:
            reasons.append("is requested by an order line")
        parcels = len({at for _, at in self.taken})
        if self.rules.parcels_max is not None and parcels > self.rules.parcels_max:
            reasons.append(
                f"at least {parcels} parcels are needed;"
                f" the policy prefers at most {self.rules.parcels_max}"
            )
        if not self.cover.is_proven:
            reasons.append("was found by a search that stopped at its limit")
        return reasons

    def _why_not(self, index: int, ranked: Sequence[int]) -> list[str]:
        units = sum(need.units for need in self.needs.values())
        has = sum(min(need.units, need.supply[index]) for need in self.needs.values())
        chosen = ", ".join(self.candidates[each].location for each in ranked)
        if not units:
            return ["is not requested by any line"]
        if not has:
            return ["has none of these items to promise"]
        if has < units:
            return [f"has {has} of {units} units; {chosen} can serve the demand without it"]
        if self.pinned:
            return [f"has all {units} units, but {chosen} must ship anyway"]
        return [f"has all {units} units, but {self._disadvantage(index, ranked[0])}"]

    def _disadvantage(self, index: int, best: int) -> str:
        """The first criterion by which a location is worse than the best one."""
        name = self.candidates[best].location
        mine, theirs = self._cost_alone(index), self._cost_alone(best)
        for (criterion, _), own, other in zip(self._costs, mine, theirs, strict=False):
            if own > other:
                return f"{_DISADVANTAGE[criterion]} than {name}"
        return f"is otherwise equal to {name}, which comes first by its code"


# Unbound methods: bound ones would form a reference cycle with the planner.
_COSTS: Final[Mapping[Criterion, Callable[[_Planner, int], Any]]] = {
    Criterion.LEAD_TIME: _Planner.arrival,
    Criterion.CAPACITY: _Planner.fullness,
    Criterion.DEPTH: _Planner.shallowness,
    Criterion.PREFERENCE: _Planner.preference,
}


def _all(units: int) -> str:
    return "supplies the one unit" if units == 1 else f"supplies all {units} units"


def _promise_text(promise: Promise) -> str:
    if promise.deliver_on is None:
        return f"ships on {promise.ship_on}"
    return f"ships on {promise.ship_on} and arrives on {promise.deliver_on}"
