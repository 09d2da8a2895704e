"""Events of operational exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.access.callers import Role
from domain.events.payloads import EventPayload, Subject
from domain.exceptions import ExceptionKind, ExceptionSeverity, ExceptionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionPayload(EventPayload):
    """The payload of every event of an exception."""

    subject_type: ClassVar[str] = "OperationalException"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel", "location")

    kind: ExceptionKind
    subject: Subject
    """The object that the exception is about."""
    status: ExceptionStatus
    severity: ExceptionSeverity
    owner: str | None
    """Actor or role that handles it; null: not assigned, or the event is of an earlier version."""
    owner_role: Role
    occurrences: int
    """Number of times that it was reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionOpened(ExceptionPayload):
    """An exception was opened."""

    type: ClassVar[str] = "exception.opened"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionReopened(ExceptionPayload):
    """The condition of an exception came back within an hour of its end."""

    type: ClassVar[str] = "exception.reopened"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionRepeated(ExceptionPayload):
    """An open exception was reported again."""

    type: ClassVar[str] = "exception.repeated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionAssigned(ExceptionPayload):
    """The exception was assigned to an actor."""

    type: ClassVar[str] = "exception.assigned"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionStarted(ExceptionPayload):
    """Work on the exception began, or went on before the end of a wait."""

    type: ClassVar[str] = "exception.started"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionWaiting(ExceptionPayload):
    """Work on the exception waits, and its due time is paused."""

    type: ClassVar[str] = "exception.waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionResumed(ExceptionPayload):
    """A wait reached its end."""

    type: ClassVar[str] = "exception.resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionCommented(ExceptionPayload):
    """A person added a comment to the exception, in any status."""

    type: ClassVar[str] = "exception.commented"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionEscalated(ExceptionPayload):
    """The due time passed, or a person escalated it: the exception went to the next role."""

    type: ClassVar[str] = "exception.escalated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionResolved(ExceptionPayload):
    """A person resolved the exception, or its condition ended."""

    type: ClassVar[str] = "exception.resolved"
