"""Tables of the audit trail: one append-only row per action and subject, and the chain of seals.

Seals are written after the commit of their row (workflows/ledger/sealing.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields

from models.database.model import Model


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


class AuditPending(Model):
    """An audit row without a seal yet."""

    audit_id = fields.UUIDField(primary_key=True)

    class Meta:
        table = "audit_pending"


class AuditSeal(Model):
    """The place of an audit row in the chain, and a hash over the row and the seal before it."""

    sequence = fields.BigIntField(primary_key=True, generated=False)
    audit_id = fields.UUIDField()
    previous_hash = fields.TextField()
    hash = fields.TextField()

    class Meta:
        table = "audit_seal"


class AuditChain(Model):
    """The single row with the end of the chain. Sealing locks it, so seals follow one another."""

    id = fields.BigIntField(primary_key=True, generated=False)
    sequence = fields.BigIntField(default=0)
    hash = fields.TextField()
    sealed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "audit_chain"


class AuditSealRow(TypedDict):
    """A row of audit_seal."""

    sequence: int
    audit_id: UUID
    previous_hash: str
    hash: str


class AuditEntryRow(TypedDict):
    """A row of audit_entry with the hashes of its seal; null until it is sealed."""

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
    hash: str | None
    previous_hash: str | None
