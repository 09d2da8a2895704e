"""Shadow decisions: the decision that a policy would have made, beside that of people.

- A policy that leaves a case to people agrees with any decision of theirs.
- A policy that could not decide agrees with none.
- Locations agree if they are the same, in any order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from domain.policies.decisions import Decision, decided
from domain.policies.policies import PolicyVersion
from domain.policies.rollout import RolloutDomain

FAILED: Final = "FAILED"
NOWHERE: Final = "NOWHERE"
# Outcomes by which a policy leaves a case to people. `REQUESTED` is the status of a return,
# `NEEDS_APPROVAL` that of a refund.
LEFT_TO_PEOPLE: Final = frozenset({"REQUESTED", "NEEDS_APPROVAL"})


@dataclass(frozen=True, slots=True)
class Shadow:
    """The decision that a policy would have made. `failed`: it could not decide."""

    decision: Decision
    failed: bool = False

    @property
    def outcome(self) -> str:
        return self.decision["outcome"]


def shadow(policy: PolicyVersion[Any], outcome: str, reasons: Iterable[str]) -> Shadow:
    """The decision of a policy that is not executed."""
    return Shadow(decided(policy, outcome, reasons))


def failed(policy: PolicyVersion[Any], error: Exception) -> Shadow:
    """The shadow of a policy that could not decide, with the kind of the error."""
    reason = f"The policy could not decide: {type(error).__name__}."
    return Shadow(decided(policy, FAILED, (reason,)), failed=True)


def places(codes: Iterable[str]) -> str:
    """The outcome of a choice of locations."""
    return ", ".join(sorted(set(codes))) or NOWHERE


def differences(domain: RolloutDomain, would: str, did: str) -> list[str]:
    """Differences between the decision of a policy and that of people; empty: they agree."""
    if would == FAILED:
        return ["The policy could not decide."]
    if would == did or would in LEFT_TO_PEOPLE:
        return []
    if domain is not RolloutDomain.ROUTING:
        return [f"The policy would have decided {would}; the decision was {did}."]
    policy, people = _codes(would), _codes(did)
    return [
        *(f"Only the policy takes units from {code}." for code in sorted(policy - people)),
        *(f"Only the caller takes units from {code}." for code in sorted(people - policy)),
    ]


def _codes(outcome: str) -> set[str]:
    return set() if outcome == NOWHERE else set(outcome.split(", "))
