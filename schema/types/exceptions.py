"""Operational exceptions: what went against plan, whose it is, and until when."""

from datetime import datetime

import strawberry

from domain.exceptions import is_breached
from models.sessions import Row
from schema.context import Info
from schema.types.catalog import Location
from schema.types.enums import ExceptionSeverity, ExceptionStatus
from schema.types.node import Node, found_by, key_of, load, node_edge
from schema.types.records import column, derived
from schema.types.scalars import json_of


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
    """Something that went against plan; one open row per kind and subject.

    While it is WAITING its clock stands still, at the latest until `waitUntil`.
    """

    kind: str
    status: ExceptionStatus
    severity: ExceptionSeverity
    message: str
    owner: str | None
    owner_role: str
    opened_at: datetime
    due_at: datetime
    age_seconds: int = derived(lambda found: _age(found))
    breached: bool = derived(lambda found: _breached(found))
    occurrences: int
    resolution: str | None
    wait_until: datetime | None = column("wait_until_at")
    waiting_for: str | None = derived(lambda found: _note(found.row))
    subject: Node | None = strawberry.field(resolver=_subject_of)
    location: Location | None = node_edge("Location", "location_id")


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
