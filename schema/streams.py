"""Shared parts of subscriptions: converted values, and objects re-read after each change."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from domain.errors import BadRequest
from schema.context import Context
from schema.fields.node import key_of, load, uuid_in

C = TypeVar("C")
E = TypeVar("E")


async def converted(
    stream: AsyncGenerator[C, None], convert: Callable[[C], E]
) -> AsyncGenerator[E, None]:
    """The values of a stream as the types of the schema."""
    async with aclosing(stream) as changes:
        async for change in changes:
            yield convert(change)


async def snapshot_position(context: Context, after: str | None) -> int:
    """The position at which a snapshot starts. Raises BadRequest beside a cursor."""
    if after is not None:
        raise BadRequest("Send either snapshot or after, not both.")
    return await context.services.snapshots.position()


async def object_changes(
    context: Context, type_name: str, global_id: str, after: str | None
) -> AsyncGenerator[tuple[str, Any], None]:
    """Pairs of (cursor, the object after the change). Raises BadRequest if none is visible."""
    key = uuid_in(type_name, global_id)
    if key is None or await object_now(context, type_name, str(key)) is None:
        raise BadRequest(f"No {type_name.lower()} {global_id[:100]!r} was found.")
    stream = context.services.objects.object_changed(
        f"{type_name}:{key}", after=after, audience=context.audience
    )
    async with aclosing(stream) as events:
        async for event in events:
            found = await object_now(context, type_name, str(key))
            if found is not None:
                yield event.cursor, found


async def object_now(context: Context, type_name: str, key: str) -> Any:
    """The object in its present state; None if the caller may not see it."""
    context.renew()
    try:
        return await load(context, type_name, key_of(type_name, key))
    finally:
        await context.close()
