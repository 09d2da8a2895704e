"""What a policy decided, as it is kept beside what it decided about: readable for ever."""

from collections.abc import Iterable
from typing import Any, TypedDict

from domain.policies.policies import PolicyVersion


class Decision(TypedDict):
    """The deciding policy's kind, scope and version, the outcome, and why, in words."""

    policy: str
    scope: str
    version: int
    outcome: str
    reasons: list[str]


def decided(policy: PolicyVersion[Any], outcome: str, reasons: Iterable[str]) -> Decision:
    """The decision that `policy` led to."""
    return Decision(
        policy=str(policy.kind),
        scope=str(policy.scope),
        version=policy.version,
        outcome=str(outcome),
        reasons=list(reasons),
    )
