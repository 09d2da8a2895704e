"""Table of the audit trail: one append-only row per action and subject."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields
from tortoise.models import Model


class AuditEntry(Model):
    """An action with its actor, its subject before and after, and its transaction's digest."""

    id = fields.UUIDField(primary_key=True)
    at = fields.DatetimeField(source_field="recorded_at")
    actor = fields.TextField()
    action = fields.TextField()
    subject = fields.TextField()
    before: Any = fields.JSONField(null=True)
    after: Any = fields.JSONField(null=True)
    transaction_id = fields.UUIDField()
    digest = fields.TextField()
    content_digest = fields.TextField()

    class Meta:
        table = "audit_entry"


class AuditEntryRow(TypedDict):
    """A row of audit_entry."""

    id: UUID
    recorded_at: datetime
    actor: str
    action: str
    subject: str
    before: str | None
    after: str | None
    transaction_id: UUID
    digest: str
    content_digest: str
