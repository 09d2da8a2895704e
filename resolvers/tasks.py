"""Tasks: the queues of a location, and who has what."""

from strawberry import ID, UNSET

import models.queries.reads.tasks as reads
import schema.types.changes.tasks as commands
import workflows.tasks
from schema.context import Info
from schema.errors import change
from schema.types.arguments import given
from schema.types.changes.tasks import LIMIT_DEFAULT, TaskPayload
from schema.types.enums import QueueKind, TaskStatus
from schema.types.paging import CountedConnection, selection_of, window
from schema.types.tasks import Task


async def tasks(
    info: Info,
    queue: QueueKind | None = UNSET,
    location: str | None = UNSET,
    status: TaskStatus | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> CountedConnection[Task]:
    """Tasks, the most urgent first."""
    page = await reads.tasks(
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
    location_code: str,
    limit: int | None = LIMIT_DEFAULT,
    ids: list[ID] | None = UNSET,
) -> TaskPayload | None:
    """Take the most urgent open tasks for ten minutes, or exactly those named."""
    return await change(
        info,
        workflows.tasks.claim,
        lambda: commands.claim(queue, location_code, limit, ids),
        TaskPayload,
        tasks="[Task]",
    )


async def task_renew(info: Info, id: ID) -> TaskPayload | None:
    """Keep a task for ten more minutes."""
    return await change(
        info, workflows.tasks.renew, lambda: commands.renew(id), TaskPayload, tasks="[Task]"
    )


async def task_release(info: Info, id: ID) -> TaskPayload | None:
    """Give a task back."""
    return await change(
        info, workflows.tasks.release, lambda: commands.release(id), TaskPayload, tasks="[Task]"
    )
