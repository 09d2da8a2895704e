"""Choice of locations without the ROUTING policy: the named location, else the first with units.

1. Pinned units come from their location.
2. The rest of each SKU is taken from the channel's locations in their order.
"""

from collections.abc import Iterable, Mapping, Sequence

from domain.errors import InsufficientStock
from domain.routing.planning import Allocation, Candidate, Pin

Explanation = Mapping[str, object]


def plan(
    demand: Mapping[str, int],
    candidates: Sequence[Candidate],
    policy_version: int,
    *,
    pins: Iterable[Pin] = (),
) -> tuple[Sequence[Allocation], Explanation]:
    """Distribute `demand` (SKU → units) and the pinned units over the candidates in their order.

    `policy_version`: that of the ROUTING policy, which does not decide. Raises InsufficientStock
    for the first SKU with too few units. Pinned locations are candidates.
    """
    left = {(each.location, sku): units for each in candidates for sku, units in each.stock.items()}
    taken: dict[tuple[str, str], int] = {}
    pinned = set()
    for pin in pins:
        pinned.add(pin.location)
        _take(left, taken, (pin.location, pin.sku), pin.quantity)
    for sku, wanted in demand.items():
        open_units = wanted
        for each in candidates:
            units = min(open_units, max(0, left[each.location, sku]))
            if units:
                _take(left, taken, (each.location, sku), units)
                open_units -= units
        if open_units:
            raise InsufficientStock(sku, wanted, wanted - open_units)
    used = {location for location, _ in taken}
    explanation = {
        "policyVersion": policy_version,
        "chosen": [each.location for each in candidates if each.location in used],
        "considered": [
            {
                "location": each.location,
                "accepted": each.location in used,
                "reasons": [_why(each.location, used, pinned)],
            }
            for each in candidates
        ],
    }
    allocation = [Allocation(sku, location, units) for (location, sku), units in taken.items()]
    return allocation, explanation


def _take(
    left: dict[tuple[str, str], int],
    taken: dict[tuple[str, str], int],
    key: tuple[str, str],
    units: int,
) -> None:
    there = max(0, left[key])
    if there < units:
        raise InsufficientStock(key[1], units, there)
    left[key] -= units
    taken[key] = taken.get(key, 0) + units


def _why(location: str, used: set[str], pinned: set[str]) -> str:
    if location in pinned:
        return "is requested by an order line"
    if location in used:
        return "comes first in the channel's order of locations"
    return "is not needed: other locations are requested, or come first"
