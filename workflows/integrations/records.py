"""Locked integrations: how they are found, change their status, and are recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import models.queries.access as key_queries
import models.queries.catalog.lookups as lookups
import workflows.access.api_keys as api_keys
import workflows.exceptions.opening as exceptions
from domain.access.callers import Caller
from domain.errors import IllegalTransition, NotFound
from domain.events.integrations.systems import STATUS_EVENTS, IntegrationPayload
from domain.exceptions import ExceptionKind
from domain.integrations.health import OUTAGE_ENDS, allowed_to_people
from domain.integrations.states import IntegrationKind, IntegrationStatus
from domain.values.codes import comparison_key
from models.integrations import Integration
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction

NODE: Final = "Integration"
WRITE: Final = "integrations.write"


async def lock_coded(tx: Transaction, code: str) -> Integration | None:
    """The integration with a code in any spelling, locked; None if there is none."""
    tx.locking(LockClass.INTEGRATION)
    locked = Integration.select_for_update(no_key=True, using_db=tx.session.client)
    return await locked.get_or_none(code_key=comparison_key(code))


async def lock(tx: Transaction, code: str, caller: Caller) -> Integration:
    """The integration with a code, locked. Raises NotFound (field `code`) unless it is seen."""
    found = await lock_coded(tx, code)
    if found is None or not await is_seen(tx, found, caller):
        raise NotFound("integration", code, field=("code",))
    return found


async def is_seen(tx: Transaction, integration: Integration, caller: Caller) -> bool:
    """True if the integration exists for the caller, as it does in reads.

    Callers that may not read internals see the webhooks of their own actor. Others see the
    channels in their scope, and the webhooks whose API key has no wider scope than theirs.
    """
    if not caller.may("internals.read"):
        is_webhook = integration.kind == IntegrationKind.WEBHOOK
        return is_webhook and caller.acts_as(integration.actor)
    if integration.api_key_id is not None:
        row = await key_queries.key_with_id(tx.session, integration.api_key_id)
        return row is not None and caller.sees_scope_of(api_keys.caller_of(row))
    channel = await channel_code(tx, integration)
    return channel is None or caller.sees_channel(channel)


async def channel_code(tx: Transaction, integration: Integration) -> str | None:
    """The code of the integration's channel; None: it has none."""
    if integration.channel_id is None:
        return None
    channel_id = integration.channel_id
    return (await lookups.channels_by_id(tx.session, [channel_id]))[channel_id].code


async def change(tx: Transaction, integration: Integration, changes: Mapping[str, Any]) -> None:
    """Write columns of a locked integration, with the next version."""
    integration.update_from_dict(
        {**changes, "version": integration.version + 1, "updated_at": tx.now}
    )
    columns = [*changes, "version", "updated_at"]
    if "actor" in changes:
        columns.append("actor_key")
    await integration.save(using_db=tx.session.client, update_fields=columns)


async def set_status(
    tx: Transaction,
    integration: Integration,
    status: IntegrationStatus,
    reasons: Sequence[str],
    actor: str,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Give a locked integration another status. Records `integration.<status>`.

    DOWN opens INTEGRATION_DOWN and begins an outage. HEALTHY and OFF end the outage and clear the
    exception. `more`: other columns that change with it.
    """
    before = IntegrationStatus(integration.status)
    status_facts = {
        "status": status.value,
        "status_since_at": tx.now,
        "status_reasons": list(reasons),
        "outage_since_at": _outage_since(tx, integration, status),
    }
    await change(tx, integration, {**status_facts, **(more or {})})
    payload = STATUS_EVENTS[status](
        code=integration.code, kind=IntegrationKind(integration.kind), before=before
    )
    record(tx, integration, payload, actor)
    await _report_outage(tx, integration, reasons)


def _outage_since(
    tx: Transaction, integration: Integration, status: IntegrationStatus
) -> datetime | None:
    if status in OUTAGE_ENDS:
        return None
    if status is IntegrationStatus.DOWN:
        return integration.outage_since_at or tx.now
    return integration.outage_since_at


async def _report_outage(tx: Transaction, integration: Integration, reasons: Sequence[str]) -> None:
    kind, subject = ExceptionKind.INTEGRATION_DOWN, (NODE, integration.id)
    if integration.status == IntegrationStatus.DOWN:
        message = " ".join((f"The integration {integration.code} is DOWN.", *reasons))
        channel_id = integration.channel_id
        await exceptions.open_exception(tx, kind, subject, message, channel_id=channel_id)
    elif integration.status in OUTAGE_ENDS:
        await exceptions.clear(tx, kind, subject)


def check_step(integration: Integration, status: IntegrationStatus, *field: str) -> None:
    """Raise IllegalTransition unless a person may give the integration this status."""
    current = IntegrationStatus(integration.status)
    allowed = allowed_to_people(current)
    if status not in allowed:
        raise IllegalTransition("integration", current, status, allowed, field=field)


def record(
    tx: Transaction, integration: Integration, payload: IntegrationPayload, actor: str
) -> None:
    """Record an event of a locked integration."""
    tx.outbox.record(
        payload,
        integration.id,
        actor=actor,
        version=integration.version,
        channel_id=integration.channel_id,
    )


def audit(
    tx: Transaction,
    integration: Integration,
    caller: Caller,
    action: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
) -> None:
    """Record an audit row about an integration."""
    tx.outbox.audit(caller.actor, action, (NODE, integration.id), before=before, after=after)
