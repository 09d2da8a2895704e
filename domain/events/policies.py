"""Events of policies, and of the playbooks that they name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.continuity.runs import PlaybookStatus
from domain.events.payloads import EventPayload
from domain.policies.continuity import MeasureKind
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookPayload(EventPayload):
    """The payload of every event of a playbook.

    It may concern several channels and locations, so keys with a limit see only the events that
    their own actor recorded.
    """

    subject_type: ClassVar[str] = "PlaybookRun"
    scoped_by: ClassVar[tuple[str, ...]] = ()

    playbook: str
    status: PlaybookStatus
    measures: tuple[MeasureKind, ...]
    channels: tuple[str, ...] | None
    """Codes of the channels; null: all."""
    locations: tuple[str, ...] | None
    """Codes of the locations; null: all."""
    skus: int | None
    """Number of the SKUs; null: all."""
    carriers: tuple[str, ...] | None
    """Codes of the carriers; null: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookStarted(PlaybookPayload):
    """The measures of a playbook hold from now on."""

    type: ClassVar[str] = "playbook.started"

    ends_at: datetime | None
    """Time at which they end by the clock; null: until the playbook is ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookEnded(PlaybookPayload):
    """The measures of a playbook no longer hold."""

    type: ClassVar[str] = "playbook.ended"
