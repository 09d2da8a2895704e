"""The event log: a query by pages, and a subscription."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Annotated

from strawberry import UNSET, argument

import models.queries.events.event_log as event_log
import models.queries.reads.events as event_reads
from domain.errors import BadRequest
from domain.events.cursors import CursorTooOld, parse_cursor
from schema.context import Info
from schema.fields.arguments import Resume, given
from schema.fields.paging import window
from schema.streams import converted
from schema.types.events import Event, EventConnection
from schema.types.facts import EventType, visible_types
from server.projection.list_sizes import PAGE_MAX, sized

TYPES_MAX = 100


async def events(
    info: Info,
    types: Annotated[
        list[str] | None, argument(description="Only these event types, at most 100; absent: all.")
    ] = UNSET,
    after: Annotated[
        str | None,
        argument(
            description='Start after this cursor; "0" or absent: start with the oldest event '
            "that is kept."
        ),
    ] = UNSET,
    first: Annotated[
        int | None, argument(description="Page size: 50 by default, at most 250.")
    ] = UNSET,
) -> EventConnection:
    """Events after a cursor that the caller may see, oldest first.

    Without `after` the page starts with the oldest event that is kept. CURSOR_TOO_OLD: events after
    the cursor are no longer kept.
    """
    chosen, cursor = given(types), given(after)
    if chosen is not None and len(chosen) > TYPES_MAX:
        raise BadRequest(f"At most {TYPES_MAX} types are allowed; {len(chosen)} were sent.")
    position = 0 if cursor is None else parse_cursor(cursor)
    size = window(first, None, None, None).size
    session, scope = await info.context.opened()
    oldest = await event_log.first_position(session)
    if position and oldest is not None and position < oldest - 1:
        raise CursorTooOld(oldest)
    found = await event_reads.events(
        session,
        scope,
        info.context.caller,
        types=chosen,
        after=position,
        limit=size + 1,
    )
    return EventConnection.of(found, size, position, info.context.caller)


@sized(PAGE_MAX)
async def event_types(info: Info) -> list[EventType]:
    """The types of events that the caller's role may see, with the structure of their `data`."""
    caller = info.context.caller
    return [EventType.of(payload) for payload in visible_types(caller)]


async def event_stream(
    info: Info,
    types: Annotated[
        list[str] | None, argument(description="Only these event types; absent: all.")
    ] = UNSET,
    after: Resume = UNSET,
) -> AsyncGenerator[Event, None]:
    """All events that the caller may see, in the order of the log, each once.

    A subscriber that reads too slowly is disconnected with RATE_LIMITED and its last cursor.
    """
    context = info.context
    stream = context.services.streams.events(
        context.caller, types=given(types), after=given(after), audience=context.audience
    )
    shown = partial(Event.of, caller=context.caller)
    async with aclosing(converted(stream, shown)) as found:
        async for event in found:
            yield event
