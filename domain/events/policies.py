"""Events of policies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.events.payloads import EventPayload
from domain.policies.policies import PolicyKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPayload(EventPayload):
    """The payload of every event of a policy."""

    subject_type: ClassVar[str] = "Policy"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel", "location")

    kind: PolicyKind
    scope: str
    """Scope of the policy: `global`, or channel, category and location."""
    version: int
    effective_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPublished(PolicyPayload):
    """A version of a policy was published."""

    type: ClassVar[str] = "policy.published"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEffective(PolicyPayload):
    """A version that was published ahead of time came into force."""

    type: ClassVar[str] = "policy.effective"
