"""The event log, page by page."""

from strawberry import UNSET

import models.queries.event_log as event_log
import models.queries.reads.events as reads
from domain.errors import BadRequest
from domain.events import CursorTooOld, parse_cursor
from schema.context import Info
from schema.types.arguments import given
from schema.types.events import EventConnection
from schema.types.paging import window

TYPES_MAX = 100


async def events(
    info: Info,
    types: list[str] | None = UNSET,
    after: str | None = UNSET,
    first: int | None = UNSET,
) -> EventConnection:
    """Facts behind a cursor, oldest first; without one from the oldest that is kept."""
    chosen, cursor = given(types), given(after)
    if chosen is not None and len(chosen) > TYPES_MAX:
        raise BadRequest(f"At most {TYPES_MAX} types are chosen at once.")
    position = 0 if cursor is None else parse_cursor(cursor)
    size = window(first, None, None, None).size
    session, scope = await info.context.opened()
    oldest = await event_log.first_position(session)
    if position and oldest is not None and position < oldest - 1:
        raise CursorTooOld(oldest)
    found = await reads.events(
        session,
        scope,
        info.context.caller,
        types=chosen,
        after=position,
        limit=size + 1,
    )
    return EventConnection.of(found, size, position)
