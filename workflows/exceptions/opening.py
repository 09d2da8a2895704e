"""Opening and clearing of operational exceptions: one open exception per kind and subject.

Other areas call these inside their own transactions, after they have taken their locks. The row of
the exception stays locked until commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

import models.queries.catalog.lookups as lookups
import models.queries.exceptions.exceptions as exception_queries
import workflows.exceptions.handling_rules as handling_rules
import workflows.exceptions.steps as steps
from domain.access.callers import SYSTEM
from domain.events.exceptions import (
    ExceptionOpened,
    ExceptionPayload,
    ExceptionReopened,
    ExceptionRepeated,
    ExceptionResolved,
)
from domain.events.payloads import encode
from domain.exceptions import KINDS, ExceptionKind, HandlingRule
from models.exceptions import OperationalExceptionRow
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Deviation:
    """A deviation from the plan, for which an exception is opened.

    `message` is shown to people and must not hold personal data. `details` is for the program.
    """

    subject: tuple[str, object]
    message: str
    location_id: int | None = None
    channel_id: int | None = None
    details: Mapping[str, Any] | None = None


async def open_exception(
    tx: Transaction,
    kind: ExceptionKind,
    subject: tuple[str, object],
    message: str,
    *,
    location_id: int | None = None,
    channel_id: int | None = None,
    details: Mapping[str, Any] | None = None,
    actor: str = SYSTEM.actor,
) -> UUID | None:
    """Open an exception about a subject; if one is open already, increase its `occurrences`.

    Returns its id, or None if a policy switches the kind off here. `open_all` says more.
    """
    deviation = Deviation(subject, message, location_id, channel_id, details)
    [opened] = await open_all(tx, kind, [deviation], actor=actor)
    return opened


async def open_all(
    tx: Transaction,
    kind: ExceptionKind,
    deviations: Sequence[Deviation],
    *,
    actor: str = SYSTEM.actor,
) -> list[UUID | None]:
    """Open exceptions of a kind, each as follows; returns their ids, None for one that is off.

    - The EXCEPTION policy, or else the catalog of kinds, gives the severity, owner role and due
      time.
    - An exception that was cleared within the last hour is opened again: its owner and due time
      stay.
    - If one is open already, its `occurrences` increase.

    Records `exception.opened`, `exception.reopened` or `exception.repeated`.
    """
    places = [(each.location_id, each.channel_id) for each in deviations]
    rules = await handling_rules.read(tx.session, tx.now, places)
    opened: list[UUID | None] = []
    for deviation, place in zip(deviations, places, strict=True):
        rule = rules.rule(kind, place)
        opened.append(None if rule.is_off else await _open(tx, kind, deviation, rule, actor))
    return opened


async def _open(
    tx: Transaction, kind: ExceptionKind, deviation: Deviation, rule: HandlingRule, actor: str
) -> UUID:
    key, message = subject_key(deviation.subject), deviation.message
    row = await exception_queries.reopen(tx.session, kind, key, message, tx.now)
    if row is not None:
        _record_and_audit(tx, row, actor, ExceptionReopened)
        steps.add(tx, row, actor, "REOPENED", message)
        return row["id"]
    details = deviation.details
    new: exception_queries.NewException = {
        "id": tx.new_id(),
        "kind": kind,
        "subject_key": key,
        "severity": rule.severity,
        "message": message,
        "details": None if details is None else orjson.dumps(details).decode(),
        "location_id": deviation.location_id,
        "channel_id": deviation.channel_id,
        "owner_role": rule.owner_role,
        "opened_at": tx.now,
        "due_at": rule.due_at(tx.now),
    }
    row = await exception_queries.open_exception(tx.session, new)
    if row["id"] == new["id"]:
        _record_and_audit(tx, row, actor, ExceptionOpened)
        steps.add(tx, row, actor, "OPENED", message)
    else:
        _record_and_audit(tx, row, actor, ExceptionRepeated)
    return row["id"]


async def clear(
    tx: Transaction,
    kind: ExceptionKind,
    subject: tuple[str, object],
    *,
    actor: str = SYSTEM.actor,
) -> UUID | None:
    """Resolve the open exception of this kind and subject, because its condition has ended.

    Returns its id, or None if none was open. After this, the clock may open an exception again
    that a person had resolved. Records `exception.resolved`.
    """
    resolution = f"Cleared: {KINDS[kind].clears}."
    row = await exception_queries.clear_exception(
        tx.session, kind, subject_key(subject), resolution, tx.now
    )
    if row is None:
        return None
    _record_and_audit(tx, row, actor, ExceptionResolved)
    steps.add(tx, row, actor, "AUTO_RESOLVED", resolution)
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


def _record_and_audit(
    tx: Transaction,
    row: OperationalExceptionRow,
    actor: str,
    event: type[ExceptionPayload],
) -> None:
    payload = steps.record(tx, row, actor, event)
    subject = ("OperationalException", row["id"])
    tx.outbox.audit(actor, event.type, subject, after=encode(payload))
