"""Availability: the units that a channel may sell now, with their ship and delivery dates.

Reservations apply the same rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import models.queries.catalog.lookups as lookups
import models.queries.continuity.measures as measure_queries
import models.queries.stock.availability as availability_queries
import workflows.availability.atp_context as atp_context
import workflows.availability.routing as routing
import workflows.policies.publishing as policies
from domain.access.callers import Caller
from domain.errors import NotFound
from domain.routing.shipping_calendar import Promise
from domain.values.codes import comparison_key
from models.database.sessions import Session
from models.queries.catalog.lookups import ChannelFacts
from models.queries.stock.availability import ItemSupply

SHOWN_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class LocationAvailability:
    """Units of a SKU that a location may promise, and the time by which it would ship them."""

    location: str
    available: int
    ship_by: datetime | None


@dataclass(frozen=True, slots=True)
class Availability:
    """Units of a SKU that a channel may sell at an instant; never negative."""

    sku: str
    channel: str
    available_to_promise: int
    places: Sequence[LocationAvailability]
    ship_by: datetime | None
    deliver_by: datetime | None
    as_of: datetime


async def find(
    session: Session,
    channel_code: str,
    skus: Sequence[str],
    caller: Caller,
    now: datetime,
    *,
    country: str | None = None,
    service_level: str = routing.STANDARD,
) -> list[Availability | None]:
    """Availability of each SKU, in the order of the request; None for a SKU that does not exist.

    Raises NotFound for a channel outside the caller's scope. An inactive channel sells nothing.
    """
    channels = await lookups.all_channels(session)
    channel = visible(channels, channel_code, caller)
    supply = await availability_queries.supply_of_items(session, skus, now)
    context = await atp_context.made_of(
        session,
        channels,
        await session.answer(policies.sourcing_in_force(now)),
        backordered_units(supply.values()),
        await session.answer(measure_queries.active()),
        now,
    )
    found: list[Availability | None] = []
    for sku in skus:
        each = supply.get(sku)
        if each is None:
            found.append(None)
            continue
        policy = context.rules_for(channel, [each.item])
        terms = (country, service_level)
        places = await routing.promises(session, context, channel, policy, *terms)
        dates = {place_id: place.promise for place_id, place in places.items()}
        found.append(of_supply(context, channel, each, dates))
    return found


def visible(channels: Iterable[ChannelFacts], code: str, caller: Caller) -> ChannelFacts:
    """The channel with this code. Raises NotFound unless the caller sees it."""
    key = comparison_key(code)
    for channel in channels:
        is_named = channel.code == code or comparison_key(channel.code) == key
        if is_named and caller.sees_channel(channel.code):
            return channel
    raise NotFound("channel", code, field=("channel",))


def backordered_units(supply: Iterable[ItemSupply]) -> dict[tuple[int, int], int]:
    """Open backordered units by (channel, item)."""
    return {
        (channel_id, each.item.id): units
        for each in supply
        for channel_id, units in each.backordered.items()
    }


def of_supply(
    context: atp_context.AtpContext,
    channel: ChannelFacts,
    supply: ItemSupply,
    dates: Mapping[int, Promise],
) -> Availability:
    """Availability of one SKU in a channel. `dates`: the promise of each of its locations."""
    item = supply.item
    opened = context.opened(channel)
    there = {
        place.id: 0
        if context.is_withheld(channel, place, item)
        else supply.promisable.get(place.id, 0)
        for place in opened.locations
    }
    is_sold = channel.active and item.active
    total = context.promise(channel, item, there.values()) if is_sold else 0
    # The sum over several levels may exceed GraphQL's 32-bit Int.
    total = min(total, SHOWN_MAX)
    able = [dates[place.id] for place in opened.locations if there[place.id]]
    soonest = min(able, key=_arrival) if able and total else None
    return Availability(
        sku=item.sku,
        channel=channel.code,
        available_to_promise=total,
        places=[
            LocationAvailability(
                place.code,
                there[place.id] if is_sold else 0,
                dates[place.id].ship_by if there[place.id] else None,
            )
            for place in opened.locations
        ],
        ship_by=None if soonest is None else soonest.ship_by,
        deliver_by=None if soonest is None else soonest.deliver_by,
        as_of=context.now,
    )


def _arrival(promise: Promise) -> tuple[bool, datetime]:
    if promise.deliver_by is None:
        return (True, promise.ship_by)
    return (False, promise.deliver_by)
