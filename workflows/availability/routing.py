"""Decides which locations serve a demand, with the facts that the rule asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import models.queries.stock.availability as availability_queries
from domain.errors import InsufficientStock
from domain.policies.policies import PolicyVersion
from domain.policies.routing import ANY, RoutingRules
from domain.routing.planning import Candidate, Pin
from domain.routing.shipping_calendar import Capacity, Promise, promise, start_of_day, zone_of
from domain.values.totals import totals
from models.database.sessions import Session
from models.queries.catalog.lookups import ChannelFacts, ItemFacts, LocationFacts
from workflows.availability.atp_context import AtpContext, LocationDates
from workflows.transactions.transaction import Transaction

STANDARD = "STANDARD"


@dataclass(frozen=True, slots=True)
class Demand:
    """Units of an item, from one location where it is named; `field` is the line's path."""

    item: ItemFacts
    quantity: int
    location: str | None
    field: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """(item, location, units) that add up to the demand, and why, as JSON."""

    allocation: Sequence[tuple[int, int, int]]
    decision: Mapping[str, Any]


def promised(tx: Transaction, market: AtpContext, channel: ChannelFacts, item: ItemFacts) -> int:
    """What the channel may sell of an item now, by the locked levels."""
    places = {place.id for place in channel.locations}
    units = (level.promisable for level in tx.stock.of_item(item.id) if level.location_id in places)
    return market.promise(channel, item, units)


async def plan(
    tx: Transaction,
    market: AtpContext,
    channel: ChannelFacts,
    demands: Sequence[Demand],
    country: str | None = None,
    service_level: str = STANDARD,
) -> Plan:
    """Spread the demands over the channel's locations, whose stock is locked.

    Raises InsufficientStock at the first line of an item of which too little may be sold.
    """
    wanted = totals((demand.item.id, demand.quantity) for demand in demands)
    first = {demand.item.id: demand for demand in reversed(demands)}
    for item_id, quantity in wanted.items():
        item = first[item_id].item
        can_sell = promised(tx, market, channel, item)
        if can_sell < quantity:
            field = (*first[item_id].field, "quantity")
            raise InsufficientStock(item.sku, quantity, can_sell, field=field)
    items = {demand.item.sku: demand.item for demand in demands}
    policy = market.rules_for(channel, items.values())
    dates = await promises(tx.session, market, channel.locations, policy, country, service_level)
    candidates = [
        Candidate(
            location=place.code,
            stock={sku: _promisable(tx, item.id, place.id) for sku, item in items.items()},
            promise=dates[place.id].promise,
            capacity_left=dates[place.id].capacity.left,
        )
        for place in channel.locations
    ]
    free: dict[str, int] = {}
    pins: list[Pin] = []
    for demand in demands:
        if demand.location is None:
            free[demand.item.sku] = free.get(demand.item.sku, 0) + demand.quantity
        else:
            pins.append(Pin(demand.item.sku, demand.location, demand.quantity))
    try:
        plans = market.plans_of(channel, policy, country, service_level)
        taken, explanation = plans.plan(free, candidates, pins=pins)
    except InsufficientStock as error:
        raise error.under(*first[items[error.sku].id].field, "quantity") from None
    place_ids = {place.code: place.id for place in channel.locations}
    allocation = [(items[each.sku].id, place_ids[each.location], each.quantity) for each in taken]
    return Plan(allocation, explanation)


def _promisable(tx: Transaction, item_id: int, location_id: int) -> int:
    level = tx.stock.level(item_id, location_id)
    return 0 if level is None else level.promisable


async def promises(
    session: Session,
    market: AtpContext,
    places: Iterable[LocationFacts],
    policy: PolicyVersion[RoutingRules],
    country: str | None,
    service_level: str,
) -> dict[int, LocationDates]:
    """When each location would ship and deliver an order placed now, and what it still takes."""
    found = {}
    for place in places:
        key = (place.id, policy.version, country, service_level)
        dates = market.dates.get(key)
        if dates is None:
            dates = await _dates(session, market.now, place, policy, country, service_level)
            # A policy's version is its scope's own: only one scope's may be remembered.
            if len(market.routing) == 1:
                market.dates[key] = dates
        found[place.id] = dates
    return found


async def _dates(
    session: Session,
    now: datetime,
    place: LocationFacts,
    policy: PolicyVersion[RoutingRules],
    country: str | None,
    service_level: str,
) -> LocationDates:
    taken = await orders_today(session, place, now)
    return dates_of(place, policy, country, service_level, taken, now)


async def orders_today(session: Session, place: LocationFacts, now: datetime) -> int:
    """Orders that a location was given on its day of `now`; 0 where it takes any number."""
    if place.daily_order_capacity is None:
        return 0
    start = start_of_day(now, zone_of(place.time_zone))
    return await availability_queries.orders_since(session, place.id, start)


def dates_of(
    place: LocationFacts,
    policy: PolicyVersion[RoutingRules],
    country: str | None,
    service_level: str,
    taken: int,
    now: datetime,
) -> LocationDates:
    """When a location with `taken` orders for today ships and delivers one placed `now`."""
    capacity = Capacity(place.daily_order_capacity, taken)
    destination = country or place.country_code or ANY
    lead_days = policy.rules.lead_days(service_level, place.code, destination)
    hours = policy.rules.hours_of(place.code)
    zone = zone_of(place.time_zone)
    return LocationDates(
        promise(now, zone, hours, capacity=capacity, lead_days=lead_days), capacity
    )


def latest(
    dates: Iterable[Promise],
) -> tuple[datetime | None, datetime | None]:
    """(ship by, deliver by) of an order that leaves from all these places."""
    promised_dates = list(dates)
    if not promised_dates:
        return None, None
    arrivals = [each.deliver_by for each in promised_dates]
    known = [each for each in arrivals if each is not None]
    deliver_by = max(known) if len(known) == len(arrivals) else None
    return max(each.ship_by for each in promised_dates), deliver_by


async def promise_from(
    tx: Transaction,
    market: AtpContext,
    channel: ChannelFacts,
    items: Iterable[ItemFacts],
    place_ids: Collection[int],
    country: str | None,
    service_level: str,
) -> tuple[datetime | None, datetime | None]:
    """(ship by, deliver by) of an order whose units are at these locations."""
    policy = market.rules_for(channel, items)
    places = [place for place in channel.locations if place.id in place_ids]
    found = await promises(tx.session, market, places, policy, country, service_level)
    return latest(dates.promise for dates in found.values())


def undecided(
    market: AtpContext, channel: ChannelFacts, items: Iterable[ItemFacts]
) -> dict[str, Any]:
    """The decision about a demand of which nothing can be had yet."""
    return {
        "policyVersion": market.rules_for(channel, items).version,
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
