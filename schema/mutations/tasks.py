"""Commands and payload of the mutations on tasks."""

import strawberry
from strawberry import ID

from schema.fields.arguments import given
from schema.fields.enums import QueueKind
from schema.fields.errors import Payload, UserError
from schema.fields.node import required_uuid
from schema.types.tasks import Task
from workflows.tasks.claims import ClaimTasks, ReleaseTask, RenewTask
from workflows.tasks.renewals import RenewTasks
from workflows.tasks.selections import TaskSelection

LIMIT_DEFAULT = 1


def claim(
    queue: QueueKind,
    location_code: str,
    limit: int | None,
    ids: list[ID] | None,
    singles: bool | None,
    zone_code: str | None,
) -> ClaimTasks:
    """The command."""
    named = given(ids)
    return ClaimTasks(
        queue=queue,
        location_code=location_code,
        limit=LIMIT_DEFAULT if limit is None else limit,
        ids=(
            None
            if named is None
            else tuple(
                required_uuid("Task", each, "ids", str(index)) for index, each in enumerate(named)
            )
        ),
        selection=TaskSelection(given(singles) or False, given(zone_code)),
    )


def renew_all(task_ids: list[ID]) -> RenewTasks:
    """The command. Raises NotFound."""
    return RenewTasks(
        tuple(required_uuid("Task", each, "ids", str(i)) for i, each in enumerate(task_ids))
    )


def renew(task_id: ID) -> RenewTask:
    """The command."""
    return RenewTask(required_uuid("Task", task_id, "id"))


def release(task_id: ID) -> ReleaseTask:
    """The command."""
    return ReleaseTask(required_uuid("Task", task_id, "id"))


@strawberry.type
class TaskPayload(Payload):
    """The tasks that were claimed, renewed or released."""

    tasks: list[Task]
    replayed: bool
    user_errors: list[UserError]
