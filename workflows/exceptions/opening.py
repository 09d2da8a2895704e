"""Opening and clearing of operational exceptions: one open exception per kind and subject.

Other areas call these inside their own transactions, after they have taken their locks. The row of
the exception stays locked until commit.
"""

from __future__ import annotations

from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.exceptions as exception_queries
import workflows.policies.publishing as policies
from domain.access.callers import SYSTEM, Role
from domain.events.exceptions import (
    ExceptionOpened,
    ExceptionPayload,
    ExceptionRepeated,
    ExceptionResolved,
)
from domain.events.payloads import encode
from domain.exceptions import (
    CLEARED_WHEN,
    ExceptionKind,
    ExceptionSeverity,
    ExceptionStatus,
    HandlingRule,
)
from domain.policies.policies import PolicyKind
from models.exceptions import OperationalExceptionRow
from workflows.transactions.transaction import Transaction


async def open_exception(
    tx: Transaction,
    kind: ExceptionKind,
    subject: tuple[str, object],
    message: str,
    *,
    location_id: int | None = None,
    channel_id: int | None = None,
    actor: str = SYSTEM.actor,
) -> UUID:
    """Open an exception about a subject; if one is open already, increase its `occurrences`.

    The EXCEPTION policy, or else DEFAULT_HANDLING, gives the severity, owner role and due time.
    `message` is shown to people and must not hold personal data. Returns the id. Records
    `exception.opened` or `exception.repeated`.
    """
    handling = await handling_of(tx, kind, location_id, channel_id)
    row = await exception_queries.open_exception(
        tx.session,
        tx.new_id(),
        kind,
        subject_key(subject),
        handling.severity,
        message,
        location_id,
        channel_id,
        handling.owner_role,
        tx.now,
        handling.due_at(tx.now),
    )
    is_new = row["occurrences"] == 1
    _record_and_audit(tx, row, actor, ExceptionOpened if is_new else ExceptionRepeated)
    return row["id"]


async def clear(
    tx: Transaction,
    kind: ExceptionKind,
    subject: tuple[str, object],
    *,
    actor: str = SYSTEM.actor,
) -> UUID | None:
    """Resolve the open exception of this kind and subject, because its condition has ended.

    Returns its id, or None if none was open. Records `exception.resolved`.
    """
    resolution = f"Cleared: {CLEARED_WHEN[kind]}."
    row = await exception_queries.clear_exception(
        tx.session, kind, subject_key(subject), resolution, tx.now
    )
    if row is None:
        return None
    _record_and_audit(tx, row, actor, ExceptionResolved)
    return row["id"]


def subject_key(subject: tuple[str, object]) -> str:
    """The subject of an exception as its row stores it: `Order:<id>`."""
    subject_type, key = subject
    return f"{subject_type}:{key}"


async def codes_of(
    tx: Transaction, location_id: int | None, channel_id: int | None
) -> tuple[str | None, str | None]:
    """The codes of the location and the channel of an exception; None: it has none."""
    location = channel = None
    if location_id is not None:
        location = (await lookups.locations_by_id(tx.session, [location_id]))[location_id].code
    if channel_id is not None:
        channel = (await lookups.channels_by_id(tx.session, [channel_id]))[channel_id].code
    return location, channel


async def handling_of(
    tx: Transaction, kind: ExceptionKind, location_id: int | None, channel_id: int | None
) -> HandlingRule:
    """Severity, owner role and time limit of a kind, by EXCEPTION policy or DEFAULT_HANDLING."""
    location, channel = await codes_of(tx, location_id, channel_id)
    policy = await policies.decide(
        tx.session, PolicyKind.EXCEPTION, tx.now, channel=channel, location=location
    )
    return policy.rules.row(kind)


def record(
    tx: Transaction, row: OperationalExceptionRow, actor: str, event: type[ExceptionPayload]
) -> ExceptionPayload:
    """Record an event of an exception. Returns its payload, which alerts are selected by."""
    payload = event(
        kind=ExceptionKind(row["kind"]),
        subject=row["subject_key"],
        status=ExceptionStatus(row["status"]),
        severity=ExceptionSeverity(row["severity"]),
        owner_role=Role(row["owner_role"]),
        occurrences=row["occurrences"],
    )
    tx.outbox.record(
        payload,
        row["id"],
        actor=actor,
        version=row["version"],
        channel_id=row["channel_id"],
        location_id=row["location_id"],
    )
    return payload


def _record_and_audit(
    tx: Transaction, row: OperationalExceptionRow, actor: str, event: type[ExceptionPayload]
) -> None:
    payload = record(tx, row, actor, event)
    subject = ("OperationalException", row["id"])
    tx.outbox.audit(actor, event.type, subject, after=encode(payload))
