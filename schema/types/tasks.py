"""Tasks: status, priority with reasons, and claim."""

from datetime import datetime
from typing import Any

import strawberry

from domain.tasks import TaskStatus as Status
from domain.tasks import status_at
from schema.context import Info
from schema.fields.enums import QueueKind, TaskStatus
from schema.fields.node import Node, found_by, key_of, load
from schema.fields.scalars import json_of
from schema.types.catalog import Location, location_edge
from server.projection.records import derived


def _status(task: "Task") -> Status:
    """The status at the time of the operation."""
    return status_at(Status(task.row["status"]), task.row["lease_until_at"], task.context.now)


def _unless_open(name: str) -> Any:
    """A column that is null while the task is open."""
    return derived(lambda task: None if _status(task) is Status.OPEN else task.row[name])


@found_by(lambda loaders: loaders.tasks)
@strawberry.type
class Task(Node):
    """One step of work on one subject, at one location."""

    queue: QueueKind
    status: TaskStatus = derived(_status)
    priority: int
    """Rank within the queue; the highest is first."""
    priority_reasons: list[str] = derived(lambda task: json_of(task.row["priority_reasons"]))
    """Reasons for the priority, as text for people."""
    due_at: datetime | None
    """Due time; null: none."""
    claimed_by: str | None = _unless_open("claimed_by")
    """Worker that claimed or completed the task; null while it is open."""
    lease_until: datetime | None = _unless_open("lease_until_at")
    """End of the claim, unless it is renewed; null while the task is open."""
    created_at: datetime
    location: Location = location_edge("location_id")

    @strawberry.field
    async def subject(self, info: Info) -> Node:
        """The object to work on: a Fulfillment, Return, ReturnItem or StockLevel."""
        kind = self.row["subject_type"]
        found: Node = await load(info.context, kind, key_of(kind, self.row["subject_key"]))
        return found
