"""Tasks: the queues of a location, their claims, and a subscription to a queue."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.catalog.lookups as lookups
import models.queries.reads.tasks as task_reads
import schema.mutations.tasks as commands
import workflows.tasks.claims
from domain.errors import BadRequest
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, given
from schema.fields.enums import QueueKind, TaskStatus
from schema.fields.paging import CountedConnection, selection_of, window
from schema.mutations.perform import perform_mutation
from schema.mutations.tasks import LIMIT_DEFAULT, TaskPayload
from schema.types.events import QueueChange, QueueEvent
from schema.types.tasks import Task


async def tasks(
    info: Info,
    queue: QueueKind | None = UNSET,
    location: Annotated[str | None, argument(description="Only of this location (code).")] = UNSET,
    status: TaskStatus | None = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[Task]:
    """Tasks, the most urgent first, in the status that they have now. Null arguments choose all."""
    page = await task_reads.tasks(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        queue=given(queue),
        location=given(location),
        status=given(status),
        now=info.context.now,
    )
    return CountedConnection(page, Task.from_row, info.context)


async def task_claim(
    info: Info,
    queue: QueueKind,
    location_code: Annotated[str, argument(description="Where the work is.")],
    limit: Annotated[int | None, argument(description="How many: 1 to 200.")] = LIMIT_DEFAULT,
    ids: Annotated[
        list[ID] | None,
        argument(description="Exactly these instead of the most urgent; at most 200."),
    ] = UNSET,
) -> TaskPayload | None:
    """Take open tasks for ten minutes: the most urgent of a queue, or exactly those named.

    Named ones stand each on its own: those that are free are given. Refused: TASK_NOT_CLAIMED where
    another worker has it, ILLEGAL_TRANSITION where it is over, LIMIT_EXCEEDED, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.tasks.claims.claim,
        lambda: commands.claim(queue, location_code, limit, ids),
        TaskPayload,
    )


async def task_renew(info: Info, id: ID) -> TaskPayload | None:
    """Keep a task for ten more minutes; one that nobody has is claimed.

    Refused: TASK_NOT_CLAIMED where another worker has it, ILLEGAL_TRANSITION where it is over,
    NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.tasks.claims.renew, lambda: commands.renew(id), TaskPayload
    )


async def task_release(info: Info, id: ID) -> TaskPayload | None:
    """Give a task back.

    Refused: TASK_NOT_CLAIMED, ILLEGAL_TRANSITION, NOT_FOUND.
    """
    action, to_command = workflows.tasks.claims.release, lambda: commands.release(id)
    return await perform_mutation(info, action, to_command, TaskPayload)


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
