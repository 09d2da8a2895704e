"""What a policy decided, and why, in words."""

from typing import Any

import strawberry

from domain.policies.decisions import Decision
from schema.context import Context
from schema.fields.scalars import json_of


@strawberry.type
class PolicyDecision:
    """What a policy made of a case, as it was stored then."""

    policy: str
    """The policy's kind."""
    scope: str
    """What the policy was for: `global`, `channel:web`, …"""
    version: int
    """The policy's version at that time."""
    outcome: str
    reasons: list[str]
    """Why, in words; empty for roles that may not see them."""

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
