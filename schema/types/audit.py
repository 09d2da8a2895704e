"""The audit trail: actions with the values before and after."""

from datetime import datetime

import strawberry

from models.audit import AuditEntryRow
from schema.fields.node import Node, found_by
from schema.fields.scalars import JSON, json_of
from server.projection.records import column, derived


def _before(row: AuditEntryRow) -> object:
    return json_of(row["before"])


def _after(row: AuditEntryRow) -> object:
    return json_of(row["after"])


@found_by(lambda loaders: loaders.audits)
@strawberry.type
class AuditEntry(Node):
    """One action of an actor on one subject. Entries never change."""

    at: datetime = column("recorded_at")
    actor: str
    action: str
    """Name of the mutation, or of the job that made the change."""
    subject: str
    """Type and key of the changed object: `Order:…`."""
    before: JSON | None = derived(lambda entry: _before(entry.row))
    """Values that the action changed, as they were before; null if there were none."""
    after: JSON | None = derived(lambda entry: _after(entry.row))
    """The same values after the action, without personal data."""
    hash: str | None
    """Hash over this entry and `previousHash`, in hexadecimal. Null until the entry is sealed,
    normally within a second."""
    previous_hash: str | None
    """Hash of the entry before this one in the chain; 64 zeros for the first. Null until this
    entry is sealed."""
