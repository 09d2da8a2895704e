"""Feeding: the events after a webhook's position become messages, if its key may see them.

The messages and the position are written in one transaction, so no event is lost or doubled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import models.queries.webhooks.deliveries as delivery_queries
import models.queries.webhooks.endpoints as endpoint_queries
import workflows.webhooks.positions as positions
from domain.events.visibility import may_see_event
from domain.webhooks.messages import MessageDirection, MessageStatus, message_id
from models.integrations import NewMessage, QueuedMessageRow
from models.queries.events.event_log import LoggedEvent
from models.queries.webhooks.endpoints import LockedEndpointRow
from workflows.integrations.event_choices import takes
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction
from workflows.webhooks.endpoints import Endpoint
from workflows.webhooks.terms import Render

PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class FeedPart:
    """Events of the log, up to and including `through`, that become messages of one webhook.

    `after`: the position that the webhook must have; another process has fed it otherwise.
    """

    endpoint: Endpoint
    after: int
    through: int
    messages: Sequence[NewMessage]
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class Fed:
    """Messages that were inserted, with the texts of new ones, and those that are sent again."""

    messages: Sequence[NewMessage]
    repeated: Sequence[QueuedMessageRow]


def part_of(
    endpoint: Endpoint,
    events: Sequence[LoggedEvent],
    render: Render,
    now: datetime,
    *,
    is_replay: bool = False,
    after: int,
) -> FeedPart:
    """The messages of these consecutive events for a webhook."""
    chosen = [event for event in events if is_for(endpoint, event)]
    return FeedPart(
        endpoint=endpoint,
        after=after,
        through=events[-1].position if events else after,
        messages=[_message(endpoint, event, render, now, is_replay) for event in chosen],
        is_replay=is_replay,
    )


def is_for(endpoint: Endpoint, event: LoggedEvent) -> bool:
    """True if the webhook takes events of this type and its key may see this one."""
    return takes(endpoint.choices, event.type) and may_see_event(
        endpoint.caller, event.type, event.channel, event.location, event.actor, event.data
    )


def _message(
    endpoint: Endpoint, event: LoggedEvent, render: Render, now: datetime, is_replay: bool
) -> NewMessage:
    return {
        "id": message_id(endpoint.id, event.id),
        "integration_id": endpoint.id,
        "direction": MessageDirection.OUT.value,
        "status": MessageStatus.PENDING.value,
        "type": event.type,
        "reference": str(event.id),
        "event_id": event.id,
        "position": event.position,
        "subject": f"{event.subject_type}:{event.subject_key}",
        "payload": render(event, endpoint.caller),
        "is_repeat": is_replay,
        "next_attempt_at": now,
        "created_at": now,
    }


async def feed(tx: Transaction, parts: Sequence[FeedPart], holder: str) -> Mapping[UUID, Fed]:
    """Write the messages of parts, one for each webhook, and move the positions.

    A webhook is left out if this process has lost its lease, if its settings have changed, or if
    its position is not the one that the part begins after. Returns what was written by webhook.
    """
    tx.locking(LockClass.INTEGRATION)
    ids = [part.endpoint.id for part in parts]
    locked = {
        row["id"]: row for row in await endpoint_queries.lock_held(tx.session, ids, holder, tx.now)
    }
    written: dict[UUID, Fed] = {}
    for part in sorted(parts, key=lambda each: each.endpoint.id):
        row = locked.get(part.endpoint.id)
        if row is None or not _fits(part, row):
            continue
        if part.is_replay:
            written[part.endpoint.id] = await _replay(tx, part, row)
        else:
            written[part.endpoint.id] = await _add(tx, part, row)
    return written


def _fits(part: FeedPart, row: LockedEndpointRow) -> bool:
    endpoint = part.endpoint
    if (row["version"], row["api_key_id"]) != endpoint.settings:
        return False
    if part.is_replay:
        return row["replay_after"] == part.after
    return row["fed_position"] <= part.after


async def _add(tx: Transaction, part: FeedPart, row: LockedEndpointRow) -> Fed:
    if part.messages:
        await delivery_queries.add_messages(tx.session, part.messages)
    await endpoint_queries.move_fed_position(tx.session, row["id"], part.through)
    await positions.advance(tx, {**row, "fed_position": part.through})
    return Fed(part.messages, ())


async def _replay(tx: Transaction, part: FeedPart, row: LockedEndpointRow) -> Fed:
    """Send events again; after the last of them the replay has ended."""
    if part.messages:
        await delivery_queries.repeat_messages(tx.session, part.messages)
    assert row["replay_until"] is not None
    if part.through >= row["replay_until"]:
        await endpoint_queries.set_replay(tx.session, row["id"], None, None)
        await positions.advance(tx, {**row, "replay_after": None})
    else:
        await endpoint_queries.move_replay(tx.session, row["id"], part.through)
        await positions.advance(tx, {**row, "replay_after": part.through})
    ids = [message["id"] for message in part.messages]
    return Fed((), await delivery_queries.queued_messages(tx.session, ids))
