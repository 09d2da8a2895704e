"""The audit trail: who did what, before and after."""

from datetime import datetime

import strawberry

from schema.fields.node import Node, found_by
from schema.fields.scalars import JSON, json_of
from server.projection.records import column, derived


@found_by(lambda loaders: loaders.audits)
@strawberry.type
class AuditEntry(Node):
    """One action of an actor on one subject, never changed."""

    at: datetime = column("recorded_at")
    actor: str
    action: str
    """The mutation's name, or that of what the product did by itself."""
    subject: str
    """Type and key of what it was done to: `Order:…`."""
    before: JSON | None = derived(lambda entry: json_of(entry.row["before"]))
    """Facts that the action changed, as they were; null where there was nothing before."""
    after: JSON | None = derived(lambda entry: json_of(entry.row["after"]))
    """The same facts as they became; no personal data."""
