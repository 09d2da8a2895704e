"""What a channel may sell now, when it ships, and when it arrives: the rule that holds use too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import models.queries.lookups as lookups
import models.queries.promises as queries
import workflows.market as markets
import workflows.routing as routing
from domain.access import Caller
from domain.calendar import Promise
from domain.errors import NotFound
from domain.stock import promisable
from models.queries.lookups import ChannelFacts, ItemFacts
from models.sessions import Session

SHOWN_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PlaceAvailability:
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
    places: Sequence[PlaceAvailability]
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
    channels = await lookups.channels_by_code(session, [channel_code])
    channel = channels.get(channel_code)
    if channel is None or not caller.sees_channel(channel_code):
        raise NotFound("channel", channel_code, field=("channel",))
    items = await lookups.items_by_sku(session, skus)
    item_ids = sorted(item.id for item in items.values())
    market = await markets.visit(session, item_ids, now)
    units: dict[tuple[int, int], int] = {}
    for row in await queries.supply(session, item_ids, now):
        can_promise = promisable(row["available"], int(row["expired"]), row["safety_stock"])
        units[(row["item_id"], row["location_id"])] = can_promise
    found: list[Availability | None] = []
    for sku in skus:
        item = items.get(sku)
        if item is None:
            found.append(None)
            continue
        policy = market.rules_for(channel, [item])
        terms = (country, service_level)
        places = await routing.promises(session, market, channel.locations, policy, *terms)
        dates = {place_id: each.promise for place_id, each in places.items()}
        found.append(_of(market, channel, item, units, dates, now))
    return found


def _of(
    market: markets.Market,
    channel: ChannelFacts,
    item: ItemFacts,
    units: dict[tuple[int, int], int],
    dates: dict[int, Promise],
    now: datetime,
) -> Availability:
    there = {place.id: units.get((item.id, place.id), 0) for place in channel.locations}
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
            PlaceAvailability(
                place.code,
                there[place.id] if channel.active else 0,
                dates[place.id].ship_by if there[place.id] else None,
            )
            for place in channel.locations
        ],
        ship_by=None if soonest is None else soonest.ship_by,
        deliver_by=None if soonest is None else soonest.deliver_by,
        as_of=now,
    )


def _arrival(promise: Promise) -> tuple[bool, datetime]:
    if promise.deliver_by is None:
        return (True, promise.ship_by)
    return (False, promise.deliver_by)
