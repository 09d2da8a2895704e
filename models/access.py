"""Tables of API keys and idempotency keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields

from models.database.keys import KeyField
from models.database.model import Model


class ApiKey(Model):
    """A hashed secret that acts for one actor with one role, limited to channels and locations."""

    id = fields.UUIDField(primary_key=True)
    name = fields.TextField()
    actor = fields.TextField()
    actor_key = KeyField("actor")
    role = fields.TextField()
    prefix = fields.TextField()
    secret_hash = fields.TextField()
    channels: Any = fields.JSONField(null=True)
    locations: Any = fields.JSONField(null=True)
    refund_limit_minor = fields.BigIntField(null=True)
    refund_limit_currency = fields.TextField(null=True)
    created_at = fields.DatetimeField()
    created_by = fields.TextField()
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "api_key"


class ApiKeyRow(TypedDict):
    """A row of api_key."""

    id: UUID
    name: str
    actor: str
    role: str
    prefix: str
    secret_hash: str
    channels: str | None
    locations: str | None
    refund_limit_minor: int | None
    refund_limit_currency: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class IdempotencyKey(Model):
    """The idempotency key of a mutation, unique per actor, and the mutation's stored outcome."""

    id = fields.UUIDField(primary_key=True)
    actor = fields.TextField()
    key = fields.TextField()
    action = fields.TextField()
    arguments_hash = fields.TextField()
    outcome: Any = fields.JSONField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "idempotency_key"
