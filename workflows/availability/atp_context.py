"""Inputs of the availability-to-promise (ATP) rule, apart from the stock levels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import models.queries.catalog.lookups as lookups
import models.queries.continuity.measures as measure_queries
import models.queries.stock.availability as availability_queries
import workflows.policies.publishing as policies
from domain.continuity.measures import NO_MEASURES, Measures
from domain.policies.continuity import MeasureKind
from domain.policies.policies import Facts, PolicyVersion, choose, shared_category
from domain.policies.rollout import RolloutDomain, RolloutMode, RolloutRules
from domain.policies.routing import RoutingRules
from domain.routing.plan_cache import Plans
from domain.routing.shipping_calendar import Capacity, Promise, start_of_day, zone_of
from domain.stock.states import available_to_promise, protected_units
from domain.values.codes import comparison_key
from models.database.locked_reads import FromLock
from models.database.sessions import Session
from models.database.sql import Question
from models.queries.catalog.lookups import ChannelFacts, ItemFacts, LocationFacts
from workflows.policies.publishing import SourcingPolicies
from workflows.rollout.modes import Switch, switch

DERIVED_MAX: Final = 4
CHOSEN_MAX: Final = 1_024
PLANS_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class LocationDates:
    """Ship and delivery dates of an order placed now at a location, and its capacity left."""

    promise: Promise
    capacity: Capacity


@dataclass(slots=True, eq=False)
class KeptRouting:
    """Results that follow from channels and routing policies alone, computed at first use.

    They are kept for later transactions, as long as these read the same channels and policies
    (`KeptAnswers` returns the same objects for the same rows). A hold alone would compute them for
    itself otherwise: a fifth of its processor time. `dates` are those of `second`: cut-offs,
    handling times and days begin at whole seconds.
    """

    channels: Sequence[ChannelFacts]
    routing: SourcingPolicies
    sharing: dict[tuple[int, ...], list[ChannelFacts]] = field(default_factory=dict)
    chosen: dict[Facts, PolicyVersion[RoutingRules]] = field(default_factory=dict)
    plans: dict[tuple[object, ...], Plans] = field(default_factory=dict)
    dates: dict[tuple[object, ...], LocationDates] = field(default_factory=dict)
    second: int = 0
    is_live: bool = field(init=False)
    """True if no ROLLOUT policy leaves the choice of locations to people."""

    def __post_init__(self) -> None:
        self.is_live = all(
            policy.rules.mode(RolloutDomain.ROUTING) is RolloutMode.LIVE
            for policy in self.routing.rollout
        )

    def dates_in(self, second: int) -> dict[tuple[object, ...], LocationDates]:
        """The dates that were computed in this second."""
        if second != self.second:
            self.dates, self.second = {}, second
        return self.dates


_derived: dict[tuple[int, int], KeptRouting] = {}  # by the identity of channels and policies


def _derived_from(channels: Sequence[ChannelFacts], routing: SourcingPolicies) -> KeptRouting:
    key = (id(channels), id(routing))
    found = _derived.get(key)
    if found is None:
        if len(_derived) >= DERIVED_MAX:
            _derived.clear()
        found = _derived[key] = KeptRouting(channels, routing)  # keeps both, so no id is used again
    return found


@dataclass(frozen=True, slots=True)
class AtpContext:
    """Inputs of the availability-to-promise rule, from one transaction or one snapshot.

    `backordered`: open backordered units by (channel, item). `dates`: computed dates of locations
    with a daily capacity, by (location, policy, country, service level); the lines of a batch need
    few different ones, many times. `measures`: those that are active at `now`. `room`: parcels that
    locations under CAP_LOCATION may still get today.
    """

    channels: Sequence[ChannelFacts]
    routing: SourcingPolicies
    backordered: Mapping[tuple[int, int], int]
    now: datetime
    dates: dict[tuple[object, ...], LocationDates] = field(default_factory=dict)
    measures: Measures = NO_MEASURES
    room: dict[int, int] = field(default_factory=dict)
    _derived: KeptRouting = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_derived", _derived_from(self.channels, self.routing))

    @property
    def _leaves_out_places(self) -> bool:
        """True if a measure closes locations, or limits their parcels."""
        return bool(self.room or self.measures.of(MeasureKind.CLOSE_LOCATION))

    def rollout(
        self, channel: ChannelFacts, place: LocationFacts | None = None
    ) -> PolicyVersion[RolloutRules]:
        """The ROLLOUT policy for orders of a channel, or for them at one of its locations."""
        facts = Facts(channel.code, location=None if place is None else place.code)
        return choose(self.routing.rollout, facts, self.now)

    def switch(self, channel: ChannelFacts) -> Switch | None:
        """The mode of new orders and holds of a channel; None if the ROUTING policy decides."""
        if self._derived.is_live:
            return None
        found = switch(self.rollout(channel), RolloutDomain.ROUTING)
        return None if found.is_live else found

    def opened(self, channel: ChannelFacts) -> ChannelFacts:
        """The channel with the locations that orders may use without naming them.

        No measure closes them, and they have room. Of a channel whose orders the policy routes,
        those are left out that are not LIVE: they supply only orders that name them.
        """
        unclosed = self.unclosed(channel)
        if self._derived.is_live or self.switch(channel) is not None:
            return unclosed
        places = tuple(
            place
            for place in unclosed.locations
            if self.rollout(channel, place).rules.mode(RolloutDomain.ROUTING) is RolloutMode.LIVE
        )
        return unclosed if places == unclosed.locations else replace(unclosed, locations=places)

    def unclosed(self, channel: ChannelFacts) -> ChannelFacts:
        """The channel with the locations that no measure closes and that have room."""
        if not self._leaves_out_places:
            return channel
        closing, room = self.measures.closing, self.room
        places = tuple(
            place
            for place in channel.locations
            if room.get(place.id, 1) > 0 and closing(channel.code, place.code) is None
        )
        return channel if places == channel.locations else replace(channel, locations=places)

    def is_withheld(self, channel: ChannelFacts, place: LocationFacts, item: ItemFacts) -> bool:
        """True if a measure withholds the available units of an item at an open location."""
        if not self.measures:
            return False
        return self.measures.is_withheld(channel.code, place.code, item.sku)

    def open_places(self, channel: ChannelFacts, item: ItemFacts) -> set[int]:
        """The locations whose available units of an item orders may use without naming them."""
        return self._usable(self.opened(channel), item)

    def unclosed_places(self, channel: ChannelFacts, item: ItemFacts) -> set[int]:
        """The locations from which no measure forbids the channel to sell an item."""
        return self._usable(self.unclosed(channel), item)

    def _usable(self, channel: ChannelFacts, item: ItemFacts) -> set[int]:
        return {
            place.id for place in channel.locations if not self.is_withheld(channel, place, item)
        }

    def may_use_held(self, channel: ChannelFacts, place_id: int, item: ItemFacts) -> bool:
        """True if no measure forbids the channel to sell held units of an item at a location."""
        if not self.measures:
            return True
        return any(
            place.id == place_id
            and not self.measures.is_stopped(channel.code, place.code, item.sku)
            for place in self.unclosed(channel).locations
        )

    def buffer_of(self, channel: ChannelFacts, item: ItemFacts) -> int:
        """Units of the item that the channel never sells, with those of measures."""
        if not self.measures:
            return channel.safety_buffer
        places = [place.code for place in channel.locations]
        return channel.safety_buffer + self.measures.buffer(channel.code, places, item.sku)

    def sharing(self, channel: ChannelFacts) -> list[ChannelFacts]:
        """Active channels that sell from one of this channel's locations, including itself."""
        if self._leaves_out_places or not self._derived.is_live:
            channels = [self.opened(each) for each in self.channels]
            return _sharing(channels, self.opened(channel))
        key = (channel.id, *(place.id for place in channel.locations))
        found = self._derived.sharing.get(key)
        if found is None:
            found = self._derived.sharing[key] = _sharing(self.channels, channel)
        return found

    def _rules(self, facts: Facts) -> PolicyVersion[RoutingRules]:
        chosen = self._derived.chosen
        found = chosen.get(facts)
        if found is None:
            if len(chosen) >= CHOSEN_MAX:
                chosen.clear()
            found = chosen[facts] = choose(self.routing.routing, facts, self.now)
        return found

    def rules_for(
        self, channel: ChannelFacts, items: Iterable[ItemFacts]
    ) -> PolicyVersion[RoutingRules]:
        """The policy that routes these items together. A category counts if all items share it."""
        category = shared_category(item.category for item in items)
        return self._rules(Facts(channel.code, category))

    def plans_of(
        self, policy: PolicyVersion[RoutingRules], promises: Iterable[tuple[int, Promise]]
    ) -> Plans:
        """The plan cache of this policy, for locations that promise these dates."""
        plans = self._derived.plans
        key = (id(policy), *promises)  # the policy is one of `routing`, which is kept
        found = plans.get(key)
        if found is None:
            if len(plans) >= PLANS_MAX:
                plans.clear()
            found = plans[key] = Plans(policy.rules, policy.version)
        return found

    @property
    def dates_now(self) -> dict[tuple[object, ...], LocationDates]:
        """Computed dates of locations without a daily capacity, valid in this second."""
        return self._derived.dates_in(int(self.now.timestamp()))

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
        """Units that the channel may sell now, out of the promisable units at its locations.

        The units at a location where a measure stops the sale must be left out.
        """
        return available_to_promise(
            promisable_units,
            buffer=self.buffer_of(channel, item),
            protected=self.protected_from(channel, item),
            backordered=self.backordered_of(channel, item),
        )


async def read(session: Session, item_ids: Iterable[int], now: datetime) -> AtpContext:
    """Read the context for these items. In a transaction, lock their stock first."""
    channels, rules, backordered, measures = await session.ask(
        *questions(sorted(set(item_ids)), now)
    )
    return await made_of(session, channels, rules, backordered, measures, now)


async def made_of(
    session: Session,
    channels: Sequence[ChannelFacts],
    rules: SourcingPolicies,
    backordered: Mapping[tuple[int, int], int],
    measures: Measures,
    now: datetime,
) -> AtpContext:
    """The context of these answers, with the room at locations that a measure limits."""
    if not measures:
        return AtpContext(channels, rules, backordered, now)
    measures = measures.at(now)
    room: dict[int, int] = {}
    places = {place.id: place for channel in channels for place in channel.locations}
    for place in places.values():
        cap = measures.cap(place.code)
        if cap is not None:
            room[place.id] = cap - await parcels_today(session, place, now)
    return AtpContext(channels, rules, backordered, now, measures=measures, room=room)


async def parcels_today(session: Session, place: LocationFacts, now: datetime) -> int:
    """Orders that a location got on its day at `now`: each is one parcel, before it is split."""
    start = start_of_day(now, zone_of(place.time_zone))
    return await availability_queries.orders_since(session, place.id, start)


def _sharing(channels: Sequence[ChannelFacts], channel: ChannelFacts) -> list[ChannelFacts]:
    places = {place.id for place in channel.locations}
    return [
        other
        for other in channels
        if other.id == channel.id
        or (other.active and any(place.id in places for place in other.locations))
    ]


def questions(
    item_ids: Sequence[int] | FromLock, now: datetime
) -> tuple[
    Question[list[ChannelFacts]],
    Question[SourcingPolicies],
    Question[dict[tuple[int, int], int]],
    Question[Measures],
]:
    """Statements that read a context: channels, routing policies, backordered units, measures."""
    return (
        lookups.every_channel(),
        policies.sourcing_in_force(now),
        availability_queries.backordered(item_ids),
        measure_queries.active(),
    )
