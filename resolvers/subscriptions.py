"""Subscriptions: streams of plain values, each turned into its type.

What a type reads beyond that it reads in the context of its own event
(server/transports/subscription_feeds.py).
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, TypeVar

from strawberry import UNSET, argument

import models.queries.reads.catalog as catalog_reads
from domain.errors import BadRequest
from resolvers.availability import check_channel
from schema.context import Info
from schema.fields.arguments import Resume, given
from schema.fields.enums import MovementKind
from schema.types.availability import Availability
from schema.types.events import AvailabilityEvent, Event, StockEvent
from schema.types.stock import StockLevel
from subscriptions.streams.stock_and_events import AvailabilityChange, StockChange
from workflows.availability.availability import Availability as Found

C = TypeVar("C")
E = TypeVar("E")


async def _each(
    stream: AsyncGenerator[C, None], convert: Callable[[C], E]
) -> AsyncGenerator[E, None]:
    """The stream's values as types."""
    async with aclosing(stream) as changes:
        async for change in changes:
            yield convert(change)


async def availability_changed(
    info: Info,
    channel: Annotated[str, argument(description="Its code.")],
    skus: Annotated[list[str] | None, argument(description="Absent: every SKU.")] = UNSET,
    after: Resume = UNSET,
) -> AsyncGenerator[AvailabilityEvent, None]:
    """What a channel may sell of each SKU, whenever that changed.

    It needs no API key on channels that are open to callers without one. A slow reader gets the
    latest of each SKU.
    """
    context = info.context
    check_channel(context, channel)
    if await catalog_reads.channel(*await context.opened(), channel) is None:
        raise BadRequest(f"No channel {channel!r} was found.")
    await context.close()
    stream = context.services.streams.availability_changed(
        context.caller,
        channel,
        skus=given(skus),
        after=given(after),
        audience=context.audience,
    )

    def convert(change: AvailabilityChange[Found]) -> AvailabilityEvent:
        availability = Availability.of(
            change.availability, context.caller, change.availability.as_of
        )
        return AvailabilityEvent(
            cursor=change.cursor,
            availability=availability,
            position=change.position,
            replaces=availability.sku,
        )

    async with aclosing(_each(stream, convert)) as events:
        async for event in events:
            yield event


async def stock_changed(
    info: Info,
    skus: list[str] | None = UNSET,
    locations: Annotated[list[str] | None, argument(description="Codes.")] = UNSET,
    after: Resume = UNSET,
) -> AsyncGenerator[StockEvent, None]:
    """Stock levels that changed, as they are now.

    Null arguments choose all. A slow reader gets the latest of each level.
    """
    context = info.context
    stream = context.services.streams.stock_changed(
        context.caller,
        skus=given(skus),
        locations=given(locations),
        after=given(after),
        audience=context.audience,
    )

    def convert(change: StockChange) -> StockEvent:
        level = StockLevel.from_row(change.shelf.level, context)
        return StockEvent(
            cursor=change.cursor,
            level=level,
            cause=MovementKind(change.cause),
            shelf=change.shelf,
            replaces=level.id,
        )

    async with aclosing(_each(stream, convert)) as events:
        async for event in events:
            yield event


async def events(
    info: Info,
    types: Annotated[list[str] | None, argument(description="Exact types; absent: all.")] = UNSET,
    after: Resume = UNSET,
) -> AsyncGenerator[Event, None]:
    """Every fact that the caller may see, in the order of the log, each once.

    A reader that is too slow is closed with RATE_LIMITED and its last cursor.
    """
    context = info.context
    stream = context.services.streams.events(
        context.caller, types=given(types), after=given(after), audience=context.audience
    )
    async with aclosing(_each(stream, Event.of)) as found:
        async for event in found:
            yield event
