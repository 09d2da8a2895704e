"""When a channel's locations ship, worked out once for all SKUs under one policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import workflows.availability.routing as routing
from domain.policies.policies import PolicyVersion
from domain.policies.routing import RoutingRules
from domain.routing.shipping_calendar import Promise, start_of_day, zone_of
from models.queries.catalog.lookups import ChannelFacts

# Channel, destination, service level.
Terms = tuple[int, str | None, str]
# Orders for today by location, and the day's first instant.
Taken = Mapping[int, tuple[datetime, int]]


@dataclass(slots=True, eq=False)
class DeliveryDates:
    """The promises of a channel's locations; the same object for as long as they stay the same.

    Cut-offs, handling and days begin at whole seconds, so within a second nothing changes.
    """

    channel: ChannelFacts
    policy: PolicyVersion[RoutingRules]
    terms: Terms
    taken: Taken
    second: int
    promises: Mapping[int, Promise]
    is_void: bool = False

    @staticmethod
    def at(
        channel: ChannelFacts,
        policy: PolicyVersion[RoutingRules],
        terms: Terms,
        taken: Taken,
        now: datetime,
    ) -> DeliveryDates:
        """The promises of orders placed now."""
        promises = _work_out(channel, policy, terms, taken, now)
        return DeliveryDates(channel, policy, terms, dict(taken), int(now.timestamp()), promises)

    def hold_at(self, now: datetime, second: int) -> bool:
        """Whether they are still what a location would promise."""
        if second != self.second and not self.is_void:
            promises = _work_out(self.channel, self.policy, self.terms, self.taken, now)
            self.is_void = promises != self.promises or not is_today(self.channel, self.taken, now)
            self.second = second
        return not self.is_void


def is_today(channel: ChannelFacts, taken: Taken, now: datetime) -> bool:
    """Whether the orders of every location with a capacity were counted on its day of `now`."""
    return all(
        place.daily_order_capacity is None
        or (place.id in taken and taken[place.id][0] == start_of_day(now, zone_of(place.time_zone)))
        for place in channel.locations
    )


def _work_out(
    channel: ChannelFacts,
    policy: PolicyVersion[RoutingRules],
    terms: Terms,
    taken: Taken,
    now: datetime,
) -> dict[int, Promise]:
    _, country, service_level = terms
    return {
        place.id: routing.dates_of(
            place, policy, country, service_level, _count(taken, place.id), now
        ).promise
        for place in channel.locations
    }


def _count(taken: Taken, place_id: int) -> int:
    return taken[place_id][1] if place_id in taken else 0
