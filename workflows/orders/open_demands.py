"""Units that an order still needs, and the portions that were found for its lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.values.totals import totals
from models.queries.catalog.lookups import ChannelFacts
from workflows.availability.demands import Demand

# An item, and the location that the lines of the order name for it; None: any.
Wanted = tuple[int, str | None]


@dataclass(frozen=True, slots=True)
class Portion:
    """Units at a location that were allocated to the lines of an order that want this."""

    wanted: Wanted
    location_id: int
    quantity: int


@dataclass(slots=True)
class OpenDemand:
    """Units still to be found for an order, and the portions found so far."""

    wanted: dict[Wanted, int]
    codes: Mapping[int, str]
    """Codes of the channel's locations, by id."""
    portions: list[Portion] = field(default_factory=list)

    def take(self, item_id: int, location_id: int, quantity: int) -> int:
        """Take units for the lines that name the location, then for those that name none.

        Returns the number of units that are wanted.
        """
        taken = 0
        for key in ((item_id, self.codes.get(location_id)), (item_id, None)):
            units = min(self.wanted.get(key, 0), quantity - taken)
            if units:
                self.wanted[key] -= units
                self.portions.append(Portion(key, location_id, units))
                taken += units
        return taken

    @staticmethod
    def of(demands: Sequence[Demand], channel: ChannelFacts) -> OpenDemand:
        """All units of these demands."""
        return OpenDemand(
            totals(((demand.item.id, demand.location), demand.quantity) for demand in demands),
            {place.id: place.code for place in channel.locations},
        )

    def missing(self, demands: Sequence[Demand]) -> list[Demand]:
        """Units still to be found, with the path of the first line that wants them."""
        found = []
        for (item_id, code), quantity in self.wanted.items():
            if quantity:
                first = next(
                    demand
                    for demand in demands
                    if demand.item.id == item_id and demand.location == code
                )
                found.append(Demand(first.item, quantity, code, first.field))
        return found
