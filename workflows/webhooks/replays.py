"""Replays of events, and test messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

import models.queries.events.event_archive as archive_queries
import models.queries.events.event_log as event_log
import models.queries.webhooks.deliveries as delivery_queries
import models.queries.webhooks.endpoints as endpoint_queries
import workflows.integrations.records as records
from domain.access.callers import STAFF_ACTOR, Caller
from domain.errors import BadRequest, IllegalTransition, Invalid, LimitExceeded
from domain.events.cursors import parse_cursor
from domain.integrations.states import IntegrationKind, IntegrationStatus, Ordering
from domain.problems import Problems
from domain.values.global_ids import global_id
from domain.webhooks.commands import REPLAY_MAX, ReplayEvents, SendTest
from domain.webhooks.messages import TEST_TYPE, MessageDirection, MessageStatus
from domain.webhooks.retries import stops_at_end
from models.integrations import Integration, NewMessage
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction


@one_by_one("integrationReplay")
async def replay(tx: Transaction, command: ReplayEvents, caller: Caller) -> Mapping[str, Any]:
    """Send events of the log again, with the same ids. A STRICT webhook goes back to `after`.

    Locks the integration. All faults are reported together: Invalid for another kind, or a cursor
    that is not in the log; LimitExceeded for too many events; NotFound; IllegalTransition for a
    webhook that is OFF, or while a replay is under way.
    """
    await archive_queries.hold_retention(tx.session)
    problems = Problems()
    integration = await records.lock(tx, command.code, caller)
    with problems.under("code"):
        await _check_webhook(tx, integration)
    newest = await event_log.last_position(tx.session)
    oldest = await event_log.first_position(tx.session) or 1
    after = problems.attempt(lambda: _position(command.after, "after", oldest - 1, newest))
    until: int | None = integration.fed_position
    if command.until is not None:
        text = command.until
        until = problems.attempt(lambda: _position(text, "until", oldest, newest))
    problems.refuse()
    assert after is not None
    assert until is not None
    assert integration.fed_position is not None
    # Later events are sent in any case.
    until = min(until, integration.fed_position)
    with problems.under("after"):
        if until - after > REPLAY_MAX:
            raise LimitExceeded("events", REPLAY_MAX, until - after)
        if after >= until:
            raise Invalid(
                f"No event between these cursors was sent before; allowed: less than {until}."
            )
    problems.refuse()
    await endpoint_queries.set_replay(tx.session, integration.id, after, until)
    if stops_at_end(Ordering(str(integration.ordering))):
        position = min(after, integration.position or 0)
        await endpoint_queries.move_position(tx.session, integration.id, position)
    facts = {"after": str(after), "until": str(until)}
    records.audit(tx, integration, caller, "integrationReplay", None, facts)
    return {"integration": integration.id}


async def _check_webhook(tx: Transaction, integration: Integration) -> None:
    if integration.kind != IntegrationKind.WEBHOOK:
        raise Invalid(f"Only a webhook gets events; {integration.code} is a {integration.kind}.")
    if integration.status == IntegrationStatus.OFF:
        raise IllegalTransition("integration", integration.status, "replayed")
    if await endpoint_queries.replay_of(tx.session, integration.id) is not None:
        raise IllegalTransition("integration", "replayed", "replayed")


def _position(text: str, field: str, least: int, most: int) -> int:
    try:
        position = parse_cursor(text)
    except BadRequest as error:
        raise Invalid(error.message, field=(field,)) from None
    if field == "after" and position == 0:
        return least
    if not least <= position <= most:
        details = {"oldest": str(least), "newest": str(most)}
        raise Invalid(
            f"The cursor is not in the log; allowed: {least} to {most}.",
            field=(field,),
            details=details,
        )
    return position


@one_by_one("integrationTest")
async def send_test(tx: Transaction, command: SendTest, caller: Caller) -> Mapping[str, Any]:
    """Send a message of type `integration.test` to a webhook, also to one that is paused.

    It has one attempt. Locks the integration. Raises NotFound, Invalid for another kind, or
    IllegalTransition if it is OFF.
    """
    integration = await records.lock(tx, command.code, caller)
    if integration.kind != IntegrationKind.WEBHOOK:
        raise Invalid(
            f"Only a webhook gets a test message; {integration.code} is a {integration.kind}.",
            field=("code",),
        )
    if integration.status == IntegrationStatus.OFF:
        raise IllegalTransition("integration", integration.status, "tested", field=("code",))
    message = _test_message(tx, integration, caller)
    await delivery_queries.add_messages(tx.session, [message])
    await endpoint_queries.revise(tx.session, integration.id)
    facts = {"message": str(message["id"])}
    records.audit(tx, integration, caller, "integrationTest", None, facts)
    return {"messages": [str(message["id"])]}


def _test_message(tx: Transaction, integration: Integration, caller: Caller) -> NewMessage:
    message_id = tx.new_id()
    body = {
        "type": TEST_TYPE,
        "timestamp": tx.now.isoformat(),
        "id": global_id("Message", message_id),
        "cursor": None,
        "subject": global_id(records.NODE, integration.id),
        "subjectVersion": integration.version,
        "actor": caller.actor if caller.acts_as(integration.actor) else STAFF_ACTOR,
        "data": {"code": integration.code},
    }
    return {
        "id": message_id,
        "integration_id": integration.id,
        "direction": MessageDirection.OUT.value,
        "status": MessageStatus.PENDING.value,
        "type": TEST_TYPE,
        "reference": str(message_id),
        "event_id": None,
        "position": None,
        "subject": f"{records.NODE}:{integration.id}",
        "payload": orjson.dumps(body).decode(),
        "is_repeat": False,
        "next_attempt_at": tx.now,
        "created_at": tx.now,
    }
