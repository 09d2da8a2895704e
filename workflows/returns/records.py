"""Writing of returns as their next version, with their events and audit rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import models.queries.returns.returns as return_queries
from domain.events.returns import ReturnedUnits, ReturnPayload, ReturnStep
from domain.returns.states import ReturnStatus
from models.returns import DispositionStep, Inspection, ReturnItem
from workflows.returns.locked_returns import LockedReturn
from workflows.returns.return_units import ReturnUnits
from workflows.transactions.transaction import Transaction


async def write(tx: Transaction, changed: LockedReturn) -> None:
    """Write the return and its groups as the next version; add its inspections and dispositions."""
    await tx.session.insert(
        ReturnItem, [group.to_row(changed.id) for group in changed.groups if group.is_new]
    )
    await return_queries.write_items(
        tx.session, [group.to_row(changed.id) for group in changed.groups if not group.is_new]
    )
    for group in changed.groups:
        group.is_new = False
    changed.row["version"] = changed.next_version
    await return_queries.write_return(tx.session, changed.row, tx.now)
    for inspection in changed.inspections:
        tx.add(Inspection, inspection)
    for executed in changed.steps:
        tx.add(DispositionStep, executed)
    changed.inspections, changed.steps = [], []


def step(
    changed: LockedReturn,
    items: Iterable[ReturnUnits | ReturnedUnits],
    before: ReturnStatus | None = None,
) -> ReturnStep:
    """The fields that every event of a return has. `items`: the groups of units that moved.

    A ReturnUnits is shown as it is now; a ReturnedUnits as it was when it was made.
    """
    return {
        "order": changed.order.id,
        "number": changed.number,
        "status": changed.status,
        "before": before,
        "items": tuple(each.facts if isinstance(each, ReturnUnits) else each for each in items),
    }


def record(
    tx: Transaction,
    event: ReturnPayload,
    changed: LockedReturn,
    actor: str,
    *,
    location_id: int | None = None,
) -> None:
    """Record an event of a written return, at its destination if no location is given."""
    tx.outbox.record(
        event,
        changed.id,
        actor=actor,
        version=changed.version,
        channel_id=changed.channel.id,
        location_id=location_id or changed.destination_id,
    )


def audit(
    tx: Transaction,
    actor: str,
    action: str,
    changed: LockedReturn,
    *,
    before: ReturnStatus | None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Add an audit row with the actor and the present state of the return's units."""
    tx.outbox.audit(
        actor,
        action,
        ("Return", changed.id),
        before=None if before is None else {"status": str(before)},
        after={
            "number": changed.number,
            "status": str(changed.status),
            "items": [group.facts for group in changed.groups],
            **(facts or {}),
        },
    )
