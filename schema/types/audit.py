"""The audit trail: who did what, before and after."""

from datetime import datetime

import strawberry

from schema.types.node import Node, found_by
from schema.types.records import column, derived
from schema.types.scalars import JSON, json_of


@found_by(lambda loaders: loaders.audits)
@strawberry.type
class AuditEntry(Node):
    """One action on one subject; `subject` is its type and key."""

    at: datetime = column("recorded_at")
    actor: str
    action: str
    subject: str
    before: JSON | None = derived(lambda entry: json_of(entry.row["before"]))
    after: JSON | None = derived(lambda entry: json_of(entry.row["after"]))
