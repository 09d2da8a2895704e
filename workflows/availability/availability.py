"""What a channel may sell now, when it ships, and when it arrives: the rule that holds use too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import models.queries.catalog.lookups as lookups
import models.queries.stock.availability as availability_queries
import workflows.availability.atp_context as atp_context
import workflows.availability.routing as routing
import workflows.policies.publishing as policies
from domain.access.callers import Caller
from domain.errors import NotFound
from domain.policies.policies import PolicyKind
from domain.routing.shipping_calendar import Promise
from models.database.sessions import Session
from models.queries.catalog.lookups import ChannelFacts
from models.queries.stock.availability import Goods

SHOWN_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class LocationAvailability:
    """Units of a SKU that a location may promise, and when it would ship them."""

    location: str
    available: int
    ship_by: datetime | None


@dataclass(frozen=True, slots=True)
class Availability:
    """What a channel may sell of a SKU at an instant, never negative."""

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
    """Availability of each SKU in the order asked; None for one that does not exist.

    Raises NotFound for a channel outside the caller's scope. A closed channel sells nothing.
    """
    channels = await lookups.all_channels(session)
    channel = visible(channels, channel_code, caller)
    goods = await availability_queries.goods(session, sorted(set(skus)), now)
    market = atp_context.AtpContext(
        channels=channels,
        routing=await policies.in_force(session, PolicyKind.ROUTING, now),
        backordered=owed(goods.values()),
        now=now,
    )
    found: list[Availability | None] = []
    for sku in skus:
        each = goods.get(sku)
        if each is None:
            found.append(None)
            continue
        policy = market.rules_for(channel, [each.item])
        terms = (country, service_level)
        places = await routing.promises(session, market, channel.locations, policy, *terms)
        dates = {place_id: place.promise for place_id, place in places.items()}
        found.append(of_goods(market, channel, each, dates))
    return found


def visible(channels: Iterable[ChannelFacts], code: str, caller: Caller) -> ChannelFacts:
    """The channel of a code. Raises NotFound where the caller does not see it."""
    for channel in channels:
        if channel.code == code and caller.sees_channel(code):
            return channel
    raise NotFound("channel", code, field=("channel",))


def owed(goods: Iterable[Goods]) -> dict[tuple[int, int], int]:
    """Open backordered units by (channel, item)."""
    return {
        (channel_id, each.item.id): units
        for each in goods
        for channel_id, units in each.backordered.items()
    }


def of_goods(
    market: atp_context.AtpContext,
    channel: ChannelFacts,
    goods: Goods,
    dates: Mapping[int, Promise],
) -> Availability:
    """What a channel may sell of some goods; `dates`: when each of its locations would ship."""
    item = goods.item
    there = {place.id: goods.promisable.get(place.id, 0) for place in channel.locations}
    total = market.promise(channel, item, there.values()) if channel.active else 0
    # Several levels together may hold more than GraphQL's Int says.
    total = min(total, SHOWN_MAX)
    able = [dates[place.id] for place in channel.locations if there[place.id]]
    soonest = min(able, key=_arrival) if able and total else None
    return Availability(
        sku=item.sku,
        channel=channel.code,
        available_to_promise=total,
        places=[
            LocationAvailability(
                place.code,
                there[place.id] if channel.active else 0,
                dates[place.id].ship_by if there[place.id] else None,
            )
            for place in channel.locations
        ],
        ship_by=None if soonest is None else soonest.ship_by,
        deliver_by=None if soonest is None else soonest.deliver_by,
        as_of=market.now,
    )


def _arrival(promise: Promise) -> tuple[bool, datetime]:
    if promise.deliver_by is None:
        return (True, promise.ship_by)
    return (False, promise.deliver_by)
