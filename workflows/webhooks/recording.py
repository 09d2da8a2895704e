"""Recording: the results of calls, in one transaction for those that have ended meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import models.queries.webhooks.deliveries as delivery_queries
import models.queries.webhooks.endpoints as endpoint_queries
import workflows.exceptions.opening as exceptions
import workflows.integrations.records as records
import workflows.integrations.webhook_keys as webhook_keys
import workflows.webhooks.positions as positions
from domain.access.callers import SYSTEM
from domain.events.integrations.messages import MessageParked
from domain.exceptions import ExceptionKind
from domain.integrations.states import STILL, IntegrationStatus, Ordering
from domain.webhooks.messages import MessageStatus
from domain.webhooks.retries import (
    OUTAGE_MAX,
    DeliveryResult,
    NextStep,
    Outage,
    next_step,
    stops_at_end,
)
from models.integrations import Integration, NewAttempt
from models.queries.webhooks.deliveries import ChangedMessage
from models.queries.webhooks.endpoints import LockedEndpointRow
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction
from workflows.webhooks.calls import FinishedCall

KEY_OVER: Final = "The API key of the webhook has expired or is revoked."
_GONE: Final = "The receiver answered 410: it wants no more messages."
_HOPELESS: Final = f"No message was accepted for {OUTAGE_MAX.days} days."


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call that was recorded, the next step of its message, and if it paused the webhook."""

    call: FinishedCall
    step: NextStep
    has_paused: bool = False


async def record(
    tx: Transaction,
    calls: Sequence[FinishedCall],
    holder: str,
    schedule: Sequence[float],
    roll: Callable[[], float],
) -> Sequence[Recorded]:
    """Record ended calls, each of another message. Calls of webhooks whose lease is lost are
    dropped: their messages are sent again by the process that has it.

    A message whose last attempt has failed is PARKED. Pauses webhooks that answered 410, that fail
    for too long, or whose order ends with a PARKED message. Records `message.parked` and
    `integration.paused`.
    """
    by_endpoint: dict[UUID, list[FinishedCall]] = {}
    for call in calls:
        by_endpoint.setdefault(call.integration_id, []).append(call)
    tx.locking(LockClass.INTEGRATION)
    locked = await endpoint_queries.lock_held(tx.session, list(by_endpoint), holder, tx.now)
    recorded: list[Recorded] = [
        Recorded(call, _step(call, tx.now, schedule, roll()))
        for row in locked
        for call in by_endpoint[row["id"]]
    ]
    await _write(tx, recorded)
    paused: set[UUID] = set()
    for row in locked:
        own = [each for each in recorded if each.call.integration_id == row["id"]]
        if await _follow(tx, row, own):
            paused.add(row["id"])
        await positions.advance(tx, row)
    return [
        replace(each, has_paused=each.call.integration_id in paused) if paused else each
        for each in recorded
    ]


def _step(call: FinishedCall, now: datetime, schedule: Sequence[float], roll: float) -> NextStep:
    return next_step(
        call.answer,
        call.message.attempts,
        now,
        schedule=schedule,
        roll=roll,
        is_test=call.message.position is None,
        is_probe=call.is_probe,
    )


async def _write(tx: Transaction, recorded: Sequence[Recorded]) -> None:
    accepted, others = [], []
    for each in recorded:
        call, step = each.call, each.step
        if step.status is MessageStatus.DONE:
            accepted.append(call.message.id)
            continue
        settled_at = tx.now if step.is_settled else None
        others.append(
            ChangedMessage(
                call.message.id,
                step.status.value,
                step.attempts,
                call.reason,
                step.next_attempt_at,
                settled_at,
            )
        )
    attempts = [_attempt(tx, each.call) for each in recorded]
    if recorded:
        await delivery_queries.record_calls(tx.session, accepted, others, attempts, tx.now)


def _attempt(tx: Transaction, call: FinishedCall) -> NewAttempt:
    return {
        "id": tx.new_id(),
        "message_id": call.message.id,
        "number": 0,
        "begun_at": call.begun_at,
        "duration_ms": call.duration_ms,
        "status_code": call.status_code,
        "error": call.error,
        "response": call.response,
    }


async def _follow(tx: Transaction, row: LockedEndpointRow, recorded: Sequence[Recorded]) -> bool:
    """Write what the calls say about the webhook; true if it was paused, as it must not go on."""
    before = Outage(row["failing_since_at"], row["failures"])
    outage, rests_until = before, row["rests_until_at"]
    for each in sorted(recorded, key=lambda each: each.call.begun_at):
        if each.call.message.position is None:
            continue
        outage = outage.after(each.call.answer.result, tx.now)
        rests_until = _later(rests_until, each.call.answer.rests_until)
    if (outage, rests_until) != (before, row["rests_until_at"]):
        await endpoint_queries.change_outage(
            tx.session,
            row["id"],
            since=outage.since,
            failures=outage.failures,
            rests_until=rests_until,
        )
    parked = [
        each
        for each in recorded
        if each.step.status is MessageStatus.PARKED and each.call.message.position is not None
    ]
    pause = _pause(row, recorded, parked, outage, tx.now)
    if parked or pause is not None:
        integration = await Integration.get(id=row["id"], using_db=tx.session.client)
        for each in parked:
            await _park(tx, integration, each.call)
        if pause is not None:
            await _disable(tx, integration, pause)
    return pause is not None


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def _pause(
    row: LockedEndpointRow,
    recorded: Sequence[Recorded],
    parked: Sequence[Recorded],
    outage: Outage,
    now: datetime,
) -> str | None:
    """The reason for which the webhook is paused now; None: it goes on."""
    if IntegrationStatus(row["status"]) in STILL:
        return None
    of_events = [each.call for each in recorded if each.call.message.position is not None]
    if any(call.answer.result is DeliveryResult.GONE for call in of_events):
        return _GONE
    if parked and stops_at_end(Ordering(row["ordering"])):
        return f"A message was PARKED, and no later one may pass it: {parked[0].call.reason}"
    return _HOPELESS if outage.is_hopeless(now) else None


async def _park(tx: Transaction, integration: Integration, call: FinishedCall) -> None:
    event = MessageParked(code=integration.code, message_type=call.message.type)
    message = f"{integration.code} did not accept a message: {call.reason}"
    tx.outbox.record(event, call.message.id, actor=SYSTEM.actor, channel_id=integration.channel_id)
    await exceptions.open_exception(
        tx, ExceptionKind.MESSAGE_PARKED, (records.NODE, integration.id), message
    )


async def _disable(tx: Transaction, integration: Integration, reason: str) -> None:
    await records.set_status(tx, integration, IntegrationStatus.PAUSED, [reason], SYSTEM.actor)
    message = f"{integration.code} was paused. {reason}"
    await exceptions.open_exception(
        tx, ExceptionKind.WEBHOOK_DISABLED, (records.NODE, integration.id), message
    )


async def pause_keyless(tx: Transaction, ids: Sequence[UUID], holder: str) -> None:
    """Pause webhooks whose API key has expired or is revoked. Records `integration.paused`."""
    tx.locking(LockClass.INTEGRATION)
    for row in await endpoint_queries.lock_held(tx.session, ids, holder, tx.now):
        if IntegrationStatus(row["status"]) in STILL:
            continue
        integration = await Integration.get(id=row["id"], using_db=tx.session.client)
        if await webhook_keys.holder_of(tx, integration) is None:
            await records.set_status(
                tx, integration, IntegrationStatus.PAUSED, [KEY_OVER], SYSTEM.actor
            )
