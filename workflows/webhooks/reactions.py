"""The delivery of a webhook follows the status of its integration."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import models.queries.webhooks.deliveries as delivery_queries
import models.queries.webhooks.endpoints as endpoint_queries
import workflows.exceptions.opening as exceptions
import workflows.integrations.records as records
from domain.events.integrations.systems import (
    IntegrationOff,
    IntegrationRecovering,
    IntegrationUpserted,
)
from domain.exceptions import ExceptionKind
from domain.integrations.states import IntegrationKind, IntegrationStatus, Ordering
from domain.webhooks.retries import stops_at_end
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

_SWITCHED_OFF: Final = "The integration was switched off."


async def prepare(tx: Transaction, event: PendingEvent[IntegrationUpserted]) -> None:
    """Make the state of delivery of a new webhook."""
    if event.payload.created and event.payload.kind is IntegrationKind.WEBHOOK:
        await endpoint_queries.add_delivery(tx.session, UUID(event.subject_key), tx.now)


async def resume(tx: Transaction, event: PendingEvent[IntegrationRecovering]) -> None:
    """Go on after a pause: a PARKED message that stopped a STRICT webhook is sent again."""
    if event.payload.before is not IntegrationStatus.PAUSED:
        return
    integration_id = UUID(event.subject_key)
    subject = (records.NODE, integration_id)
    if event.payload.kind is IntegrationKind.WEBHOOK:
        await endpoint_queries.begin_anew(tx.session, integration_id)
        row = await endpoint_queries.lock_endpoint(tx.session, integration_id)
        if row is not None and stops_at_end(Ordering(row["ordering"])):
            await delivery_queries.release_stopped(tx.session, integration_id, tx.now)
            if not await delivery_queries.has_parked(tx.session, integration_id):
                await exceptions.clear(tx, ExceptionKind.MESSAGE_PARKED, subject)
        await exceptions.clear(tx, ExceptionKind.WEBHOOK_DISABLED, subject)


async def end(tx: Transaction, event: PendingEvent[IntegrationOff]) -> None:
    """Skip what waits for a webhook that was switched off: nothing is kept for it."""
    if event.payload.kind is not IntegrationKind.WEBHOOK:
        return
    integration_id = UUID(event.subject_key)
    await delivery_queries.skip_waiting(tx.session, integration_id, _SWITCHED_OFF, tx.now)
    await endpoint_queries.set_replay(tx.session, integration_id, None, None)
    await endpoint_queries.begin_anew(tx.session, integration_id)
    for kind in (ExceptionKind.MESSAGE_PARKED, ExceptionKind.WEBHOOK_DISABLED):
        await exceptions.clear(tx, kind, (records.NODE, integration_id))
