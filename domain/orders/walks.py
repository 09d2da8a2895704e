"""The walk of a picker: units of several parcels, spread over bins in walk order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from uuid import UUID

BinT = TypeVar("BinT")


@dataclass(frozen=True, slots=True)
class WalkStop(Generic[BinT]):
    """Units of an item to take at one bin, and the parcels that they are for.

    `bin` None: the units are in no bin.
    """

    bin: BinT | None
    item_id: int
    parts: list[tuple[UUID, int]] = field(default_factory=list)

    @property
    def quantity(self) -> int:
        """Units to take here."""
        return sum(units for _, units in self.parts)


def spread(
    wanted: Mapping[int, Sequence[tuple[UUID, int]]],
    bins: Mapping[int, Sequence[tuple[BinT, int]]],
) -> list[WalkStop[BinT]]:
    """The stops for the wanted units, by item.

    `wanted`: (parcel, units) of each item, the most urgent parcel first. `bins`: (bin, units in it)
    of each item, in walk order. What the bins do not have is taken where no bin is.
    """
    stops: list[WalkStop[BinT]] = []
    for item_id, parcels in wanted.items():
        places: list[tuple[BinT | None, int]] = [*bins.get(item_id, ())]
        places.append((None, sum(units for _, units in parcels)))
        left = list(parcels)
        for place, present in places:
            stop: WalkStop[BinT] = WalkStop(place, item_id)
            while left and present:
                parcel, units = left[0]
                part = min(units, present)
                stop.parts.append((parcel, part))
                present -= part
                left[0] = (parcel, units - part)
                if part == units:
                    left.pop(0)
            if stop.parts:
                stops.append(stop)
    return stops
