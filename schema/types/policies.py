"""Policies: written rules in versions that never change."""

from datetime import datetime

import strawberry

from schema.fields.enums import PolicyKind
from schema.fields.node import Node, found_by
from schema.fields.scalars import JSON, json_of
from server.projection.records import column, derived


@found_by(lambda loaders: loaders.policies)
@strawberry.type
class Policy(Node):
    """One version of the rules of a kind for a scope, never changed.

    Of those that apply to a case the most specific scope wins, and its newest version in force.
    """

    kind: PolicyKind
    scope: str
    """`global`, `location:X`, `channel:x`, `category:y` or `channel:x,category:y`."""
    version: int
    """Counts up from 1 within the kind and scope."""
    rules: JSON = derived(lambda policy: json_of(policy.row["rules"]))
    """A document whose shape depends on the kind."""
    effective_from: datetime = column("effective_from_at")
    """It decides nothing before."""
    published_by: str
    """The actor who published it."""
