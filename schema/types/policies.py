"""Policies: written rules in versions that never change."""

from datetime import datetime

import strawberry

from schema.types.enums import PolicyKind
from schema.types.node import Node, found_by
from schema.types.records import column, derived
from schema.types.scalars import JSON, json_of


@found_by(lambda loaders: loaders.policies)
@strawberry.type
class Policy(Node):
    """One version of the rules of a kind for a scope, in force from `effectiveFrom`."""

    kind: PolicyKind
    scope: str
    version: int
    rules: JSON = derived(lambda policy: json_of(policy.row["rules"]))
    effective_from: datetime = column("effective_from_at")
    published_by: str
