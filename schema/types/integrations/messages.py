"""Messages of integrations, and the attempts to deliver them."""

from datetime import datetime
from typing import cast

import orjson
import strawberry

import schema.types.facts as facts
from domain.access.callers import Caller
from domain.values.global_ids import global_id
from domain.webhooks.messages import TEST_TYPE
from models.integrations import MessageRow
from models.queries.events.event_log import LoggedEvent
from schema.context import Context, Info
from schema.fields.edges import edge, node_edge
from schema.fields.enums import MessageDirection, MessageStatus
from schema.fields.node import Node, found_by, key_of, load
from schema.fields.scalars import JSON, json_of
from schema.types.integrations.systems import Integration
from server.projection.records import Record, column, derived, many
from workflows.integrations.webhook_keys import receiver


def event_body(event: LoggedEvent, caller: Caller) -> str:
    """The JSON text of an event that a webhook gets, as the caller may read it."""
    body = {
        "type": event.type,
        "timestamp": event.occurred_at.isoformat(),
        "id": global_id("Event", event.id),
        "cursor": event.cursor,
        "subject": global_id(event.subject_type, event.subject_key),
        "subjectVersion": event.subject_version,
        "actor": caller.shown_actor(event.actor),
        "data": facts.shown(event, caller),
    }
    return orjson.dumps(body, default=str).decode()


@strawberry.type
class MessageAttempt(Record):
    """A call that sent a message."""

    at: datetime = column("begun_at")
    """Time at which the call began."""
    duration_ms: int
    """Milliseconds until the answer or the failure."""
    status_code: int | None
    """Status of the answer; null: there was none."""
    error: str | None
    """Failure of a call without an answer, as text for people."""
    response: str | None
    """First 1,024 characters of the answer."""


async def _subject_of(root: strawberry.Parent["Message"], info: Info) -> Node | None:
    row = cast("MessageRow", root.row)
    type_name, _, key = (row["subject"] or "").partition(":")
    if not info.context.caller.may_read_node(type_name):
        return None
    found: Node | None = await load(info.context, type_name, key_of(type_name, key))
    return found


def _reference(row: MessageRow) -> str:
    if row["type"] == TEST_TYPE:
        return global_id("Message", row["id"])
    return global_id("Event", row["reference"])


def _cursor(row: MessageRow) -> str | None:
    return None if row["position"] is None else str(row["position"])


def _payload(row: MessageRow, context: Context) -> JSON | None:
    """The payload, unless the caller may not see what it is about."""
    is_seen = row["type"] == TEST_TYPE or receiver(context.caller).may_read_event(row["type"])
    return JSON(json_of(row["payload"])) if is_seen and row["payload"] is not None else None


@found_by(lambda loaders: loaders.messages)
@strawberry.type
class Message(Node):
    """A message to or from an integration. A webhook gets one for each event.

    Its id is the header `webhook-id`, in every attempt and replay.
    """

    integration: Integration = node_edge("Integration", "integration_id")
    """Integration that gets or sends it."""
    direction: MessageDirection
    """OUT: to the integration; IN: from it."""
    status: MessageStatus
    type: str
    """Type of the event, or `integration.test`."""
    reference: str = derived(lambda each: _reference(cast("MessageRow", each.row)))
    """Id of the event."""
    cursor: str | None = derived(lambda each: _cursor(cast("MessageRow", each.row)))
    """Cursor of the event; null for a test."""
    reason: str | None
    """Why it is RETRYING, PARKED or SKIPPED, as text for people; null otherwise."""
    subject: Node | None = strawberry.field(resolver=_subject_of)
    """The object that it is about; null if the caller may not see it."""
    payload: JSON | None = derived(
        lambda each: _payload(cast("MessageRow", each.row), each.context)
    )
    """Body of the message; null for roles that may not read such events."""
    attempts: list[MessageAttempt] = edge(
        lambda loaders: loaders.attempts_of_message, "id", many(MessageAttempt), rows=5
    )
    """Calls that sent it, oldest first."""
    next_attempt_at: datetime | None
    """Time of the next attempt at the earliest; null if it is settled."""
    created_at: datetime
    settled_at: datetime | None
    """Time at which it became DONE, PARKED or SKIPPED; null before."""
