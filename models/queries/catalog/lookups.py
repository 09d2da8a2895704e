"""What a command names, found in one query per noun: items by SKU, channels, places, reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.catalog import ReasonCode
from models.database.sessions import Row, Session
from models.database.sql import Question


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What stock and money need to know of an item."""

    id: int
    sku: str
    category: str | None
    price_minor: int | None
    price_currency: str | None
    unit_cost_minor: int | None


@dataclass(frozen=True, slots=True)
class LocationFacts:
    """A location as stock and routing see it."""

    id: int
    code: str
    kind: str
    country_code: str | None
    daily_order_capacity: int | None
    time_zone: str
    pack_required: bool
    active: bool


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """A channel, and the active locations that it sells from, by code."""

    id: int
    code: str
    currency: str
    priority: int
    safety_buffer: int
    active: bool
    locations: tuple[LocationFacts, ...] = ()


_ITEM = "id, sku, category, price_minor, price_currency, unit_cost_minor"
_LOCATION = (
    "l.id, l.code, l.kind, l.country_code, l.daily_order_capacity, l.time_zone,"
    " l.pack_required, l.active"
)


def items_of(skus: Iterable[str]) -> Question[dict[str, ItemFacts]]:
    """The items of these SKUs; unknown ones are missing."""
    return Question(
        f"SELECT {_ITEM} FROM item WHERE sku = ANY($1::text[])",
        (sorted(set(skus)),),
        lambda rows: {row["sku"]: ItemFacts(**row) for row in rows},
    )


async def items_by_sku(session: Session, skus: Iterable[str]) -> dict[str, ItemFacts]:
    """The items of these SKUs; unknown ones are missing."""
    return await session.answer(items_of(skus))


async def items_by_id(session: Session, item_ids: Iterable[int]) -> dict[int, ItemFacts]:
    """The items of these ids."""
    rows = await session.fetch(
        f"SELECT {_ITEM} FROM item WHERE id = ANY($1::bigint[])", sorted(set(item_ids))
    )
    return {row["id"]: ItemFacts(**row) for row in rows}


async def location_by_code(session: Session, code: str) -> LocationFacts | None:
    """A location, active or not."""
    row = await session.fetch_one(f"SELECT {_LOCATION} FROM location l WHERE l.code = $1", code)
    return None if row is None else _location(dict(row))


async def hold_location(session: Session, code: str) -> LocationFacts | None:
    """A location, active or not, kept as it is until the transaction ends."""
    row = await session.fetch_one(
        f"SELECT {_LOCATION} FROM location l WHERE l.code = $1 FOR KEY SHARE OF l", code
    )
    return None if row is None else _location(dict(row))


async def locations_by_id(session: Session, ids: Iterable[int]) -> dict[int, LocationFacts]:
    """The locations of these ids."""
    rows = await session.fetch(
        f"SELECT {_LOCATION} FROM location l WHERE l.id = ANY($1::bigint[])", sorted(set(ids))
    )
    return {row["id"]: _location(dict(row)) for row in rows}


def _location(row: dict[str, object]) -> LocationFacts:
    row["pack_required"], row["active"] = bool(row["pack_required"]), bool(row["active"])
    return LocationFacts(**row)  # type: ignore[arg-type]


_CHANNELS = f"""
SELECT c.id AS channel_id, c.code AS channel_code, c.currency, c.priority, c.safety_buffer,
  c.active AS channel_active, {_LOCATION}
FROM channel c
LEFT JOIN channel_location cl ON cl.channel_id = c.id
LEFT JOIN location l ON l.id = cl.location_id AND l.active
"""
_IN_ORDER = "ORDER BY c.priority, c.code, l.code"


async def channels_by_code(session: Session, codes: Iterable[str]) -> dict[str, ChannelFacts]:
    """The channels of these codes with their active locations; unknown ones are missing."""
    return {
        channel.code: channel
        for channel in await _channels(session, "c.code = ANY($1::text[])", sorted(set(codes)))
    }


async def channels_by_id(session: Session, ids: Iterable[int]) -> dict[int, ChannelFacts]:
    """The channels of these ids with their active locations."""
    return {
        channel.id: channel
        for channel in await _channels(session, "c.id = ANY($1::bigint[])", sorted(set(ids)))
    }


async def all_channels(session: Session) -> list[ChannelFacts]:
    """Every channel with its active locations, those served first in front."""
    return await session.answer(every_channel())


def every_channel() -> Question[list[ChannelFacts]]:
    """Every channel with its active locations, those served first in front."""
    return Question(f"{_CHANNELS} {_IN_ORDER}", (), _read_channels)


async def _channels(session: Session, condition: str, values: object) -> list[ChannelFacts]:
    rows = await session.fetch(f"{_CHANNELS} WHERE {condition} {_IN_ORDER}", values)
    return _read_channels(rows)


def _read_channels(rows: Sequence[Row]) -> list[ChannelFacts]:
    found: dict[int, ChannelFacts] = {}
    places: dict[int, list[LocationFacts]] = {}
    for row in rows:
        facts = dict(row)
        channel = ChannelFacts(
            id=facts.pop("channel_id"),
            code=facts.pop("channel_code"),
            currency=facts.pop("currency"),
            priority=facts.pop("priority"),
            safety_buffer=facts.pop("safety_buffer"),
            active=bool(facts.pop("channel_active")),
        )
        found.setdefault(channel.id, channel)
        if facts["id"] is not None:
            places.setdefault(channel.id, []).append(_location(facts))
    return [
        ChannelFacts(
            channel.id,
            channel.code,
            channel.currency,
            channel.priority,
            channel.safety_buffer,
            channel.active,
            tuple(places.get(channel.id, ())),
        )
        for channel in found.values()
    ]


@dataclass(frozen=True, slots=True)
class ReasonFacts:
    """A reason code that a command may name."""

    id: int
    code: str
    active: bool


async def reason(session: Session, kind: str, code: str) -> ReasonFacts | None:
    """The reason of this kind and code, active or not."""
    found = await ReasonCode.get_or_none(kind=kind, code=code, using_db=session.client)
    return None if found is None else ReasonFacts(found.id, found.code, found.active)
