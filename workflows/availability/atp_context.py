"""Inputs of the availability-to-promise (ATP) rule, apart from the stock levels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import models.queries.catalog.lookups as lookups
import models.queries.stock.availability as availability_queries
import workflows.policies.publishing as policies
from domain.policies.policies import Facts, PolicyVersion, choose, shared_category
from domain.policies.routing import RoutingRules
from domain.routing.plan_cache import Plans
from domain.routing.shipping_calendar import Capacity, Promise
from domain.stock.states import available_to_promise, protected_units
from domain.values.codes import comparison_key
from models.database.locked_reads import FromLock
from models.database.sessions import Session
from models.database.sql import Question
from models.queries.catalog.lookups import ChannelFacts, ItemFacts


@dataclass(frozen=True, slots=True)
class LocationDates:
    """Ship and delivery dates of an order placed now at a location, and its capacity left."""

    promise: Promise
    capacity: Capacity


@dataclass(frozen=True, slots=True)
class AtpContext:
    """Inputs of the availability-to-promise rule, from one transaction or one snapshot.

    `backordered`: open backordered units by (channel, item). `dates`: computed dates of locations,
    by (location, policy version, country, service level). `dates`, `_sharing`, `_chosen` and
    `_plans` are caches: the lines of a batch need few different values, many times.
    """

    channels: Sequence[ChannelFacts]
    routing: Sequence[PolicyVersion[RoutingRules]]
    backordered: Mapping[tuple[int, int], int]
    now: datetime
    dates: dict[tuple[int, int, str | None, str], LocationDates] = field(default_factory=dict)
    _sharing: dict[tuple[int, ...], list[ChannelFacts]] = field(default_factory=dict)
    _chosen: dict[Facts, PolicyVersion[RoutingRules]] = field(default_factory=dict)
    _plans: dict[tuple[object, ...], Plans] = field(default_factory=dict)

    def sharing(self, channel: ChannelFacts) -> list[ChannelFacts]:
        """Active channels that sell from one of this channel's locations, including itself."""
        key = (channel.id, *(place.id for place in channel.locations))
        found = self._sharing.get(key)
        if found is None:
            places = set(key[1:])
            found = self._sharing[key] = [
                other
                for other in self.channels
                if other.id == channel.id
                or (other.active and any(place.id in places for place in other.locations))
            ]
        return found

    def _rules(self, facts: Facts) -> PolicyVersion[RoutingRules]:
        found = self._chosen.get(facts)
        if found is None:
            found = self._chosen[facts] = choose(self.routing, facts, self.now)
        return found

    def rules_for(
        self, channel: ChannelFacts, items: Iterable[ItemFacts]
    ) -> PolicyVersion[RoutingRules]:
        """The policy that routes these items together. A category counts if all items share it."""
        category = shared_category(item.category for item in items)
        return self._rules(Facts(channel.code, category))

    def plans_of(
        self,
        channel: ChannelFacts,
        policy: PolicyVersion[RoutingRules],
        country: str | None,
        service_level: str,
    ) -> Plans:
        """The plan cache of this policy, for the channel's locations and this destination."""
        places = (place.id for place in channel.locations)
        key = (str(policy.scope), policy.version, country, service_level, *places)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = Plans(policy.rules, policy.version)
        return found

    def backordered_of(self, channel: ChannelFacts, item: ItemFacts) -> int:
        """Open backordered units that have a claim on this channel's locations."""
        if not self.backordered:
            return 0
        return sum(self.backordered.get((other.id, item.id), 0) for other in self.sharing(channel))

    def protected_from(self, channel: ChannelFacts, item: ItemFacts) -> int:
        """Units that this channel must leave for channels of a higher priority."""
        rules = self._rules(Facts(channel.code, item.category)).rules
        if not rules.protected:
            return 0
        sharing = self.sharing(channel)
        priorities = {comparison_key(other.code): other.priority for other in sharing}
        return protected_units(rules.protected, channel.priority, item.category, priorities)

    def promise(
        self, channel: ChannelFacts, item: ItemFacts, promisable_units: Iterable[int]
    ) -> int:
        """Units that the channel may sell now, out of the promisable units at its locations."""
        return available_to_promise(
            promisable_units,
            buffer=channel.safety_buffer,
            protected=self.protected_from(channel, item),
            backordered=self.backordered_of(channel, item),
        )


async def read(session: Session, item_ids: Iterable[int], now: datetime) -> AtpContext:
    """Read the context for these items. In a transaction, lock their stock first."""
    channels, rules, backordered = await session.ask(*questions(sorted(set(item_ids)), now))
    return AtpContext(channels, rules, backordered, now)


def questions(
    item_ids: Sequence[int] | FromLock, now: datetime
) -> tuple[
    Question[list[ChannelFacts]],
    Question[policies.Found[RoutingRules]],
    Question[dict[tuple[int, int], int]],
]:
    """Statements that read a context: channels, routing policies, backordered units of items."""
    return (
        lookups.every_channel(),
        policies.routing_in_force(now),
        availability_queries.backordered(item_ids),
    )
