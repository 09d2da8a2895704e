"""Tasks: status, priority with reasons, and claim."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

import strawberry

from domain.access.callers import Caller
from domain.tasks import TaskStatus as Status
from domain.tasks import status_at
from models.tasks import TaskRow
from schema.context import Info
from schema.fields.enums import QueueKind, TaskStatus
from schema.fields.node import Node, found_by, key_of, load
from schema.fields.scalars import json_of
from schema.types.catalog import Location, location_edge
from server.projection.contexts import OperationContext
from server.projection.records import derived


def _status(row: TaskRow, context: OperationContext) -> Status:
    """The status at the time of the operation."""
    return status_at(Status(row["status"]), row["lease_until_at"], context.now)


def _unless_open(value: Callable[[TaskRow, Caller], object]) -> Any:
    """A value that is null while the task is open."""

    def shown(task: "Task") -> object:
        row, context = cast("TaskRow", task.row), task.context
        return None if _status(row, context) is Status.OPEN else value(row, context.caller)

    return derived(shown)


def _name(actor: str | None, caller: Caller) -> str | None:
    return None if actor is None else caller.shown_actor(actor)


def _reasons(row: TaskRow) -> list[str]:
    reasons: list[str] = json_of(row["priority_reasons"])
    return reasons


@found_by(lambda loaders: loaders.tasks)
@strawberry.type
class Task(Node):
    """One step of work on one subject, at one location."""

    queue: QueueKind
    status: TaskStatus = derived(lambda task: _status(task.row, task.context))
    priority: int
    """Rank within the queue; the highest is first."""
    priority_reasons: list[str] = derived(lambda task: _reasons(task.row))
    """Reasons for the priority, as text for people."""
    due_at: datetime | None
    """Due time; null: none."""
    claimed_by: str | None = _unless_open(lambda row, caller: _name(row["claimed_by"], caller))
    """Worker that claimed or completed the task; null while it is open. Without the permission
    `internals.read`, `staff` for others.
    """
    lease_until: datetime | None = _unless_open(lambda row, _: row["lease_until_at"])
    """End of the claim, unless it is renewed; null while the task is open."""
    created_at: datetime
    updated_at: datetime
    """Time of the last change of the task or its subject."""
    location: Location = location_edge("location_id")

    @strawberry.field
    async def subject(self, info: Info) -> Node:
        """The object to work on: a Fulfillment, Return, ReturnItem, StockLevel or Transfer."""
        row = cast("TaskRow", self.row)
        kind = row["subject_type"]
        found: Node = await load(info.context, kind, key_of(kind, row["subject_key"]))
        return found
