"""Availability types. They have plain fields only, because this is the most frequent response."""

from datetime import datetime
from typing import Any

import strawberry

import workflows.availability.availability
from domain.access.callers import Caller
from server.projection.list_sizes import listed


@strawberry.type
class LocationAvailability:
    """Available units of a SKU at one location, and their shipping date."""

    location: str
    """Code of the location."""
    available: int
    """Units that can be promised: less safety stock, before channel buffers and protected units."""
    ship_by: datetime | None
    """Shipping date of an order placed now; null if no units are available."""


@strawberry.type
class Availability:
    """Availability of a SKU on a channel at an instant, by the rule that reservations use:
    available units can be held.
    """

    sku: str
    channel: str
    """Code of the channel."""
    available_to_promise: int
    """Units that the channel can sell now, at least 0: less safety stock, the channel's buffer,
    units protected for other channels, and backorders.
    """
    in_stock: bool
    """True if `availableToPromise` is above 0."""
    locations: list[LocationAvailability] = listed(10)
    """Active locations of the channel that the caller may see."""
    ship_by: datetime | None
    """Shipping date from the location that delivers soonest; null if nothing can be sold."""
    deliver_by: datetime | None
    """Delivery date at `shipTo`; null if nothing can be sold, or no lead time is known."""
    as_of: datetime
    """Instant at which all of these values are valid."""

    @staticmethod
    def of(
        found: workflows.availability.availability.Availability, caller: Caller, as_of: datetime
    ) -> "Availability":
        """The result of the workflow, limited to the locations that the caller may see."""
        # The rows of the cache, shared by all responses. They have the attributes of this type.
        places: Any = found.places
        if caller.locations is not None:
            places = [place for place in places if caller.sees_location(place.location)]
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
