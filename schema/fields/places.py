"""Locations and channels that arguments of queries name by their codes."""

from collections.abc import Sequence

import models.queries.catalog.lookups as lookups
from domain.errors import BadRequest
from schema.context import Info


async def location_named(info: Info, code: str | None) -> int | None:
    """The id of a location; None without a code. Raises BadRequest unless the caller sees it."""
    if code is None:
        return None
    found = await lookups.location_by_code(await info.context.session(), code)
    if found is None or not info.context.caller.sees_location(code):
        raise BadRequest(f"No location {code!r} was found.")
    return found.id


async def locations_named(info: Info, codes: Sequence[str] | None) -> list[int] | None:
    """The ids of locations, as `location_named` finds each; None without codes."""
    if codes is None:
        return None
    found = [await location_named(info, code) for code in dict.fromkeys(codes)]
    return [each for each in found if each is not None]


async def channel_named(info: Info, code: str | None) -> int | None:
    """The id of a channel; None without a code. Raises BadRequest unless the caller sees it."""
    if code is None:
        return None
    found = (await lookups.channels_by_code(await info.context.session(), [code])).get(code)
    if found is None or not info.context.caller.sees_channel(code):
        raise BadRequest(f"No channel {code!r} was found.")
    return found.id
