"""Selection of the locations that serve a demand, and their promised dates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
    """Units of an item, from `location` if it is set, else from any. `field`: path of the line."""

    item: ItemFacts
    quantity: int
    location: str | None
    field: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Allocated (item, location, units) that add up to the demand; the explanation as JSON."""

    allocation: Sequence[tuple[int, int, int]]
    decision: Mapping[str, Any]


def promised(tx: Transaction, context: AtpContext, channel: ChannelFacts, item: ItemFacts) -> int:
    """Units of an item that the channel may sell now, according to the locked levels."""
    places = context.open_places(channel, item)
    units = (level.promisable for level in tx.stock.of_item(item.id) if level.location_id in places)
    return context.promise(channel, item, units)


async def plan(
    tx: Transaction,
    context: AtpContext,
    channel: ChannelFacts,
    demands: Sequence[Demand],
    country: str | None = None,
    service_level: str = STANDARD,
) -> Plan:
    """Allocate the demands to the channel's locations. Their stock must be locked.

    Raises InsufficientStock at the first line of an item if the channel may sell too few units.
    """
    wanted = totals((demand.item.id, demand.quantity) for demand in demands)
    first = {demand.item.id: demand for demand in reversed(demands)}
    for item_id, quantity in wanted.items():
        item = first[item_id].item
        can_sell = promised(tx, context, channel, item)
        if can_sell < quantity:
            field = (*first[item_id].field, "quantity")
            raise InsufficientStock(item.sku, quantity, can_sell, field=field)
    items = {demand.item.sku: demand.item for demand in demands}
    policy = context.rules_for(channel, items.values())
    opened = context.opened(channel)
    dates = await promises(tx.session, context, opened, policy, country, service_level)
    candidates = [
        Candidate(
            location=place.code,
            stock={
                sku: 0
                if context.is_withheld(channel, place, item)
                else _promisable(tx, item.id, place.id)
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
    try:
        plans = context.plans_of(
            policy, ((place.id, dates[place.id].promise) for place in opened.locations)
        )
        chosen, explanation = plans.plan(free, candidates, pins=pins)
    except InsufficientStock as error:
        raise error.under(*first[items[error.sku].id].field, "quantity") from None
    place_ids = {place.code: place.id for place in channel.locations}
    allocation = [(items[each.sku].id, place_ids[each.location], each.quantity) for each in chosen]
    return Plan(allocation, _with_closed(context, channel, opened, explanation))


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
    """The explanation, with the locations that measures leave out."""
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
    measure = context.measures.closing(channel.code, place.code)
    if measure is not None:
        return f"is closed by the playbook {measure.playbook}"
    return f"got its {context.measures.cap(place.code)} parcels of today, which a playbook limits"


def _promisable(tx: Transaction, item_id: int, location_id: int) -> int:
    level = tx.stock.level(item_id, location_id)
    return 0 if level is None else level.promisable


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
    context: AtpContext, channel: ChannelFacts, items: Iterable[ItemFacts]
) -> dict[str, Any]:
    """The routing decision for a demand that no location can serve yet."""
    return {
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
