"""The audit trail: who did what, before and after."""

from datetime import datetime

import strawberry

from models.sessions import Row
from schema.context import Context
from schema.types.node import Node, encode, found_by
from schema.types.scalars import JSON, json_of


@found_by(lambda loaders: loaders.audits)
@strawberry.type
class AuditEntry(Node):
    """One action on one subject; `subject` is its type and key."""

    at: datetime
    actor: str
    action: str
    subject: str
    before: JSON | None
    after: JSON | None

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "AuditEntry":
        """A row of audit_entry."""
        return cls(
            id=encode("AuditEntry", row["id"]),
            at=row["recorded_at"],
            actor=row["actor"],
            action=row["action"],
            subject=row["subject"],
            before=json_of(row["before"]),
            after=json_of(row["after"]),
        )
