"""Reports of carriers at `/webhooks/carriers`: each is taken once, whether its parcel is known or
not.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import Final

import models.queries.orders.carrier_events as carrier_event_queries
import workflows.carriers.tracking_events as tracking_events
import workflows.events.webhook_messages as webhook_messages
import workflows.exceptions.opening as exceptions
from domain.errors import DomainError
from domain.exceptions import ExceptionKind
from integrations.carriers.reports import CarrierReport
from models.queries.orders.carrier_events import RecordedEventRow
from workflows.carriers.commands import RecordCarrierEvent
from workflows.carriers.tracking_events import CARRIER
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

SOURCE: Final = "carriers"


class ReportResult(StrEnum):
    """Result of receiving one report."""

    HEARD = "heard"
    """Recorded for its parcel."""
    REPEATED = "repeated"
    """Recorded before."""
    UNMATCHED = "unmatched"
    """Recorded; nothing bears its number yet."""
    CONFLICT = "conflict"
    """Recorded before with another status; not recorded again."""


async def receive_reports(
    transactions: Transactions, message_id: str, reports: Sequence[CarrierReport]
) -> list[str]:
    """Record the reports of a message. Returns the result of each, in their order.

    Each report is a transaction of its own, known by its carrier, id and tracking number. So a
    message that was interrupted may be sent again. Raises ValueError, before anything is recorded,
    if a report cannot be stored or lies in the future.
    """
    commands = [_command(report) for report in reports]
    _check(transactions, commands)
    async with transactions.database.snapshot() as session:
        if await webhook_messages.is_recorded(session, SOURCE, message_id):
            return [ReportResult.REPEATED] * len(commands)
    results = [
        str(await transactions.run(partial(_receive, command=command))) for command in commands
    ]
    await transactions.run(lambda tx: webhook_messages.record_once(tx, SOURCE, message_id))
    return results


def _check(transactions: Transactions, commands: Sequence[RecordCarrierEvent]) -> None:
    faults = []
    for index, command in enumerate(commands):
        try:
            tracking_events.check(command, transactions.clock())
        except DomainError as error:
            path = ".".join(error.field[1:])
            faults.append(f"events[{index}].{path}: {error.message}")
    if faults:
        raise ValueError("; ".join(faults))


async def _receive(tx: Transaction, command: RecordCarrierEvent) -> ReportResult:
    known = await tracking_events.recorded(tx, command)
    if known is not None:
        return await _repeated(tx, command, known)
    parcel = await tracking_events.find(tx, command, CARRIER)
    event_id = await tracking_events.store(tx, command, parcel, CARRIER)
    if event_id is None:  # the same report was recorded at the same time
        known = await tracking_events.recorded(tx, command)
        assert known is not None
        return await _repeated(tx, command, known)
    if parcel is None:
        after = {"carrier": command.carrier, "status": str(command.status)}
        subject = ("CarrierEvent", event_id)
        tx.outbox.audit(CARRIER.actor, "carrierEventReceive", subject, after=after)
        return ReportResult.UNMATCHED
    order = await tracking_events.lock_owner(tx, parcel)
    await tracking_events.take_effect(tx, event_id, order, command, parcel, CARRIER)
    return ReportResult.HEARD


async def _repeated(
    tx: Transaction, command: RecordCarrierEvent, known: RecordedEventRow
) -> ReportResult:
    """The result of a report that was recorded before. Another status opens CARRIER_CONFLICT."""
    if known["status"] == command.status:
        return ReportResult.REPEATED
    place = await carrier_event_queries.place_of(tx.session, known["id"])
    await exceptions.open_exception(
        tx,
        ExceptionKind.CARRIER_CONFLICT,
        ("CarrierEvent", known["id"]),
        f"The carrier {command.carrier} reported an event as {known['status']}, and then as"
        f" {command.status}.",
        location_id=None if place is None else place["location_id"],
        channel_id=None if place is None else place["channel_id"],
        actor=CARRIER.actor,
    )
    return ReportResult.CONFLICT


def _command(report: CarrierReport) -> RecordCarrierEvent:
    return RecordCarrierEvent(
        carrier=report.carrier,
        tracking_number=report.tracking_number,
        event_reference=report.event_id,
        status=report.status,
        occurred_at=report.occurred_at,
    )
