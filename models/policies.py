"""Tables of policies: versions of rules, which are never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields

from models.database.model import Model


class Policy(Model):
    """One version of the rules of a kind for a scope, in force from `effective_from_at`."""

    id = fields.UUIDField(primary_key=True)
    kind = fields.TextField()
    scope = fields.TextField()
    version = fields.IntField()
    rules: Any = fields.JSONField()
    effective_from_at = fields.DatetimeField()
    published_by = fields.TextField()
    published_at = fields.DatetimeField()

    class Meta:
        table = "policy"


class PolicyRow(TypedDict):
    """A row of policy."""

    id: UUID
    kind: str
    scope: str
    version: int
    rules: str
    effective_from_at: datetime
    published_by: str
    published_at: datetime


class PolicyStart(Model):
    """A version published for a later time, until an event has announced that it is in force."""

    policy_id = fields.UUIDField(primary_key=True)

    class Meta:
        table = "policy_start"
