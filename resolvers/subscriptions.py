"""Subscriptions: a stream of plain values, each turned into its type in a snapshot of its own."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from strawberry import UNSET

import models.queries.reads.catalog as reads
from domain.errors import BadRequest
from models.queries.event_log import LoggedEvent
from resolvers.availability import check_channel
from schema.context import Context, Info
from schema.types.arguments import given
from schema.types.availability import Availability
from schema.types.enums import MovementKind
from schema.types.events import AvailabilityEvent, Event, StockEvent
from schema.types.stock import StockLevel
from subscriptions.streams import AvailabilityChange, StockChange
from workflows.availability import Availability as Found

C = TypeVar("C")
E = TypeVar("E")


async def _each(
    context: Context, stream: AsyncGenerator[C, None], convert: Callable[[C], E]
) -> AsyncGenerator[E, None]:
    """The stream's values as types; what an answer read is given back once it was sent."""
    async with aclosing(stream) as changes:
        async for change in changes:
            context.renew()
            yield convert(change)
            await context.close()


async def availability_changed(
    info: Info,
    channel: str,
    skus: list[str] | None = UNSET,
    after: str | None = UNSET,
) -> AsyncGenerator[AvailabilityEvent, None]:
    """What a channel may sell of each SKU, whenever that changed."""
    context = info.context
    check_channel(context, channel)
    if await reads.channel(*await context.opened(), channel) is None:
        raise BadRequest(f"No channel {channel!r} was found.")
    await context.close()
    stream = context.services.streams.availability_changed(
        context.caller, channel, skus=given(skus), after=given(after)
    )

    def convert(change: AvailabilityChange[Found]) -> AvailabilityEvent:
        availability = Availability.of(change.availability, context.caller)
        return AvailabilityEvent(cursor=change.cursor, availability=availability)

    async with aclosing(_each(context, stream, convert)) as events:
        async for event in events:
            yield event


async def stock_changed(
    info: Info,
    skus: list[str] | None = UNSET,
    locations: list[str] | None = UNSET,
    after: str | None = UNSET,
) -> AsyncGenerator[StockEvent, None]:
    """Levels that changed, as they are now."""
    context = info.context
    stream = context.services.streams.stock_changed(
        context.caller, skus=given(skus), locations=given(locations), after=given(after)
    )

    def convert(change: StockChange) -> StockEvent:
        return StockEvent(
            cursor=change.cursor,
            level=StockLevel.from_row(change.level, context),
            cause=MovementKind(change.cause),
        )

    async with aclosing(_each(context, stream, convert)) as events:
        async for event in events:
            yield event


async def events(
    info: Info, types: list[str] | None = UNSET, after: str | None = UNSET
) -> AsyncGenerator[Event, None]:
    """Every fact that the caller may see, in the order of the log, each once."""
    context = info.context
    stream = context.services.streams.events(context.caller, types=given(types), after=given(after))

    def convert(event: LoggedEvent) -> Event:
        return Event.of(event)

    async with aclosing(_each(context, stream, convert)) as found:
        async for event in found:
            yield event
