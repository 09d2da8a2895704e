"""Versions of policies that were published ahead come into force: a fact says so, once."""

from __future__ import annotations

import models.queries.policies as policy_queries
from domain.access.callers import SYSTEM
from domain.events.policies import PolicyEffective
from domain.policies.policies import PolicyKind, parse_scope
from workflows.policies.publishing import places_of
from workflows.transactions.transaction import Transaction

STARTED_MAX = 100


async def start(tx: Transaction) -> int:
    """Record what has come into force since it was published; how many versions there were."""
    rows = await policy_queries.take_starting(tx.session, tx.now, STARTED_MAX)
    for row in rows:
        channel_id, location_id = await places_of(tx, parse_scope(row["scope"]), SYSTEM)
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
            version=2,  # of the subject: the first fact about it was its publication
        )
    return len(rows)
