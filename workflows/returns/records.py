"""Returns written as their next version, with the facts and the audit of what changed.

Other nouns go on with these events (workflows/reactions.py): `return.requested`, `.authorized`,
`.declined`, `.cancelled`, `.tracked`, `.in_transit`, `.received`, `.looked_at`, `.inspected`,
`.disposed`, `.expired`, `.closed`, and `return.unidentified` for a parcel that is nobody's
(workflows/returns/unidentified_parcels.py). The data of each are the order's id, the RMA number,
the status now and before, and as `items` the groups of units that moved: id, order_line, sku,
quantity, state, condition and disposition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import models.queries.returns.returns as return_queries
from domain.returns.states import ReturnStatus
from models.returns import DispositionStep, Inspection, ReturnItem
from workflows.returns.locked_returns import LockedReturn, ReturnUnits, evidence_json
from workflows.transactions.transaction import Transaction


async def write(tx: Transaction, changed: LockedReturn) -> None:
    """Write the return and its groups, and add its inspections and steps, as its next version."""
    row = changed.row
    await tx.session.insert(
        ReturnItem, [item_row(changed.id, group) for group in changed.groups if group.is_new]
    )
    await return_queries.write_items(
        tx.session, [_item_changes(group) for group in changed.groups if not group.is_new]
    )
    for group in changed.groups:
        group.is_new = False
    row["version"] = changed.next_version
    await return_queries.write_return(
        tx.session, [row[name] for name in return_queries.RETURN_CHANGES]
    )
    for inspection in changed.inspections:
        tx.add(Inspection, inspection)
    for executed in changed.steps:
        tx.add(DispositionStep, executed)
    changed.inspections, changed.steps = [], []


def record(
    tx: Transaction,
    event: str,
    changed: LockedReturn,
    items: Iterable[ReturnUnits | Mapping[str, Any]],
    actor: str,
    *,
    before: ReturnStatus | None = None,
    location_id: int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Record a fact about a written return and the groups that moved, as they are or were."""
    tx.outbox.record(
        event,
        ("Return", changed.id),
        actor=actor,
        version=changed.row["version"],
        channel_id=changed.channel.id,
        location_id=location_id or changed.row["destination_id"],
        data={
            "order": str(changed.order.id),
            "number": changed.number,
            "status": str(changed.status),
            "before": None if before is None else str(before),
            "items": [each.facts if isinstance(each, ReturnUnits) else each for each in items],
            **(facts or {}),
        },
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
    """Write who changed a return, and what its units are now."""
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


def item_row(return_id: UUID, group: ReturnUnits) -> dict[str, Any]:
    """A new group as its table keeps it."""
    changes = dict(zip(_CHANGES, _item_changes(group), strict=True))
    return {
        "return_id": return_id,
        "position": group.position,
        "parent_id": group.parent_id,
        "since_version": group.since_version,
        "order_line_id": group.order_line_id,
        "item_id": group.item_id,
        "reason_id": group.reason_id,
        **changes,
    }


# In the order in which `queries.write_items` takes them.
_CHANGES = (
    "id",
    "quantity",
    "state",
    "condition",
    "inspected_by",
    "first_inspector",
    "first_condition",
    "disposition",
    "location_id",
    "stock_state",
    "cost_minor",
    "received_at",
    "evidence",
    "note",
    "fast_lane",
)


def _item_changes(group: ReturnUnits) -> list[Any]:
    first = group.first_inspection
    return [
        group.id,
        group.quantity,
        group.state,
        group.condition,
        group.inspected_by,
        None if first is None else first.inspector,
        None if first is None else first.condition,
        group.disposition,
        group.location_id,
        group.stock_state,
        group.cost_minor,
        group.received_at,
        evidence_json(group.evidence),
        group.note,
        group.fast_lane,
    ]
