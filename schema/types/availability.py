"""Availability: what a channel may sell now. Plain fields only: this is the hottest answer."""

from datetime import datetime
from typing import Any

import strawberry

import workflows.availability.availability
from domain.access.callers import Caller


@strawberry.type
class LocationAvailability:
    """Units of a SKU that one location may promise, and when it would ship them."""

    location: str
    """Its code."""
    available: int
    """Units here that may be promised: less safety stock, before buffers and protected units."""
    ship_by: datetime | None
    """When units from here would leave; null where there are none."""


@strawberry.type
class Availability:
    """What a channel may sell of a SKU as of an instant, by the rule that reservations use: what is
    shown can be held.
    """

    sku: str
    channel: str
    """Its code."""
    available_to_promise: int
    """What this channel may sell now, never negative: less safety stock, the channel's buffer,
    units protected for other channels, and backorders.
    """
    in_stock: bool
    """Whether anything may be sold."""
    locations: list[LocationAvailability]
    """The channel's active locations that the caller may see."""
    ship_by: datetime | None
    """When units of the location that delivers soonest would leave; null where nothing may be sold.
    """
    deliver_by: datetime | None
    """When they would arrive at `shipTo`; null where nothing may be sold, or no lead time is known.
    """
    as_of: datetime
    """The instant for which all of this holds."""

    @staticmethod
    def of(
        found: workflows.availability.availability.Availability, caller: Caller, as_of: datetime
    ) -> "Availability":
        """What the workflow found, at the locations that the caller may see."""
        # As the memory has them, shared by all answers: the type's fields are theirs.
        places: Any = found.places
        seen = caller.locations
        if seen is not None:
            places = [place for place in places if place.location in seen]
        units = found.available_to_promise
        return Availability(
            sku=found.sku,
            channel=found.channel,
            available_to_promise=units,
            in_stock=units > 0,
            locations=places,
            ship_by=found.ship_by,
            deliver_by=found.deliver_by,
            as_of=as_of,
        )
