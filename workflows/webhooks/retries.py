"""Messages that people send again or skip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import models.queries.webhooks.deliveries as delivery_queries
import models.queries.webhooks.endpoints as endpoint_queries
import workflows.exceptions.opening as exceptions
import workflows.integrations.records as records
import workflows.webhooks.positions as positions
from domain.access.callers import SYSTEM, Caller
from domain.errors import IllegalTransition, LimitExceeded, NotFound
from domain.events.integrations.messages import MessageSkipped
from domain.exceptions import ExceptionKind
from domain.integrations.states import IntegrationKind, IntegrationStatus
from domain.problems import Problems
from domain.values.texts import NOTE_MAX, check_name
from domain.webhooks.commands import RETRIED_MAX, RetryMessages, SkipMessage
from domain.webhooks.messages import MANUAL_TRANSITIONS, MessageStatus
from models.integrations import Integration
from models.queries.webhooks.deliveries import LockedMessageRow
from workflows.transactions.actions import one_by_one
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction


@one_by_one("messageRetry")
async def retry(tx: Transaction, command: RetryMessages, caller: Caller) -> Mapping[str, Any]:
    """Send messages again, as new ones: all attempts are allowed once more.

    Locks the integrations, then the messages. All faults are reported together: LimitExceeded,
    NotFound, and IllegalTransition for a message that is neither PARKED nor DONE, or whose
    integration is OFF. Clears MESSAGE_PARKED if no message of the integration is PARKED any more.
    """
    problems = Problems()
    with problems.under("ids"):
        if not 1 <= len(command.ids) <= RETRIED_MAX:
            nearest = min(max(len(command.ids), 1), RETRIED_MAX)
            raise LimitExceeded("ids", nearest, len(command.ids))
    problems.refuse()
    owners, found = await _lock(tx, command.ids)
    seen = {key: await records.is_seen(tx, owner, caller) for key, owner in owners.items()}
    for index, message_id in enumerate(command.ids):
        with problems.under("ids", str(index)):
            message = found.get(message_id)
            if message is None or not seen[message["integration_id"]]:
                raise NotFound("message", str(message_id))
            _check(message, owners[message["integration_id"]], MessageStatus.PENDING)
    problems.refuse()
    ids = list(dict.fromkeys(command.ids))
    await delivery_queries.retry_messages(tx.session, ids, tx.now)
    for owner in owners.values():
        await _follow(tx, owner)
        own = [str(each) for each in ids if found[each]["integration_id"] == owner.id]
        records.audit(tx, owner, caller, "messageRetry", None, {"messages": own})
    return {"messages": [str(each) for each in ids]}


@one_by_one("messageSkip")
async def skip(tx: Transaction, command: SkipMessage, caller: Caller) -> Mapping[str, Any]:
    """Decide that a message is not sent. Later messages of its order go on.

    Locks the integration, then the message. Raises Invalid, NotFound, or IllegalTransition if it is
    DONE or SKIPPED. Records `message.skipped`. Clears MESSAGE_PARKED if no message of the
    integration is PARKED any more.
    """
    problems = Problems()
    with problems.under():
        check_name(command.note, "note", longest=NOTE_MAX)
    with problems.under("id"):
        owners, found = await _lock(tx, [command.message_id])
        message = found.get(command.message_id)
        owner = None if message is None else owners[message["integration_id"]]
        if message is None or owner is None or not await records.is_seen(tx, owner, caller):
            raise NotFound("message", str(command.message_id))
        _check(message, owner, MessageStatus.SKIPPED)
    problems.refuse()
    await delivery_queries.skip_message(tx.session, message["id"], command.note, tx.now)
    event = MessageSkipped(code=owner.code, message_type=message["type"])
    tx.outbox.record(event, message["id"], actor=caller.actor, channel_id=owner.channel_id)
    await _follow(tx, owner)
    before = {"message": str(message["id"]), "status": message["status"]}
    after = {"status": MessageStatus.SKIPPED.value, "note": command.note}
    records.audit(tx, owner, caller, "messageSkip", before, after)
    return {"messages": [str(message["id"])]}


async def _lock(
    tx: Transaction, ids: Sequence[UUID]
) -> tuple[dict[UUID, Integration], dict[UUID, LockedMessageRow]]:
    """Lock the integrations of messages, then the messages; both by id."""
    tx.locking(LockClass.INTEGRATION)
    owner_ids = await delivery_queries.integrations_of(tx.session, ids)
    locked = Integration.select_for_update(no_key=True, using_db=tx.session.client)
    owners = {each.id: each for each in await locked.filter(id__in=owner_ids).order_by("id")}
    rows = await delivery_queries.lock_messages(tx.session, ids)
    return owners, {row["id"]: row for row in rows}


def _check(message: LockedMessageRow, owner: Integration, status: MessageStatus) -> None:
    current = MessageStatus(message["status"])
    if status not in MANUAL_TRANSITIONS[current]:
        raise IllegalTransition("message", current, status, MANUAL_TRANSITIONS[current])
    if owner.status == IntegrationStatus.OFF and status is MessageStatus.PENDING:
        raise IllegalTransition("message of an integration that is OFF", current, status)


async def _follow(tx: Transaction, owner: Integration) -> None:
    """Let the delivery and the exceptions follow changed messages of a locked integration."""
    if owner.kind == IntegrationKind.WEBHOOK:
        await endpoint_queries.revise(tx.session, owner.id)
        row = await endpoint_queries.lock_endpoint(tx.session, owner.id)
        assert row is not None
        await positions.advance(tx, row)
    if not await delivery_queries.has_parked(tx.session, owner.id):
        subject = (records.NODE, owner.id)
        await exceptions.clear(tx, ExceptionKind.MESSAGE_PARKED, subject, actor=SYSTEM.actor)
