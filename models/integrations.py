"""Tables of integrations: outside systems, webhooks and channels, and their secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields

from models.database.keys import KeyField
from models.database.model import Model


class Integration(Model):
    """An outside system. Its status holds for all processes.

    `url`: the address without credentials. WEBHOOK only: `events` (null: all), `ordering`,
    `api_key_id` (the key whose view of the events it gets), `position` (every event up to it is
    settled) and `fed_position` (every event up to it has its message). CHANNEL only: `channel_id`,
    `pushes_per_minute`, `batch_max`, `pull_every`, `compare_every` and `refunds`.
    """

    id = fields.UUIDField(primary_key=True)
    code = fields.TextField()
    code_key = KeyField("code")
    kind = fields.TextField()
    name = fields.TextField()
    url = fields.TextField(null=True)
    status = fields.TextField()
    status_since_at = fields.DatetimeField()
    status_reasons: Any = fields.JSONField()
    actor = fields.TextField()
    actor_key = KeyField("actor")
    api_key_id = fields.UUIDField(null=True)
    channel_id = fields.BigIntField(null=True)
    events: Any = fields.JSONField(null=True)
    ordering = fields.TextField(null=True)
    position = fields.BigIntField(null=True)
    fed_position = fields.BigIntField(null=True)
    pushes_per_minute = fields.IntField(null=True)
    batch_max = fields.IntField(null=True)
    pull_every = fields.TextField(null=True)
    compare_every = fields.TextField(null=True)
    refunds = fields.BooleanField(null=True)
    created_by = fields.TextField()
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    version = fields.BigIntField(default=1)

    class Meta:
        table = "integration"


class IntegrationSecret(Model):
    """A generation of an integration's secret. The secret itself is derived and never stored.

    `expires_at` null: it does not expire. At most one of an integration does not.
    """

    id = fields.UUIDField(primary_key=True)
    integration_id = fields.UUIDField()
    generation = fields.IntField()
    hint = fields.TextField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True)

    class Meta:
        table = "integration_secret"


class IntegrationRow(TypedDict):
    """A row of integration, as it is shown, with the scope of its API key."""

    id: UUID
    code: str
    kind: str
    name: str
    url: str | None
    status: str
    status_since_at: datetime
    status_reasons: str
    actor: str
    actor_key: str | None
    channel_id: int | None
    events: str | None
    ordering: str | None
    position: int | None
    key_channels: str | None
    key_locations: str | None


class IntegrationSecretRow(TypedDict):
    """A row of integration_secret."""

    integration_id: UUID
    generation: int
    hint: str
    created_at: datetime
    expires_at: datetime | None
