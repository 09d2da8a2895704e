"""Tables of the event log.

Events are written in the transaction of their change and numbered after commit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

from tortoise import fields

from models.database.model import Model


class Event(Model):
    """One event. `id` is assigned at insert; readers use the order of `EventPosition` only."""

    id = fields.BigIntField(primary_key=True)
    type = fields.TextField()
    occurred_at = fields.DatetimeField()
    actor = fields.TextField()
    subject_type = fields.TextField()
    subject_key = fields.TextField()
    subject_version = fields.BigIntField()
    channel_id = fields.BigIntField(null=True)
    location_id = fields.BigIntField(null=True)
    data: Any = fields.JSONField()
    transaction_id = fields.UUIDField()
    digest = fields.TextField()

    class Meta:
        table = "event"


class EventPending(Model):
    """An event without a position yet."""

    event_id = fields.BigIntField(primary_key=True)

    class Meta:
        table = "event_pending"


class EventPosition(Model):
    """The position of an event in the log; assigned after commit, never changed."""

    position = fields.BigIntField(primary_key=True)
    event_id = fields.BigIntField()

    class Meta:
        table = "event_position"


class Lease(Model):
    """The owner of a job that only one process may run, and the end of its lease.

    `counter` is available to the job.
    """

    name = fields.CharField(max_length=100, primary_key=True)
    holder = fields.TextField()
    lease_until_at = fields.DatetimeField()
    counter = fields.BigIntField(default=0)

    class Meta:
        table = "lease"


class LeaseRow(TypedDict):
    """A lease without its name."""

    holder: str
    lease_until_at: datetime
    counter: int


class EventRetention(Model):
    """The single row that allows events to be deleted, up to `open_position`.

    It is 0 except during an archiving run.
    """

    id = fields.BigIntField(primary_key=True, generated=False)
    open_position = fields.BigIntField(default=0)

    class Meta:
        table = "event_retention"


class ArchivedEvent(Model):
    """The remains of an event that was archived: its position, and the digest of its content."""

    id = fields.BigIntField(primary_key=True, generated=False)
    position = fields.BigIntField()
    transaction_id = fields.UUIDField()
    digest = fields.TextField()

    class Meta:
        table = "archived_event"
