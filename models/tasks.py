"""Tables of tasks, and of claims that ended with their lease."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields

from models.database.model import Model


class Task(Model):
    """One step of work on one subject; at most one live row per queue and subject.

    `units`: those of the fulfillment when its PICK task was done; NULL for other tasks.
    `seniority`: microseconds from creation to a far instant, so that lists and claims read one
    index in one direction. `claimed_by` of a finished task is the actor that did it.
    """

    id = fields.UUIDField(primary_key=True)
    queue = fields.TextField()
    status = fields.TextField()
    location_id = fields.BigIntField()
    channel_id = fields.BigIntField(null=True)
    subject_type = fields.TextField()
    subject_key = fields.TextField()
    priority = fields.BigIntField()
    priority_reasons: Any = fields.JSONField()
    seniority = fields.BigIntField()
    due_at = fields.DatetimeField(null=True)
    claimed_by = fields.TextField(null=True)
    lease_until_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)
    units = fields.BigIntField(null=True)
    version = fields.BigIntField(default=1)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "task"


class TaskRow(TypedDict):
    """A row of task."""

    id: UUID
    queue: str
    status: str
    location_id: int
    channel_id: int | None
    subject_type: str
    subject_key: str
    priority: int
    priority_reasons: str
    seniority: int
    due_at: datetime | None
    claimed_by: str | None
    lease_until_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    units: int | None
    version: int
    updated_at: datetime


class TaskLapse(Model):
    """A claim of a task that ended with its lease: the task went back to its queue."""

    id = fields.BigIntField(primary_key=True)
    task_id = fields.UUIDField()
    claimed_by = fields.TextField()
    lapsed_at = fields.DatetimeField()

    class Meta:
        table = "task_lapse"
