"""Decisions of policies and of routing, with their reasons."""

from typing import Any

import strawberry

from domain.policies.decisions import Decision
from schema.context import Context
from schema.fields.scalars import json_of
from server.projection.list_sizes import listed


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


@strawberry.type
class RoutingCandidate:
    """A location that was considered."""

    location: str
    """Code of the location."""
    accepted: bool
    """True if units are taken from this location."""
    reasons: list[str]
    """Reasons, as text for people."""


@strawberry.type
class RoutingDecision:
    """Stored decision about the locations that supply the units."""

    policy_version: int
    """Version of the ROUTING policy."""
    chosen: list[str]
    """Codes of the locations that supply units."""
    considered: list[RoutingCandidate] = listed(10)
    """Candidates that the caller may see."""

    @staticmethod
    def from_json(stored: Any, context: Context) -> "RoutingDecision | None":
        """A stored decision; None if there is none or the caller may not see it."""
        decision = json_of(stored)
        caller = context.caller
        if not decision or not caller.may_see_routing():
            return None
        return RoutingDecision(
            policy_version=decision["policyVersion"],
            chosen=[code for code in decision["chosen"] if caller.sees_location(code)],
            considered=[
                RoutingCandidate(
                    location=each["location"],
                    accepted=each["accepted"],
                    reasons=list(each["reasons"]),
                )
                for each in decision["considered"]
                if caller.sees_location(each["location"])
            ],
        )
