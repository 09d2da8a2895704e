"""Promised dates of a channel's locations, computed once for all SKUs under one policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import workflows.availability.routing as routing
from domain.continuity.measures import Measures
from domain.policies.policies import PolicyVersion
from domain.policies.routing import RoutingRules
from domain.routing.shipping_calendar import Promise, start_of_day, zone_of
from models.queries.catalog.lookups import ChannelFacts, LocationFacts

# Channel, destination, service level.
Terms = tuple[int, str | None, str]
# By location: the first instant of its day, and the number of orders for that day.
OrderCounts = Mapping[int, tuple[datetime, int]]


@dataclass(slots=True, eq=False)
class DeliveryDates:
    """The promises of a channel's locations. The same object is used while they stay the same.

    Cut-offs, handling times and days begin at whole seconds: within a second nothing changes.
    """

    channel: ChannelFacts
    policy: PolicyVersion[RoutingRules]
    terms: Terms
    order_counts: OrderCounts
    measures: Measures
    second: int
    promises: Mapping[int, Promise]
    is_void: bool = False

    @staticmethod
    def at(
        channel: ChannelFacts,
        policy: PolicyVersion[RoutingRules],
        terms: Terms,
        order_counts: OrderCounts,
        measures: Measures,
        now: datetime,
    ) -> DeliveryDates:
        """The promises of orders placed now, under these measures."""
        promises = _compute(channel, policy, terms, order_counts, measures, now)
        return DeliveryDates(
            channel, policy, terms, dict(order_counts), measures, int(now.timestamp()), promises
        )

    def is_valid_at(self, now: datetime, second: int) -> bool:
        """True while the locations would still promise these dates."""
        if second != self.second and not self.is_void:
            promises = _compute(
                self.channel, self.policy, self.terms, self.order_counts, self.measures, now
            )
            self.is_void = promises != self.promises or not is_today(
                self.channel, self.order_counts, self.measures, now
            )
            self.second = second
        return not self.is_void


def is_counted(place: LocationFacts, measures: Measures) -> bool:
    """True if the orders of a location are counted: it has a capacity, or a measure limits it."""
    return place.daily_order_capacity is not None or measures.cap(place.code) is not None


def is_today(
    channel: ChannelFacts, order_counts: OrderCounts, measures: Measures, now: datetime
) -> bool:
    """True if the orders of every counted location were counted for its day at `now`."""
    return all(
        not is_counted(place, measures)
        or (
            place.id in order_counts
            and order_counts[place.id][0] == start_of_day(now, zone_of(place.time_zone))
        )
        for place in channel.locations
    )


def _compute(
    channel: ChannelFacts,
    policy: PolicyVersion[RoutingRules],
    terms: Terms,
    order_counts: OrderCounts,
    measures: Measures,
    now: datetime,
) -> dict[int, Promise]:
    _, country, service_level = terms
    return {
        place.id: routing.dates_of(
            place,
            policy,
            country,
            service_level,
            _count(order_counts, place.id),
            now,
            delay_days=measures.delay_days(channel.code, place.code),
        ).promise
        for place in channel.locations
    }


def _count(order_counts: OrderCounts, place_id: int) -> int:
    return order_counts[place_id][1] if place_id in order_counts else 0
