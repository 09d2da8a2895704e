"""Policy decisions and their reasons."""

from typing import Any

import strawberry

from domain.policies.decisions import Decision
from schema.context import Context
from schema.fields.scalars import json_of


@strawberry.type
class PolicyDecision:
    """Decision of a policy about one case, as stored at that time."""

    policy: str
    """Kind of the policy."""
    scope: str
    """Scope of the policy: `global`, `channel:web`, …"""
    version: int
    """Version of the policy that decided."""
    outcome: str
    reasons: list[str]
    """Reasons, as text for people; empty if not visible to the role."""

    @staticmethod
    def from_json(stored: Any, context: Context) -> "PolicyDecision":
        """A stored decision as the caller may see it."""
        decision: Decision = json_of(stored)
        return PolicyDecision(
            policy=decision["policy"],
            scope=decision["scope"],
            version=decision["version"],
            outcome=decision["outcome"],
            reasons=list(decision["reasons"]) if context.caller.may_see_decisions() else [],
        )
