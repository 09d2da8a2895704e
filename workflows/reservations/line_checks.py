"""Checks of channel and lines that holds and orders share."""

from __future__ import annotations

from domain.access.callers import Caller
from domain.errors import Invalid, LimitExceeded, NotFound
from domain.values.codes import ByCode
from models.queries.catalog.lookups import ChannelFacts, ItemFacts

LINES_MAX = 2_000


def check_lines(count: int) -> None:
    """Raise Invalid or LimitExceeded (field `lines`) unless there are 1 to LINES_MAX lines."""
    if count == 0:
        raise Invalid("At least one line is required; none was sent.", field=("lines",))
    if count > LINES_MAX:
        raise LimitExceeded("lines", LINES_MAX, count, field=("lines",))


def sold_item(items: ByCode[ItemFacts], sku: str) -> ItemFacts:
    """The active item of this SKU. Raises NotFound or Invalid at `sku`."""
    item = items.get(sku)
    if item is None:
        raise NotFound("item", sku, field=("sku",))
    if not item.active:
        raise Invalid(f"The item {item.sku} is not active.", field=("sku",))
    return item


def named_location(channel: ChannelFacts | None, code: str | None) -> str | None:
    """The location of the channel that a line names, as its code was issued; None: it names none.

    Raises NotFound at `locationCode`. Without a channel, nothing is checked.
    """
    if code is None or channel is None:
        return None
    place = ByCode((each.code for each in channel.locations), str).get(code)
    if place is None:
        raise NotFound("location", code, field=("locationCode",))
    return place


def open_channel(channels: ByCode[ChannelFacts], caller: Caller, code: str) -> ChannelFacts:
    """The active channel of this code. Raises NotFound or Invalid at `channel`.

    A channel that the caller does not see is not found.
    """
    channel = channels.get(code)
    if channel is None or not caller.sees_channel(code):
        raise NotFound("channel", code, field=("channel",))
    if not channel.active:
        raise Invalid("The channel is not active.", field=("channel",))
    return channel
