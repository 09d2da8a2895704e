"""The event log: pages, and a subscription to it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
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

TYPES_MAX = 100


async def events(
    info: Info,
    types: Annotated[
        list[str] | None, argument(description="Exact types, at most 100; absent: all.")
    ] = UNSET,
    after: Annotated[
        str | None, argument(description='A cursor; "0" or absent: from the oldest that is kept.')
    ] = UNSET,
    first: Annotated[
        int | None, argument(description="How many: 50 where absent, at most 250.")
    ] = UNSET,
) -> EventConnection:
    """Facts behind a cursor that the caller may see, oldest first.

    Without `after` from the oldest that is kept. CURSOR_TOO_OLD where facts behind the cursor are
    no longer kept.
    """
    chosen, cursor = given(types), given(after)
    if chosen is not None and len(chosen) > TYPES_MAX:
        raise BadRequest(f"At most {TYPES_MAX} types are chosen at once.")
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
    return EventConnection.of(found, size, position)


async def event_stream(
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
    async with aclosing(converted(stream, Event.of)) as found:
        async for event in found:
            yield event
