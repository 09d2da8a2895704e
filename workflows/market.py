"""What a promise depends on besides the units themselves: channels, protections, backorders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import models.queries.lookups as lookups
import models.queries.promises as queries
import workflows.policies as policies
from domain.calendar import Capacity, Promise
from domain.policies import Facts, Policy, PolicyKind, choose
from domain.rules.routing import RoutingRules
from domain.stock import available_to_promise, protected_units
from models.queries.lookups import ChannelFacts, ItemFacts
from models.sessions import Session


@dataclass(frozen=True, slots=True)
class PlaceDates:
    """When a location would ship and deliver an order placed now, and what it still takes."""

    promise: Promise
    capacity: Capacity


@dataclass(frozen=True, slots=True)
class Market:
    """Who sells what before whom, as one transaction or one snapshot sees it.

    `backordered`: open backordered units by (channel, item). `dates`: what was worked out so far
    of when a location ships, by (location, policy version, country, service level).
    """

    channels: Sequence[ChannelFacts]
    routing: Sequence[Policy[RoutingRules]]
    backordered: Mapping[tuple[int, int], int]
    now: datetime
    dates: dict[tuple[int, int, str | None, str], PlaceDates] = field(default_factory=dict)

    def sharing(self, channel: ChannelFacts) -> list[ChannelFacts]:
        """Active channels that sell from one of this channel's locations, itself among them."""
        places = {place.id for place in channel.locations}
        return [
            other
            for other in self.channels
            if other.id == channel.id
            or (other.active and any(place.id in places for place in other.locations))
        ]

    def rules_for(self, channel: ChannelFacts, items: Iterable[ItemFacts]) -> Policy[RoutingRules]:
        """The policy that routes these items together; a category counts if all share it."""
        categories = {item.category for item in items}
        category = categories.pop() if len(categories) == 1 else None
        return choose(self.routing, Facts(channel.code, category), self.now)

    def backordered_of(self, channel: ChannelFacts, item: ItemFacts) -> int:
        """Open backordered units that have a claim on this channel's locations."""
        return sum(self.backordered.get((other.id, item.id), 0) for other in self.sharing(channel))

    def protected_from(self, channel: ChannelFacts, item: ItemFacts) -> int:
        """Units that this channel must leave for the channels served before it."""
        rules = choose(self.routing, Facts(channel.code, item.category), self.now).rules
        if not rules.protected:
            return 0
        priorities = {other.code: other.priority for other in self.sharing(channel)}
        return protected_units(rules.protected, channel.priority, item.category, priorities)

    def promise(
        self, channel: ChannelFacts, item: ItemFacts, promisable_units: Iterable[int]
    ) -> int:
        """What the channel may sell now, of the promisable units at its locations."""
        return available_to_promise(
            promisable_units,
            buffer=channel.safety_buffer,
            protected=self.protected_from(channel, item),
            backordered=self.backordered_of(channel, item),
        )


async def visit(session: Session, item_ids: Iterable[int], now: datetime) -> Market:
    """Read the market for these items; within a transaction, after their stock was locked."""
    return Market(
        channels=await lookups.all_channels(session),
        routing=await policies.in_force(session, PolicyKind.ROUTING, now),
        backordered=await queries.backordered(session, sorted(set(item_ids))),
        now=now,
    )
