"""What a policy decided, and why, in words."""

from typing import Any

import strawberry

from domain.decisions import Decision
from schema.context import Context
from schema.types.scalars import json_of


@strawberry.type
class PolicyDecision:
    """The kind, scope and version of the policy that decided, the outcome, and the reasons.

    `reasons` is empty for roles that may not see them.
    """

    policy: str
    scope: str
    version: int
    outcome: str
    reasons: list[str]

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
