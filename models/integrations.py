"""Tables of integrations: systems, secrets, messages, and the delivery of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields

from models.database.keys import KeyField
from models.database.model import Model


class Integration(Model):
    """An outside system. Its status holds for all processes.

    `outage_since_at`: the beginning of the present outage, from DOWN until HEALTHY or OFF.
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
    outage_since_at = fields.DatetimeField(null=True)
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


class IntegrationHealth(Model):
    """Figures of the calls of an integration, for all processes (domain/integrations/health.py).

    `since_at`: the beginning of the status that the counts in a row are about. `judged_since_at`:
    figures from before it are not judged. `backlog`, `oldest_at`: work that is due. `buckets`: the
    calls of five minutes.
    """

    integration_id = fields.UUIDField(primary_key=True)
    since_at = fields.DatetimeField()
    judged_since_at = fields.DatetimeField()
    failures_in_a_row = fields.IntField(default=0)
    successes_in_a_row = fields.IntField(default=0)
    last_success_at = fields.DatetimeField(null=True)
    last_error = fields.TextField(null=True)
    backlog = fields.BigIntField(default=0)
    oldest_at = fields.DatetimeField(null=True)
    next_probe_at = fields.DatetimeField(null=True)
    buckets: Any = fields.JSONField()

    class Meta:
        table = "integration_health"


class IntegrationHealthRow(TypedDict):
    """A row of integration_health. `buckets` is JSON."""

    integration_id: UUID
    since_at: datetime
    judged_since_at: datetime
    failures_in_a_row: int
    successes_in_a_row: int
    last_success_at: datetime | None
    last_error: str | None
    backlog: int
    oldest_at: datetime | None
    next_probe_at: datetime | None
    buckets: str


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


class Message(Model):
    """A message to or from an integration. OUT: one for each webhook and event.

    `reference`: OUT: the event's id, or that of the test; IN: the channel's reference.
    `event_id`, `position`: the event; null for a test. `subject`: `Order:<key>`. `payload`: the
    text that is signed. `attempts`: calls since it was last PENDING that used up a retry. `calls`:
    all calls. `is_repeat`: it was settled before, and is sent again.
    """

    id = fields.UUIDField(primary_key=True)
    integration_id = fields.UUIDField()
    direction = fields.TextField()
    status = fields.TextField()
    type = fields.TextField()
    reference = fields.TextField()
    event_id = fields.BigIntField(null=True)
    position = fields.BigIntField(null=True)
    subject = fields.TextField(null=True)
    payload = fields.TextField(null=True)
    reason = fields.TextField(null=True)
    attempts = fields.IntField(default=0)
    calls = fields.IntField(default=0)
    is_repeat = fields.BooleanField(default=False)
    next_attempt_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    settled_at = fields.DatetimeField(null=True)

    class Meta:
        table = "message"


class MessageRow(TypedDict):
    """A row of message, as it is shown."""

    id: UUID
    integration_id: UUID
    direction: str
    status: str
    type: str
    reference: str
    position: int | None
    subject: str | None
    payload: str | None
    reason: str | None
    next_attempt_at: datetime | None
    created_at: datetime
    settled_at: datetime | None


class MessageAttempt(Model):
    """A call that sent a message. `response`: the first 1,024 characters of the answer."""

    id = fields.UUIDField(primary_key=True)
    message_id = fields.UUIDField()
    number = fields.IntField()
    begun_at = fields.DatetimeField()
    duration_ms = fields.IntField()
    status_code = fields.IntField(null=True)
    error = fields.TextField(null=True)
    response = fields.TextField(null=True)

    class Meta:
        table = "message_attempt"


class MessageAttemptRow(TypedDict):
    """A row of message_attempt, as it is shown."""

    message_id: UUID
    number: int
    begun_at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    response: str | None


class NewAttempt(TypedDict):
    """A row of message_attempt that is inserted."""

    id: UUID
    message_id: UUID
    number: int
    begun_at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    response: str | None


class NewMessage(TypedDict):
    """A row of message that is inserted."""

    id: UUID
    integration_id: UUID
    direction: str
    status: str
    type: str
    reference: str
    event_id: int | None
    position: int | None
    subject: str | None
    payload: str | None
    is_repeat: bool
    next_attempt_at: datetime
    created_at: datetime


class QueuedMessageRow(TypedDict):
    """A message that waits for its delivery."""

    id: UUID
    type: str
    status: str
    position: int | None
    subject: str | None
    attempts: int
    next_attempt_at: datetime | None


class WebhookDelivery(Model):
    """The state of delivery of a webhook.

    `holder`: the process that delivers until `lease_until_at`. `revision`: increases when others
    than the holder change messages. `rests_until_at`: no call before it. `failures`: failed calls
    since `failing_since_at`, without a success. `replay_after`, `replay_until`: events between
    these positions are still to be sent again.
    """

    integration_id = fields.UUIDField(primary_key=True)
    holder = fields.TextField(default="")
    lease_until_at = fields.DatetimeField()
    revision = fields.BigIntField(default=1)
    rests_until_at = fields.DatetimeField(null=True)
    failing_since_at = fields.DatetimeField(null=True)
    failures = fields.IntField(default=0)
    replay_after = fields.BigIntField(null=True)
    replay_until = fields.BigIntField(null=True)

    class Meta:
        table = "webhook_delivery"
