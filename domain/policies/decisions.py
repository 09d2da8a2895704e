"""Record of a policy decision, stored with the object that it was made about."""

from collections.abc import Iterable
from typing import Any, TypedDict

from domain.policies.policies import PolicyVersion


class Decision(TypedDict):
    """Kind, scope and version of the deciding policy, the outcome, and the reasons in words."""

    policy: str
    scope: str
    version: int
    outcome: str
    reasons: list[str]


def decided(policy: PolicyVersion[Any], outcome: str, reasons: Iterable[str]) -> Decision:
    """The record of a decision by `policy`."""
    return Decision(
        policy=str(policy.kind),
        scope=str(policy.scope),
        version=policy.version,
        outcome=str(outcome),
        reasons=list(reasons),
    )
