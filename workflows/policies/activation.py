"""Activation of policy versions that were published for a later time: one event for each."""

from __future__ import annotations

import models.queries.policies as policy_queries
from domain.access.callers import SYSTEM
from domain.events.policies import PolicyEffective
from domain.policies.policies import PolicyKind, parse_scope
from workflows.policies.publishing import places_of
from workflows.transactions.transaction import Transaction

STARTED_MAX = 100


async def start(tx: Transaction) -> int:
    """Record `policy.effective` for versions that came into force. Returns their number.

    At most STARTED_MAX in one transaction.
    """
    rows = await policy_queries.take_starting(tx.session, tx.now, STARTED_MAX)
    for row in rows:
        _, channel_id, location_id = await places_of(tx, parse_scope(row["scope"]), SYSTEM)
        tx.outbox.record(
            PolicyEffective(
                kind=PolicyKind(row["kind"]),
                scope=row["scope"],
                version=row["version"],
                effective_from=row["effective_from_at"],
            ),
            row["id"],
            actor=SYSTEM.actor,
            channel_id=channel_id,
            location_id=location_id,
            version=2,  # version of the subject: version 1 was its publication
        )
    return len(rows)
