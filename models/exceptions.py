"""Tables of operational exceptions and of the steps that handle them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields

from models.database.model import Model
from models.database.rows import Flag


class OperationalException(Model):
    """A deviation from the plan, with an owner and a due time.

    At most one row per kind and subject is open. `silenced`: a person resolved it, and its
    condition has held ever since, so the clock does not open it again.
    """

    id = fields.UUIDField(primary_key=True)
    kind = fields.TextField()
    subject_key = fields.TextField()
    status = fields.TextField()
    severity = fields.TextField()
    message = fields.TextField()
    details: Any = fields.JSONField(null=True)
    location_id = fields.BigIntField(null=True)
    channel_id = fields.BigIntField(null=True)
    owner = fields.TextField(null=True)
    owner_role = fields.TextField()
    opened_at = fields.DatetimeField()
    due_at = fields.DatetimeField()
    waiting_since_at = fields.DatetimeField(null=True)
    wait_until_at = fields.DatetimeField(null=True)
    occurrences = fields.IntField(default=1)
    resolution = fields.TextField(null=True)
    resolved_at = fields.DatetimeField(null=True)
    version = fields.BigIntField(default=1)
    silenced = fields.BooleanField(default=False)

    class Meta:
        table = "operational_exception"


class OperationalExceptionRow(TypedDict):
    """A row of operational_exception."""

    id: UUID
    kind: str
    subject_key: str
    status: str
    severity: str
    message: str
    details: str | None
    location_id: int | None
    channel_id: int | None
    owner: str | None
    owner_role: str
    opened_at: datetime
    due_at: datetime
    waiting_since_at: datetime | None
    wait_until_at: datetime | None
    occurrences: int
    resolution: str | None
    resolved_at: datetime | None
    version: int
    silenced: Flag


class ExceptionStep(Model):
    """A step in the handling of an exception. `note` is free text of a person or the program."""

    id = fields.BigIntField(primary_key=True)
    exception_id = fields.UUIDField()
    recorded_at = fields.DatetimeField()
    actor = fields.TextField()
    action = fields.TextField()
    status = fields.TextField()
    owner = fields.TextField(null=True)
    note = fields.TextField(null=True)

    class Meta:
        table = "exception_step"


class ExceptionStepRow(TypedDict):
    """A row of exception_step."""

    exception_id: UUID
    recorded_at: datetime
    actor: str
    action: str
    status: str
    owner: str | None
    note: str | None
