"""The event log: facts written in their own transaction, numbered after commit."""

from __future__ import annotations

from typing import Any

from tortoise import fields
from tortoise.models import Model


class Event(Model):
    """One fact. `id` is given at insert; readers go by `EventPosition` only."""

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
    """An event that has no position yet."""

    event_id = fields.BigIntField(primary_key=True)

    class Meta:
        table = "event_pending"


class EventPosition(Model):
    """The place of an event in the log, given after commit, never changed."""

    position = fields.BigIntField(primary_key=True)
    event_id = fields.BigIntField()

    class Meta:
        table = "event_position"


class Lease(Model):
    """Who does a job that only one process may do, until when; `counter` is the job's own."""

    name = fields.CharField(max_length=100, primary_key=True)
    holder = fields.TextField()
    lease_until_at = fields.DatetimeField()
    counter = fields.BigIntField(default=0)

    class Meta:
        table = "lease"


class EventRetention(Model):
    """The one row that lets events leave: up to `open_position`, 0 but while they do."""

    id = fields.BigIntField(primary_key=True, generated=False)
    open_position = fields.BigIntField(default=0)

    class Meta:
        table = "event_retention"


class ArchivedEvent(Model):
    """What stays of an event that left the log: its place, and the digest of its content."""

    id = fields.BigIntField(primary_key=True, generated=False)
    position = fields.BigIntField()
    transaction_id = fields.UUIDField()
    digest = fields.TextField()

    class Meta:
        table = "archived_event"
