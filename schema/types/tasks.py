"""Tasks: what waits for a pair of hands, how urgent it is and why, and who has it."""

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
    """How it stands now."""
    return status_at(Status(task.row["status"]), task.row["lease_until_at"], task.context.now)


def _unless_open(name: str) -> Any:
    """A column that says nothing of a task that is open."""
    return derived(lambda task: None if _status(task) is Status.OPEN else task.row[name])


@found_by(lambda loaders: loaders.tasks)
@strawberry.type
class Task(Node):
    """One step of work on one subject, at one location."""

    queue: QueueKind
    status: TaskStatus = derived(_status)
    priority: int
    """Higher first; a number to compare, not to read."""
    priority_reasons: list[str] = derived(lambda task: json_of(task.row["priority_reasons"]))
    """Why, in words."""
    due_at: datetime | None
    """When it should be done; null: no date is set."""
    claimed_by: str | None = _unless_open("claimed_by")
    """The worker who has it, or did it; null while it is open."""
    lease_until: datetime | None = _unless_open("lease_until_at")
    """When the claim is over unless it is renewed; null while it is open."""
    created_at: datetime
    location: Location = location_edge("location_id")

    @strawberry.field
    async def subject(self, info: Info) -> Node:
        """What the work is on: a Fulfillment, Return, ReturnItem or StockLevel."""
        kind = self.row["subject_type"]
        found: Node = await load(info.context, kind, key_of(kind, self.row["subject_key"]))
        return found
