"""Operational exceptions: what went against plan, whose it is, and until when."""

from datetime import datetime

import strawberry

from domain.exceptions import is_breached
from models.database.sessions import Row
from schema.context import Info
from schema.fields.edges import node_edge
from schema.fields.enums import ExceptionSeverity, ExceptionStatus
from schema.fields.node import Node, found_by, key_of, load
from schema.fields.scalars import json_of
from schema.types.catalog import Location
from server.projection.records import column, derived


async def _subject_of(root: strawberry.Parent["OperationalException"], info: Info) -> Node | None:
    """What it is about, where the caller may see it."""
    type_name, _, key = root.row["subject_key"].partition(":")
    if not info.context.caller.may_read_node(type_name):
        return None
    found: Node | None = await load(info.context, type_name, key_of(type_name, key))
    return found


@found_by(lambda loaders: loaders.exceptions)
@strawberry.type
class OperationalException(Node):
    """Something that went against plan, with an owner and a clock.

    There is one open exception per kind and subject.
    """

    kind: str
    """A row of the catalogue: OVERSOLD, SHORT_PICK, RETURN_OVERDUE, REFUND_UNKNOWN, …"""
    status: ExceptionStatus
    severity: ExceptionSeverity
    message: str
    """What happened, for people."""
    owner: str | None
    """The actor who has it; null: nobody yet."""
    owner_role: str
    """Whose it is while nobody has it; the next role once it is escalated."""
    opened_at: datetime
    due_at: datetime
    """Past this it is escalated. Waiting does not count."""
    age_seconds: int = derived(lambda found: _age(found))
    """From `openedAt` to now, or to its end."""
    breached: bool = derived(lambda found: _breached(found))
    """Whether it is open and past `dueAt`."""
    occurrences: int
    """How often it happened while it was open."""
    resolution: str | None
    """How it was settled, in words; null while it is open."""
    wait_until: datetime | None = column("wait_until_at")
    """Until when its clock stands still; null unless it is WAITING."""
    waiting_for: str | None = derived(lambda found: _note(found.row))
    """What is waited for; null unless it is WAITING."""
    subject: Node | None = strawberry.field(resolver=_subject_of)
    """What it is about; null where the caller may not see it."""
    location: Location | None = node_edge("Location", "location_id")
    """Where it happened; null: nowhere in particular."""


def _age(found: OperationalException) -> int:
    """Its age now; what is over has stopped ageing."""
    row = found.row
    ends = row["resolved_at"] or found.context.now
    return max(0, int((ends - row["opened_at"]).total_seconds()))


def _breached(found: OperationalException) -> bool:
    row = found.row
    status = ExceptionStatus(row["status"])
    return is_breached(status, row["due_at"], found.context.now, row["waiting_since_at"])


def _note(row: Row) -> str | None:
    if row["status"] != ExceptionStatus.WAITING:
        return None
    details = json_of(row["details"]) or {}
    note: str | None = details.get("waitingFor")
    return note
