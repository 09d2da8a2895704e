"""Tasks: the list, claims, and a subscription to a queue."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.catalog.lookups as lookups
import models.queries.reads.tasks as task_reads
import schema.mutations.tasks as commands
import workflows.tasks.claims
import workflows.tasks.renewals
from domain.errors import BadRequest
from schema.context import Context, Info
from schema.fields.arguments import After, Before, First, Last, given, several
from schema.fields.enums import QueueKind, TaskStatus
from schema.fields.paging import CountedConnection, selection_of, window
from schema.mutations.perform import perform_mutation
from schema.mutations.tasks import LIMIT_DEFAULT, TaskPayload
from schema.types.events import QueueChange, QueueEvent
from schema.types.tasks import Task
from server.projection.list_sizes import sized


def _worker(context: Context, name: str | None) -> str | None:
    """The worker in a filter. Without `internals.read` it may only be the caller's own actor."""
    if name is not None and not context.caller.may_filter_by_actor(name):
        raise BadRequest(
            f"`claimedBy` must be {context.caller.actor!r}, the actor of this key. Other names need"
            " the permission internals.read."
        )
    return name


async def tasks(
    info: Info,
    queue: QueueKind | None = UNSET,
    location: Annotated[
        str | None, argument(description="Only of the location with this code.")
    ] = UNSET,
    status: TaskStatus | None = UNSET,
    statuses: Annotated[
        list[TaskStatus] | None, argument(description="Several, instead of `status`.")
    ] = UNSET,
    claimed_by: Annotated[
        str | None,
        argument(
            description="Only those that this actor has claimed or completed. Without the"
            " permission `internals.read`: the actor of the key."
        ),
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[Task]:
    """Tasks, most urgent first, with their present status. Null arguments do not filter."""
    page = await task_reads.tasks(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        queue=given(queue),
        location=given(location),
        statuses=several(status, statuses),
        claimed_by=_worker(info.context, given(claimed_by)),
        now=info.context.now,
    )
    return CountedConnection(page, Task.from_row, info.context)


@sized(by="limit")
async def task_claim(
    info: Info,
    queue: QueueKind,
    location_code: Annotated[str, argument(description="Code of the location.")],
    limit: Annotated[
        int | None, argument(description="Number of tasks to claim: 1 to 200.")
    ] = LIMIT_DEFAULT,
    ids: Annotated[
        list[ID] | None,
        argument(
            description="Claim exactly these tasks instead of the most urgent ones; at most 200."
        ),
    ] = UNSET,
    singles: Annotated[
        bool | None,
        argument(
            description="Only tasks of parcels of one unit, among the first 1,000 of the queue."
        ),
    ] = UNSET,
    zone_code: Annotated[
        str | None,
        argument(
            description="Only PICK tasks whose units are all in bins of this zone, among the first"
            " 1,000 of the queue."
        ),
    ] = UNSET,
) -> TaskPayload | None:
    """Claim open tasks for ten minutes: the most urgent of a queue, or those in `ids`.

    Tasks in `ids` are claimed independently: those that are free are claimed, even if others are
    refused. Refused: TASK_NOT_CLAIMED if another worker has the task, ILLEGAL_TRANSITION if it is
    done or cancelled, INVALID, LIMIT_EXCEEDED, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.tasks.claims.claim,
        lambda: commands.claim(queue, location_code, limit, ids, singles, zone_code),
        TaskPayload,
    )


async def task_renew(info: Info, id: ID) -> TaskPayload | None:
    """Extend the claim on a task to ten minutes from now. An unclaimed task is claimed.

    Refused: TASK_NOT_CLAIMED if another worker has the task, ILLEGAL_TRANSITION if it is done or
    cancelled, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.tasks.claims.renew, lambda: commands.renew(id), TaskPayload
    )


async def tasks_renew(
    info: Info, ids: Annotated[list[ID], argument(description="At most 200 tasks.")]
) -> TaskPayload | None:
    """Extend the claims on several tasks to ten minutes from now; each is renewed or refused alone.

    Refused: as for `taskRenew`; LIMIT_EXCEEDED.
    """
    action, to_command = workflows.tasks.renewals.renew_all, lambda: commands.renew_all(ids)
    return await perform_mutation(info, action, to_command, TaskPayload)


async def task_release(info: Info, id: ID) -> TaskPayload | None:
    """Release a claimed task, so that other workers can claim it.

    Refused: TASK_NOT_CLAIMED, ILLEGAL_TRANSITION, NOT_FOUND.
    """
    action, to_command = workflows.tasks.claims.release, lambda: commands.release(id)
    return await perform_mutation(info, action, to_command, TaskPayload)


async def queue_changed(
    info: Info,
    queue: QueueKind,
    location: Annotated[str, argument(description="Code of the location.")],
    claimed_by: Annotated[
        str | None,
        argument(
            description="Only tasks that this actor has claimed. Without the permission"
            " `internals.read`: the actor of the key."
        ),
    ] = UNSET,
) -> AsyncGenerator[QueueEvent, None]:
    """The open tasks of a queue at a location, then every change of them.

    First the queue is sent in SNAPSHOT messages of at most 200 tasks; the last one has `complete`.
    Then each change is sent as UPSERT or REMOVE; no change in between is lost. A subscriber that
    reads slowly gets only the latest state of each task.
    """
    context = info.context
    worker = _worker(context, given(claimed_by))
    place = await lookups.location_by_code(await context.session(), location)
    await context.close()
    if place is None or not context.caller.sees_location(location):
        raise BadRequest(f"No location {location!r} was found.")
    stream = context.services.queues.queue_changed(
        context.caller,
        queue,
        location,
        place.id,
        claimed_by=worker,
        audience=context.audience,
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
