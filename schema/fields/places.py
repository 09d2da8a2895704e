"""Locations and channels that arguments of queries name by their codes."""

from collections.abc import Sequence
from typing import Final

import models.queries.catalog.lookups as lookups
from domain.errors import BadRequest
from models.queries.catalog.lookups import ChannelFacts, LocationFacts
from schema.context import Info

LOCATIONS_MAX: Final = 200


async def location_named(info: Info, code: str | None) -> int | None:
    """The id of a location; None without a code. Raises BadRequest unless the caller sees it."""
    found = await location_seen(info, code)
    return None if found is None else found.id


async def location_seen(info: Info, code: str | None) -> LocationFacts | None:
    """A location; None without a code. Raises BadRequest unless the caller sees it."""
    if code is None:
        return None
    found = await lookups.location_by_code(await info.context.session(), code)
    if found is None or not info.context.caller.sees_location(code):
        raise BadRequest(f"No location {code!r} was found.")
    return found


async def locations_named(info: Info, codes: Sequence[str] | None) -> list[int] | None:
    """The ids of up to LOCATIONS_MAX locations, each once; None without codes.

    Raises BadRequest unless the caller sees them all.
    """
    if codes is None:
        return None
    if len(codes) > LOCATIONS_MAX:
        raise BadRequest(
            f"At most {LOCATIONS_MAX} locations are allowed; {len(codes):,} were sent."
        )
    found = await lookups.locations_by_code(await info.context.session(), codes)
    for code in codes:
        if code not in found or not info.context.caller.sees_location(code):
            raise BadRequest(f"No location {code!r} was found.")
    return [location.id for location in found.values()]


async def channel_named(info: Info, code: str | None) -> int | None:
    """The id of a channel; None without a code. Raises BadRequest unless the caller sees it."""
    found = await channel_seen(info, code)
    return None if found is None else found.id


async def channel_seen(info: Info, code: str | None) -> ChannelFacts | None:
    """A channel; None without a code. Raises BadRequest unless the caller sees it."""
    if code is None:
        return None
    found = (await lookups.channels_by_code(await info.context.session(), [code])).get(code)
    if found is None or not info.context.caller.sees_channel(code):
        raise BadRequest(f"No channel {code!r} was found.")
    return found
