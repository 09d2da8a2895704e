"""Events of warehouse tasks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.events.payloads import ActorName, EventPayload, Subject
from domain.tasks import QueueKind, TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPayload(EventPayload):
    """The payload of every event of a task."""

    subject_type: ClassVar[str] = "Task"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel", "location")

    queue: QueueKind
    status: TaskStatus
    subject: Subject
    """The fulfillment, return or units that the task is about."""
    priority: int
    """Points; the task with the most is handed out first."""
    claimed_by: ActorName | None
    """Actor who has claimed the task."""
    lease_until: datetime | None
    """End of the claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCreated(TaskPayload):
    """A task was added to its queue."""

    type: ClassVar[str] = "task.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskClaimed(TaskPayload):
    """A worker claimed the task."""

    type: ClassVar[str] = "task.claimed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRenewed(TaskPayload):
    """The worker who had claimed the task extended the claim."""

    type: ClassVar[str] = "task.renewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReleased(TaskPayload):
    """A claim was given back, or it ended."""

    type: ClassVar[str] = "task.released"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChanged(TaskPayload):
    """The subject of the task changed, and the task remains to be done."""

    type: ClassVar[str] = "task.changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDone(TaskPayload):
    """The work was done."""

    type: ClassVar[str] = "task.done"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCancelled(TaskPayload):
    """There is nothing left to do."""

    type: ClassVar[str] = "task.cancelled"
