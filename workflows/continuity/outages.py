"""Measures that a CONTINUITY policy takes by itself while an integration is DOWN (`onDown`).

They start when the outage has lasted for `after`, and end when the integration is HEALTHY or OFF. A
run that a person has ended is not started again in the same outage.
"""

from __future__ import annotations

from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.continuity.runs as run_queries
import models.queries.integrations.outages as outage_queries
import workflows.continuity.ends as ends
import workflows.continuity.starts as starts
import workflows.policies.publishing as policies
from domain.access.callers import SYSTEM
from domain.events.integrations.systems import IntegrationStatusPayload
from domain.integrations.states import IntegrationStatus
from domain.policies.policies import Facts, PolicyKind, choose
from models.integrations import Integration
from workflows.transactions.lock_order import LockClass
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction


async def start_due(tx: Transaction) -> int:
    """Start the measures of outages that have lasted long enough. Returns their number."""
    found = await outage_queries.unanswered(tx.session)
    if not found:
        return 0
    rules = await policies.in_force(tx.session, PolicyKind.CONTINUITY, tx.now)
    channel_ids = [row["channel_id"] for row in found if row["channel_id"] is not None]
    channels = await lookups.channels_by_id(tx.session, channel_ids) if channel_ids else {}
    tx.locking(LockClass.INTEGRATION)
    started = 0
    for row in found:
        channel = None if row["channel_id"] is None else channels[row["channel_id"]].code
        policy = choose(rules, Facts(channel, None, None), tx.now)
        rule = policy.rules.on_down.get(row["kind"])
        if rule is None or tx.now - row["begun_at"] < rule.after:
            continue
        integration = await _lock_down(tx, row["id"])
        if integration is not None:
            started += await starts.start_for(tx, integration, policy, channel) is not None
    return started


async def _lock_down(tx: Transaction, integration_id: UUID) -> Integration | None:
    """The integration, locked; None if it is no longer DOWN."""
    locked = Integration.select_for_update(no_key=True, using_db=tx.session.client)
    return await locked.get_or_none(id=integration_id, status=IntegrationStatus.DOWN.value)


async def end(tx: Transaction, event: PendingEvent[IntegrationStatusPayload]) -> None:
    """End the run of an integration whose outage is over."""
    row = await run_queries.lock_run_of_integration(tx.session, UUID(event.subject_key))
    if row is not None:
        note = f"The outage of the integration {event.payload.code} is over."
        await ends.finish(tx, row, await ends.measures_of(tx, row["id"]), SYSTEM.actor, note)
