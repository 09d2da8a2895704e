"""Operational exceptions: what went against plan, whose it is, and until when."""

from datetime import datetime

import strawberry

from domain.exceptions import is_breached
from models.sessions import Row
from schema.context import Context, Info
from schema.types.catalog import Location
from schema.types.enums import ExceptionSeverity, ExceptionStatus
from schema.types.node import Node, encode, found_by, key_of, load
from schema.types.scalars import json_of


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
    age_seconds: int
    breached: bool
    occurrences: int
    resolution: str | None
    wait_until: datetime | None
    waiting_for: str | None
    subject_key: strawberry.Private[str]
    location_id: strawberry.Private[int | None]

    @strawberry.field
    async def subject(self, info: Info) -> Node | None:
        """What it is about, where the caller may see it."""
        type_name, _, key = self.subject_key.partition(":")
        if not info.context.caller.may_read_node(type_name):
            return None
        found: Node | None = await load(info.context, type_name, key_of(type_name, key))
        return found

    @strawberry.field
    async def location(self, info: Info) -> Location | None:
        """Where it happened."""
        found: Location | None = await load(info.context, "Location", self.location_id)
        return found

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "OperationalException":
        """A row of operational_exception, with its age now; what is over has stopped ageing."""
        status = ExceptionStatus(row["status"])
        ends = row["resolved_at"] or context.now
        return cls(
            id=encode("OperationalException", row["id"]),
            kind=row["kind"],
            status=status,
            severity=ExceptionSeverity(row["severity"]),
            message=row["message"],
            owner=row["owner"],
            owner_role=row["owner_role"],
            opened_at=row["opened_at"],
            due_at=row["due_at"],
            age_seconds=max(0, int((ends - row["opened_at"]).total_seconds())),
            breached=is_breached(status, row["due_at"], context.now, row["waiting_since_at"]),
            occurrences=row["occurrences"],
            resolution=row["resolution"],
            wait_until=row["wait_until_at"],
            waiting_for=_note(row) if status is ExceptionStatus.WAITING else None,
            subject_key=row["subject_key"],
            location_id=row["location_id"],
        )


def _note(row: Row) -> str | None:
    details = json_of(row["details"]) or {}
    note: str | None = details.get("waitingFor")
    return note
