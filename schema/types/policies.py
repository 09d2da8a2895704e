"""Policies: versioned rules that never change."""

from datetime import datetime

import strawberry

from domain.policies.defaults import DEFAULT_RULES
from domain.policies.json_schemas import rules_schema, scopes_of
from models.policies import PolicyRow
from schema.fields.enums import PolicyKind
from schema.fields.node import Node, found_by
from schema.fields.scalars import JSON, json_of
from server.projection.records import column, derived


def _rules(row: PolicyRow) -> object:
    return json_of(row["rules"])


@found_by(lambda loaders: loaders.policies)
@strawberry.type
class Policy(Node):
    """One version of the rules of a kind for a scope. Versions never change.

    If several policies apply to a case, the one with the most specific scope decides, in its newest
    version in force.
    """

    kind: PolicyKind
    scope: str
    """`global`, `location:X`, `channel:x`, `category:y` or `channel:x,category:y`."""
    version: int
    """Version number, from 1 within kind and scope."""
    rules: JSON = derived(lambda policy: _rules(policy.row))
    """Rules; their structure depends on the kind."""
    effective_from: datetime = column("effective_from_at")
    """Start of validity."""
    published_by: str
    """Actor that published it."""


@strawberry.type
class PolicySchema:
    """The structure of the rules of a kind, for editors and forms."""

    kind: PolicyKind
    schema: JSON
    """JSON Schema (2020-12) of `rules`. It cannot state that the bands of a currency ascend, or
    that no two entries of a list decide the same case; `policyPublish` refuses that too.
    """
    scopes: list[str]
    """Forms of the scopes that policies of the kind may have; X and y stand for codes."""
    example: JSON
    """Rules that are valid: the default of a new database."""

    @staticmethod
    def of(kind: PolicyKind) -> "PolicySchema":
        """The structure of the rules of a kind."""
        return PolicySchema(
            kind=kind,
            schema=JSON(rules_schema(kind)),
            scopes=scopes_of(kind),
            example=JSON(DEFAULT_RULES[kind]),
        )
