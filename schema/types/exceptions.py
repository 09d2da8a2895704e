"""Operational exceptions: deviations from plan, with owner and due time."""

from datetime import datetime
from typing import cast

import strawberry

from domain.exceptions import is_breached
from models.exceptions import OperationalExceptionRow
from schema.context import Context, Info
from schema.fields.edges import node_edge
from schema.fields.enums import ExceptionSeverity, ExceptionStatus
from schema.fields.node import Node, found_by, key_of, load
from schema.fields.scalars import json_of
from schema.types.catalog import Location
from server.projection.records import column, derived


async def _subject_of(root: strawberry.Parent["OperationalException"], info: Info) -> Node | None:
    """The object that the exception concerns, if the caller may see it."""
    row = cast("OperationalExceptionRow", root.row)
    type_name, _, key = row["subject_key"].partition(":")
    if not info.context.caller.may_read_node(type_name):
        return None
    found: Node | None = await load(info.context, type_name, key_of(type_name, key))
    return found


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
