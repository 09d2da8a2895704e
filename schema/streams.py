"""Subscriptions to work and to single cases: queues, alerts, and one object as it changes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from strawberry import ID, UNSET, argument

import models.queries.catalog.lookups as lookups
from domain.errors import BadRequest
from schema.context import Context, Info
from schema.fields.arguments import Resume, given
from schema.fields.enums import ExceptionSeverity, QueueKind
from schema.fields.node import key_of, load, uuid_in
from schema.types.events import (
    ExceptionEvent,
    OrderEvent,
    QueueChange,
    QueueEvent,
    RefundEvent,
    ReturnEvent,
)
from schema.types.tasks import Task


async def queue_changed(
    info: Info, queue: QueueKind, location: Annotated[str, argument(description="Its code.")]
) -> AsyncGenerator[QueueEvent, None]:
    """What is to be done at a location, then every change of it.

    First the open queue, in SNAPSHOT messages of at most 200 tasks with `complete` on the last;
    then each UPSERT and REMOVE, with none lost between the two. A slow reader gets the latest of
    each task.
    """
    context = info.context
    place = await lookups.location_by_code(await context.session(), location)
    await context.close()
    if place is None or not context.caller.sees_location(location):
        raise BadRequest(f"No location {location!r} was found.")
    stream = context.services.queues.queue_changed(
        context.caller, queue, location, place.id, audience=context.audience
    )
    async with aclosing(stream) as changes:
        async for change in changes:
            context.renew()
            is_one = change.change != QueueChange.SNAPSHOT
            yield QueueEvent(
                cursor=change.cursor,
                change=QueueChange(change.change),
                tasks=[Task.from_row(row, context) for row in change.tasks],
                complete=change.is_complete,
                replaces=str(change.tasks[0]["id"]) if is_one else None,
            )


async def exception_alerts(
    info: Info,
    severities: list[ExceptionSeverity] | None = UNSET,
    kinds: Annotated[
        list[str] | None, argument(description="Rows of the catalogue: OVERSOLD, …")
    ] = UNSET,
    locations: Annotated[list[str] | None, argument(description="Codes.")] = UNSET,
    after: Resume = UNSET,
) -> AsyncGenerator[ExceptionEvent, None]:
    """Exceptions that open or are escalated, each alert once, in their order.

    Null arguments choose all. A reader that is too slow is closed with RATE_LIMITED and its last
    cursor.
    """
    context = info.context
    stream = context.services.cases.exception_alerts(
        context.caller,
        severities=given(severities),
        kinds=given(kinds),
        locations=given(locations),
        after=given(after),
        audience=context.audience,
    )
    async with aclosing(stream) as alerts:
        async for event in alerts:
            found = await _now(context, event.subject_type, event.subject_key)
            if found is not None:
                yield ExceptionEvent(cursor=event.cursor, exception=found)


async def order_changed(
    info: Info, id: ID, after: Resume = UNSET
) -> AsyncGenerator[OrderEvent, None]:
    """An order as it is now, whenever it or a parcel, return or refund of it changes."""
    async with aclosing(_object(info.context, "Order", id, given(after))) as changes:
        async for cursor, order in changes:
            yield OrderEvent(cursor=cursor, order=order, replaces=id)


async def return_changed(
    info: Info, id: ID, after: Resume = UNSET
) -> AsyncGenerator[ReturnEvent, None]:
    """A return as it is now, whenever it, its units or a refund of it changes."""
    async with aclosing(_object(info.context, "Return", id, given(after))) as changes:
        async for cursor, found in changes:
            yield ReturnEvent(cursor=cursor, return_=found, replaces=id)


async def refund_changed(
    info: Info, id: ID, after: Resume = UNSET
) -> AsyncGenerator[RefundEvent, None]:
    """A refund as it is now, whenever it changes."""
    async with aclosing(_object(info.context, "Refund", id, given(after))) as changes:
        async for cursor, refund in changes:
            yield RefundEvent(cursor=cursor, refund=refund, replaces=id)


async def _object(
    context: Context, type_name: str, global_id: str, after: str | None
) -> AsyncGenerator[tuple[str, Any], None]:
    """(cursor, the object now). Raises BadRequest: for the caller no such object exists."""
    key = uuid_in(type_name, global_id)
    if key is None or await _now(context, type_name, str(key)) is None:
        raise BadRequest(f"No {type_name.lower()} {global_id[:100]!r} was found.")
    stream = context.services.cases.object_changed(
        f"{type_name}:{key}", after=after, audience=context.audience
    )
    async with aclosing(stream) as events:
        async for event in events:
            found = await _now(context, type_name, str(key))
            if found is not None:
                yield event.cursor, found


async def _now(context: Context, type_name: str, key: str) -> Any:
    """An object as it is now, where the caller may see it."""
    context.renew()
    try:
        return await load(context, type_name, key_of(type_name, key))
    finally:
        await context.close()
