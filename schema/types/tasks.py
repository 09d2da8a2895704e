"""Tasks: what waits for a pair of hands, how urgent it is and why, and who has it."""

from datetime import datetime

import strawberry

from domain.tasks import TaskStatus as Status
from domain.tasks import standing
from models.sessions import Row
from schema.context import Context, Info
from schema.types.catalog import Location, location_of
from schema.types.enums import QueueKind, TaskStatus
from schema.types.node import Node, encode, found_by, key_of, load
from schema.types.scalars import json_of


@found_by(lambda loaders: loaders.tasks)
@strawberry.type
class Task(Node):
    """One step of work on one subject: higher priorities first, the reasons beside them.

    A claim whose lease is over counts as open. `claimedBy` of a task that is done is who did it.
    """

    queue: QueueKind
    status: TaskStatus
    priority: int
    priority_reasons: list[str]
    due_at: datetime | None
    claimed_by: str | None
    lease_until: datetime | None
    created_at: datetime
    location_id: strawberry.Private[int]
    subject_type: strawberry.Private[str]
    subject_key: strawberry.Private[str]

    @strawberry.field
    async def location(self, info: Info) -> Location:
        """Where the work is."""
        return await location_of(info.context, self.location_id)

    @strawberry.field
    async def subject(self, info: Info) -> Node:
        """What the work is on: a Fulfillment, Return, ReturnItem or StockLevel."""
        key = key_of(self.subject_type, self.subject_key)
        found: Node = await load(info.context, self.subject_type, key)
        return found

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Task":
        """A row of task as it stands now."""
        status = standing(Status(row["status"]), row["lease_until_at"], context.now)
        is_open = status is Status.OPEN
        return cls(
            id=encode("Task", row["id"]),
            queue=QueueKind(row["queue"]),
            status=status,
            priority=row["priority"],
            priority_reasons=json_of(row["priority_reasons"]),
            due_at=row["due_at"],
            claimed_by=None if is_open else row["claimed_by"],
            lease_until=None if is_open else row["lease_until_at"],
            created_at=row["created_at"],
            location_id=row["location_id"],
            subject_type=row["subject_type"],
            subject_key=row["subject_key"],
        )
