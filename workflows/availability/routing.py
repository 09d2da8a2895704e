"""Selection of the locations that serve a demand, and their promised dates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import domain.routing.callers_choice as callers_choice
import models.queries.stock.availability as availability_queries
from domain.errors import InsufficientStock
from domain.policies.policies import PolicyVersion
from domain.policies.rollout import RolloutDomain, RolloutMode
from domain.policies.routing import ANY, RoutingRules
from domain.routing.planning import Allocation, Candidate, Pin
from domain.routing.shipping_calendar import Capacity, Promise, promise, start_of_day, zone_of
from domain.values.totals import totals
from models.database.sessions import Session
from models.queries.catalog.lookups import ChannelFacts, ItemFacts, LocationFacts
from workflows.availability.atp_context import AtpContext, LocationDates
from workflows.availability.demands import (
    Demand,
    check_promised,
    named_beyond,
    named_units,
    promisable_at,
)
from workflows.rollout.modes import Switch
from workflows.transactions.transaction import Transaction

STANDARD = "STANDARD"
# Member of a stored decision that the ROUTING policy did not make: the mode, and its policy.
ROLLOUT = "rollout"


@dataclass(frozen=True, slots=True)
class Plan:
    """Allocated (item, location, units) that add up to the demands; the explanation as JSON."""

    allocation: Sequence[tuple[int, int, int]]
    decision: Mapping[str, Any]
    demands: Sequence[Demand]


async def plan(
    tx: Transaction,
    context: AtpContext,
    channel: ChannelFacts,
    demands: Sequence[Demand],
    country: str | None = None,
    service_level: str = STANDARD,
    switch: Switch | None = None,
) -> Plan:
    """Allocate the demands to the channel's locations. Their stock must be locked.

    `switch`: that of an order or hold that is not LIVE. Its units come from the location that their
    demand names, else from the channel's locations in order. Raises InsufficientStock at the first
    line of an item if the channel may sell too few units.
    """
    check_promised(tx, context, channel, demands)
    made = await _plan(tx, context, channel, demands, (country, service_level), switch)
    return replace(made, decision={**made.decision, **_kept(switch)}) if switch else made


def switch_of(decision: Mapping[str, Any]) -> Switch | None:
    """The mode that a stored decision was made in; None: the ROUTING policy made it."""
    kept = decision.get(ROLLOUT)
    if kept is None:
        return None
    mode = RolloutMode(kept["mode"])
    return Switch(RolloutDomain.ROUTING, mode, kept["scope"], kept["version"])


def _kept(switch: Switch | None) -> dict[str, Any]:
    """The mode as a member of a stored decision."""
    if switch is None:
        return {}
    kept = {"mode": str(switch.mode), "scope": switch.scope, "version": switch.version}
    return {ROLLOUT: kept}


async def would_route(
    tx: Transaction,
    context: AtpContext,
    channel: ChannelFacts,
    demands: Sequence[Demand],
    country: str | None = None,
    service_level: str = STANDARD,
) -> Sequence[str]:
    """The locations that the ROUTING policy would choose, whatever the demands name."""
    free = [replace(demand, location=None) for demand in demands]
    terms = (country, service_level)
    made = await _plan(tx, context, channel, free, terms, None)
    return tuple(made.decision["chosen"])


async def _plan(
    tx: Transaction,
    context: AtpContext,
    channel: ChannelFacts,
    demands: Sequence[Demand],
    terms: tuple[str | None, str],
    switch: Switch | None,
) -> Plan:
    """Choose the locations. One that is not LIVE itself serves only lines that name it."""
    items = {demand.item.sku: demand.item for demand in demands}
    first = {demand.item.id: demand for demand in reversed(demands)}
    policy = context.rules_for(channel, items.values())
    opened = context.opened(channel)
    beyond = named_beyond(context, channel, opened, demands)
    if beyond:
        opened = replace(opened, locations=(*opened.locations, *beyond))
    dates = await promises(tx.session, context, opened, policy, *terms)
    only_named = totals(named_units(demands, beyond))
    candidates = [
        Candidate(
            location=place.code,
            stock={
                sku: 0
                if context.is_withheld(channel, place, item)
                else _candidate_units(tx, item, place, beyond, only_named)
                for sku, item in items.items()
            },
            promise=dates[place.id].promise,
            capacity_left=dates[place.id].capacity.left,
        )
        for place in opened.locations
    ]
    free: dict[str, int] = {}
    pins: list[Pin] = []
    for demand in demands:
        if demand.location is None:
            free[demand.item.sku] = free.get(demand.item.sku, 0) + demand.quantity
        else:
            _check_open(opened, demand)
            pins.append(Pin(demand.item.sku, demand.location, demand.quantity))
    chosen: Sequence[Allocation]
    try:
        if switch is None:
            plans = context.plans_of(
                policy, ((place.id, dates[place.id].promise) for place in opened.locations)
            )
            chosen, explanation = plans.plan(free, candidates, pins=pins)
        else:
            chosen, explanation = callers_choice.plan(free, candidates, policy.version, pins=pins)
    except InsufficientStock as error:
        raise error.under(*first[items[error.sku].id].field, "quantity") from None
    place_ids = {place.code: place.id for place in channel.locations}
    allocation = [(items[each.sku].id, place_ids[each.location], each.quantity) for each in chosen]
    return Plan(allocation, _with_closed(context, channel, opened, explanation), demands)


def _candidate_units(
    tx: Transaction,
    item: ItemFacts,
    place: LocationFacts,
    beyond: Collection[LocationFacts],
    only_named: Mapping[tuple[str, str], int],
) -> int:
    """Units of an item that a candidate may supply: no more than named ones, if it is beyond."""
    units = promisable_at(tx, item.id, place.id)
    return min(units, only_named.get((item.sku, place.code), 0)) if place in beyond else units


def _check_open(opened: ChannelFacts, demand: Demand) -> None:
    """Raise InsufficientStock for units of a location that a measure closes."""
    if all(place.code != demand.location for place in opened.locations):
        raise InsufficientStock(
            demand.item.sku, demand.quantity, 0, field=(*demand.field, "quantity")
        )


def _with_closed(
    context: AtpContext,
    channel: ChannelFacts,
    opened: ChannelFacts,
    explanation: Mapping[str, Any],
) -> Mapping[str, Any]:
    """The explanation, with the locations that measures or the ROLLOUT policy leave out."""
    if opened is channel:
        return explanation
    candidates = {place.id for place in opened.locations}
    closed = [
        {
            "location": place.code,
            "accepted": False,
            "reasons": [_why_closed(context, channel, place)],
        }
        for place in channel.locations
        if place.id not in candidates
    ]
    return {**explanation, "considered": [*explanation["considered"], *closed]}


def _why_closed(context: AtpContext, channel: ChannelFacts, place: LocationFacts) -> str:
    if place in context.unclosed(channel).locations:
        return "is not LIVE in the ROLLOUT policy: it supplies only lines that name it"
    measure = context.measures.closing(channel.code, place.code)
    if measure is not None:
        return f"is closed by the playbook {measure.playbook}"
    return f"got its {context.measures.cap(place.code)} parcels of today, which a playbook limits"


async def promises(
    session: Session,
    context: AtpContext,
    channel: ChannelFacts,
    policy: PolicyVersion[RoutingRules],
    country: str | None,
    service_level: str,
) -> dict[int, LocationDates]:
    """Dates of an order placed now, and the capacity left, for each location of a channel."""
    found = {}
    measures = context.measures
    for place in channel.locations:
        known = context.dates_now if place.daily_order_capacity is None else context.dates
        delay = measures.delay_days(channel.code, place.code) if measures else 0
        key = (place.id, id(policy), country, service_level, delay)  # the context keeps policies
        dates = known.get(key)
        if dates is None:
            order_count = await orders_today(session, place, context.now)
            dates = dates_of(
                place, policy, country, service_level, order_count, context.now, delay_days=delay
            )
            known[key] = dates
        found[place.id] = dates
    return found


async def orders_today(session: Session, place: LocationFacts, now: datetime) -> int:
    """Number of orders that a location got on its day at `now`; 0 if it has no daily capacity."""
    if place.daily_order_capacity is None:
        return 0
    start = start_of_day(now, zone_of(place.time_zone))
    return await availability_queries.orders_since(session, place.id, start)


def dates_of(
    place: LocationFacts,
    policy: PolicyVersion[RoutingRules],
    country: str | None,
    service_level: str,
    order_count: int,
    now: datetime,
    *,
    delay_days: int = 0,
) -> LocationDates:
    """Dates of an order placed `now` at a location that has `order_count` orders for today.

    `delay_days`: days by which measures delay the delivery.
    """
    capacity = Capacity(place.daily_order_capacity, order_count)
    destination = country or place.country_code or ANY
    lead_days = policy.rules.lead_days(service_level, place.code, destination)
    if lead_days is not None:
        lead_days += delay_days
    hours = policy.rules.hours_of(place.code)
    zone = zone_of(place.time_zone)
    return LocationDates(
        promise(now, zone, hours, capacity=capacity, lead_days=lead_days), capacity
    )


def latest(
    dates: Iterable[Promise],
) -> tuple[datetime | None, datetime | None]:
    """(ship by, deliver by) of an order that ships from all these locations."""
    promised_dates = list(dates)
    if not promised_dates:
        return None, None
    arrivals = [each.deliver_by for each in promised_dates]
    known = [each for each in arrivals if each is not None]
    deliver_by = max(known) if len(known) == len(arrivals) else None
    return max(each.ship_by for each in promised_dates), deliver_by


async def promise_from(
    tx: Transaction,
    context: AtpContext,
    channel: ChannelFacts,
    items: Iterable[ItemFacts],
    place_ids: Collection[int],
    country: str | None,
    service_level: str,
) -> tuple[datetime | None, datetime | None]:
    """(ship by, deliver by) of an order whose units are at these locations."""
    policy = context.rules_for(channel, items)
    places = tuple(place for place in channel.locations if place.id in place_ids)
    there = replace(channel, locations=places)
    found = await promises(tx.session, context, there, policy, country, service_level)
    return latest(dates.promise for dates in found.values())


def undecided(
    context: AtpContext, channel: ChannelFacts, items: Iterable[ItemFacts], switch: Switch | None
) -> dict[str, Any]:
    """The routing decision for a demand that no location can serve yet."""
    return {
        **_kept(switch),
        "policyVersion": context.rules_for(channel, items).version,
        "chosen": [],
        "considered": [
            {
                "location": place.code,
                "accepted": False,
                "reasons": ["has none of these items to promise"],
            }
            for place in channel.locations
        ],
    }
