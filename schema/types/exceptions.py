"""Operational exceptions: deviations from plan, with owner and due time."""

from datetime import datetime
from typing import cast

import strawberry

import domain.values.durations as durations
from domain.exceptions import KINDS, ExceptionKind, HandlingRule, is_breached
from models.exceptions import ExceptionStepRow, OperationalExceptionRow
from schema.context import Context, Info
from schema.fields.edges import edge, node_edge
from schema.fields.enums import ExceptionSeverity, ExceptionStatus
from schema.fields.node import Node, found_by, key_of, load
from schema.fields.scalars import json_of
from schema.types.catalog import Channel, Location
from server.projection.records import column, derived, made


async def _subject_of(root: strawberry.Parent["OperationalException"], info: Info) -> Node | None:
    """The object that the exception concerns, if the caller may see it."""
    row = cast("OperationalExceptionRow", root.row)
    type_name, _, key = row["subject_key"].partition(":")
    if not info.context.caller.may_read_node(type_name):
        return None
    found: Node | None = await load(info.context, type_name, key_of(type_name, key))
    return found


@strawberry.type
class ExceptionStep:
    """A step in the handling of an exception."""

    at: datetime
    actor: str
    action: str
    """OPENED, REOPENED, ASSIGNED, STARTED, WAITING, RESUMED, COMMENTED, ESCALATED, RESOLVED or
    AUTO_RESOLVED.
    """
    status: ExceptionStatus
    """Status after the step."""
    owner: str | None
    """Owner after the step; null: not assigned."""
    note: str | None
    """Comment, reason or resolution, as free text; null if the step has none."""


@strawberry.type
class ExceptionKindInfo:
    """A kind of exception, and its handling at a location and on a channel."""

    kind: str
    severity: ExceptionSeverity
    owner_role: str
    """Role that is in charge first."""
    due: str
    """Time for handling, as an ISO 8601 duration."""
    escalate_to: str
    """Role in charge after the due time."""
    after: str | None
    """Time for which the condition must hold before it is opened; null: it is opened at once."""
    off: bool
    """True if a policy switches the kind off: no exception of it is opened."""
    opens: str
    """Condition that opens it, as text for people."""
    clears: str
    """Condition that resolves it automatically, as text for people."""

    @staticmethod
    def of(kind: ExceptionKind, rule: HandlingRule) -> "ExceptionKindInfo":
        """A kind with its handling."""
        return ExceptionKindInfo(
            kind=kind,
            severity=rule.severity,
            owner_role=rule.owner_role,
            due=durations.text_of(rule.due),
            escalate_to=rule.escalate_to,
            after=None if rule.after is None else durations.text_of(rule.after),
            off=rule.is_off,
            opens=KINDS[kind].opens,
            clears=KINDS[kind].clears,
        )


@found_by(lambda loaders: loaders.exceptions)
@strawberry.type
class OperationalException(Node):
    """A deviation from plan, with an owner and a due time.

    At most one exception is open per kind and subject.
    """

    kind: str
    """Kind of exception: OVERSOLD, SHORT_PICK, RETURN_OVERDUE, REFUND_UNKNOWN, …"""
    status: ExceptionStatus
    severity: ExceptionSeverity
    message: str
    """Description for people."""
    owner: str | None
    """Actor that handles the exception; null: not assigned."""
    owner_role: str
    """Role in charge of assigning it. After an escalation it is the next role."""
    opened_at: datetime
    due_at: datetime
    """Time of escalation, extended by the time spent waiting."""
    age_seconds: int = derived(lambda found: _age(found.row, found.context))
    """Seconds since `openedAt`, until now or until the resolution."""
    breached: bool = derived(lambda found: _breached(found.row, found.context))
    """True if it is open and past `dueAt`."""
    occurrences: int
    """Number of occurrences while it was open."""
    resolution: str | None
    """Description of the resolution; null while it is open."""
    wait_until: datetime | None = column("wait_until_at")
    """End of the suspension; null unless it is WAITING."""
    waiting_for: str | None = derived(lambda found: _note(found.row))
    """Event or person that the exception waits for; null unless it is WAITING."""
    subject: Node | None = strawberry.field(resolver=_subject_of)
    """The object that the exception concerns; null if the caller may not see it."""
    location: Location | None = node_edge("Location", "location_id")
    """Location of the occurrence; null: none in particular."""
    channel: Channel | None = node_edge("Channel", "channel_id")
    """Channel of the occurrence; null: none in particular."""
    history: list[ExceptionStep] = edge(
        lambda loaders: loaders.steps_of_exception,
        "id",
        made(lambda _, rows: [_step(row) for row in rows or ()]),
        rows=20,
    )
    """All steps, oldest first."""


def _age(row: OperationalExceptionRow, context: Context) -> int:
    """Seconds since it was opened, until now or until its resolution."""
    ends = row["resolved_at"] or context.now
    return max(0, int((ends - row["opened_at"]).total_seconds()))


def _breached(row: OperationalExceptionRow, context: Context) -> bool:
    status = ExceptionStatus(row["status"])
    return is_breached(status, row["due_at"], context.now, row["waiting_since_at"])


def _note(row: OperationalExceptionRow) -> str | None:
    if row["status"] != ExceptionStatus.WAITING:
        return None
    details = json_of(row["details"]) or {}
    note: str | None = details.get("waitingFor")
    return note


def _step(row: ExceptionStepRow) -> ExceptionStep:
    return ExceptionStep(
        at=row["recorded_at"],
        actor=row["actor"],
        action=row["action"],
        status=ExceptionStatus(row["status"]),
        owner=row["owner"],
        note=row["note"],
    )
