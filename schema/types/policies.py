"""Policies: written rules in versions that never change."""

from datetime import datetime

import strawberry

from models.sessions import Row
from schema.context import Context
from schema.types.enums import PolicyKind
from schema.types.node import Node, encode, found_by
from schema.types.scalars import JSON, json_of


@found_by(lambda loaders: loaders.policies)
@strawberry.type
class Policy(Node):
    """One version of the rules of a kind for a scope, in force from `effectiveFrom`."""

    kind: PolicyKind
    scope: str
    version: int
    rules: JSON
    effective_from: datetime
    published_by: str

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Policy":
        """A row of policy."""
        return cls(
            id=encode("Policy", row["id"]),
            kind=PolicyKind(row["kind"]),
            scope=row["scope"],
            version=row["version"],
            rules=JSON(json_of(row["rules"])),
            effective_from=row["effective_from_at"],
            published_by=row["published_by"],
        )
