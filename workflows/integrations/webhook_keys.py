"""API keys of webhooks: a webhook gets the events that its key may see."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import models.queries.access as key_queries
import workflows.access.api_keys as api_keys
from domain.access.api_keys import state_at
from domain.access.callers import Caller
from domain.errors import Invalid, NotFound
from domain.events.access import KeyRotated
from models.access import ApiKeyRow
from models.integrations import Integration
from workflows.integrations.records import WRITE
from workflows.transactions.lock_order import LockClass
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

_FIELD = ("webhook", "apiKeyId")


async def chosen_key(tx: Transaction, key_id: UUID | None, caller: Caller) -> Caller:
    """The caller that a webhook's key acts for; `key_id` None: the key of `caller` itself.

    Raises Invalid for a key that is over, or NotFound unless the key is one of the caller's actor
    or one that the caller could create.
    """
    if key_id is None:
        if caller.key_id is None:
            raise Invalid("Name the API key of the webhook: this caller has none.", field=_FIELD)
        key_id = caller.key_id
    row = await key_queries.key_with_id(tx.session, key_id)
    holder = None if row is None else api_keys.caller_of(row)
    if row is None or holder is None or not _may_use(caller, holder):
        raise NotFound("API key", str(key_id), field=_FIELD)
    if state_at(row["revoked_at"], row["expires_at"], tx.now) != "live":
        raise Invalid("The API key has expired or is revoked.", field=_FIELD)
    return holder


def _may_use(caller: Caller, holder: Caller) -> bool:
    if caller.key_id is not None and caller.key_id == holder.key_id:
        return True
    if caller.may(WRITE) and caller.may_mint(holder):
        return True
    return caller.acts_as(holder.actor) and caller.covers(holder)


def receiver_of(row: ApiKeyRow) -> Caller:
    """The caller as which the webhooks of a key read events."""
    return receiver(api_keys.caller_of(row))


def receiver(holder: Caller) -> Caller:
    """The holder of a key as its webhooks read events.

    A webhook gets the events of all that its key may read, also if the key may not read the log.
    """
    return replace(holder, permissions=holder.permissions | {"events.read"})


async def holder_of(tx: Transaction, integration: Integration) -> Caller | None:
    """The caller that the key of a webhook acts for; None: the key has expired or is revoked."""
    assert integration.api_key_id is not None
    row = await key_queries.key_with_id(tx.session, integration.api_key_id)
    if row is None or state_at(row["revoked_at"], row["expires_at"], tx.now) != "live":
        return None
    return api_keys.caller_of(row)


async def follow_rotation(tx: Transaction, event: PendingEvent[KeyRotated]) -> None:
    """Let the successor of a rotated key serve the webhooks of that key."""
    successor = event.payload.successor
    assert successor is not None
    tx.locking(LockClass.INTEGRATION)
    client = tx.session.client
    served = Integration.filter(api_key_id=UUID(event.subject_key)).using_db(client)
    await served.update(api_key_id=successor, updated_at=tx.now)
