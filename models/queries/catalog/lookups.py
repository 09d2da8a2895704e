"""Lookups for commands, one query per type: items by SKU, channels, locations, reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict, cast

from domain.values.codes import ByCode, comparison_key, keys_of
from models.catalog import ReasonCode
from models.database.rows import Flag
from models.database.sessions import Session
from models.database.sql import KeptAnswers, Question, question


class _ItemRow(TypedDict):
    id: int
    sku: str
    category: str | None
    price_minor: int | None
    price_currency: str | None
    unit_cost_minor: int | None
    active: Flag


class _LocationRow(TypedDict):
    id: int
    code: str
    kind: str
    country_code: str | None
    daily_order_capacity: int | None
    time_zone: str
    pack_required: Flag
    scan_required: Flag
    active: Flag


class _ChannelLocationRow(TypedDict):
    """A channel beside one of its active locations, or beside nothing where it has none."""

    channel_id: int
    channel_code: str
    currency: str
    priority: int
    safety_buffer: int
    channel_active: Flag
    id: int | None
    code: str | None
    kind: str | None
    country_code: str | None
    daily_order_capacity: int | None
    time_zone: str | None
    pack_required: Flag | None
    scan_required: Flag | None
    active: Flag | None


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """The columns of an item that stock and money need."""

    id: int
    sku: str
    category: str | None
    price_minor: int | None
    price_currency: str | None
    unit_cost_minor: int | None
    active: Flag


@dataclass(frozen=True, slots=True)
class LocationFacts:
    """The columns of a location that stock and routing need."""

    id: int
    code: str
    kind: str
    country_code: str | None
    daily_order_capacity: int | None
    time_zone: str
    pack_required: bool
    scan_required: bool
    active: bool


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """A channel and its active locations, by code."""

    id: int
    code: str
    currency: str
    priority: int
    safety_buffer: int
    active: bool
    locations: tuple[LocationFacts, ...] = ()


_ITEM = "id, sku, category, price_minor, price_currency, unit_cost_minor, active"
_LOCATION = (
    "l.id, l.code, l.kind, l.country_code, l.daily_order_capacity, l.time_zone,"
    " l.pack_required, l.scan_required, l.active"
)


def items_of(skus: Iterable[str]) -> Question[ByCode[ItemFacts]]:
    """The items of these SKUs; unknown ones are missing."""
    return question(
        _ItemRow,
        f"SELECT {_ITEM} FROM item WHERE sku_key = ANY($1::text[])",
        (keys_of(skus),),
        lambda rows: ByCode((ItemFacts(**row) for row in rows), lambda item: item.sku),
    )


async def items_by_sku(session: Session, skus: Iterable[str]) -> ByCode[ItemFacts]:
    """The items of these SKUs; unknown ones are missing."""
    return await session.answer(items_of(skus))


async def items_by_id(session: Session, item_ids: Iterable[int]) -> dict[int, ItemFacts]:
    """The items of these ids."""
    rows = await session.rows(
        _ItemRow,
        f"SELECT {_ITEM} FROM item WHERE id = ANY($1::bigint[])",
        sorted(set(item_ids)),
    )
    return {row["id"]: ItemFacts(**row) for row in rows}


async def location_by_code(session: Session, code: str) -> LocationFacts | None:
    """A location, active or not."""
    sql = f"SELECT {_LOCATION} FROM location l WHERE l.code_key = $1"
    row = await session.row(_LocationRow, sql, comparison_key(code))
    return None if row is None else _location(row)


async def locations_by_code(session: Session, codes: Iterable[str]) -> ByCode[LocationFacts]:
    """The locations of these codes, active or not; unknown ones are missing."""
    sql = f"SELECT {_LOCATION} FROM location l WHERE l.code_key = ANY($1::text[])"
    rows = await session.rows(_LocationRow, sql, keys_of(codes))
    return ByCode(map(_location, rows), lambda location: location.code)


async def hold_location(session: Session, code: str) -> LocationFacts | None:
    """A location, active or not, protected from change until the transaction ends."""
    sql = f"SELECT {_LOCATION} FROM location l WHERE l.code_key = $1 FOR KEY SHARE OF l"
    row = await session.row(_LocationRow, sql, comparison_key(code))
    return None if row is None else _location(row)


async def locations_by_id(session: Session, ids: Iterable[int]) -> dict[int, LocationFacts]:
    """The locations of these ids."""
    sql = f"SELECT {_LOCATION} FROM location l WHERE l.id = ANY($1::bigint[])"
    rows = await session.rows(_LocationRow, sql, sorted(set(ids)))
    return {row["id"]: _location(row) for row in rows}


def _location(row: _LocationRow) -> LocationFacts:
    return LocationFacts(
        id=row["id"],
        code=row["code"],
        kind=row["kind"],
        country_code=row["country_code"],
        daily_order_capacity=row["daily_order_capacity"],
        time_zone=row["time_zone"],
        pack_required=bool(row["pack_required"]),
        scan_required=bool(row["scan_required"]),
        active=bool(row["active"]),
    )


_CHANNELS = f"""
SELECT c.id AS channel_id, c.code AS channel_code, c.currency, c.priority, c.safety_buffer,
  c.active AS channel_active, {_LOCATION}
FROM channel c
LEFT JOIN channel_location cl ON cl.channel_id = c.id
LEFT JOIN location l ON l.id = cl.location_id AND l.active
"""
_IN_ORDER = "ORDER BY c.priority, c.code, l.code"
_KEPT_CHANNELS = KeptAnswers()


async def channels_by_code(session: Session, codes: Iterable[str]) -> ByCode[ChannelFacts]:
    """The channels of these codes with their active locations; unknown ones are missing."""
    found = await _channels(session, "c.code_key = ANY($1::text[])", keys_of(codes))
    return ByCode(found, lambda channel: channel.code)


async def channels_by_id(session: Session, ids: Iterable[int]) -> dict[int, ChannelFacts]:
    """The channels of these ids with their active locations."""
    return {
        channel.id: channel
        for channel in await _channels(session, "c.id = ANY($1::bigint[])", sorted(set(ids)))
    }


async def all_channels(session: Session) -> list[ChannelFacts]:
    """All channels with their active locations, by priority."""
    return await session.answer(every_channel())


def every_channel() -> Question[list[ChannelFacts]]:
    """All channels with their active locations, by priority."""
    sql = f"{_CHANNELS} {_IN_ORDER}"
    return question(_ChannelLocationRow, sql, (), _read_channels, _KEPT_CHANNELS)


async def _channels(session: Session, condition: str, values: object) -> list[ChannelFacts]:
    sql = f"{_CHANNELS} WHERE {condition} {_IN_ORDER}"
    return _read_channels(await session.rows(_ChannelLocationRow, sql, values))


def _read_channels(rows: Sequence[_ChannelLocationRow]) -> list[ChannelFacts]:
    found: dict[int, ChannelFacts] = {}
    places: dict[int, list[LocationFacts]] = {}
    for row in rows:
        channel_id = row["channel_id"]
        if channel_id not in found:
            found[channel_id] = ChannelFacts(
                id=channel_id,
                code=row["channel_code"],
                currency=row["currency"],
                priority=row["priority"],
                safety_buffer=row["safety_buffer"],
                active=bool(row["channel_active"]),
            )
        if row["id"] is not None:  # a location was joined, so its columns are there
            place = _location(cast("_LocationRow", row))
            places.setdefault(channel_id, []).append(place)
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
    found = await ReasonCode.get_or_none(kind=kind, code_key=code, using_db=session.client)
    return None if found is None else ReasonFacts(found.id, found.code, found.active)
