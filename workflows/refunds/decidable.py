"""Refunds that an actor may decide now: within its limit, and without a part in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

import models.queries.refunds.pending_approvals as pending_queries
from domain.access.callers import Caller
from domain.refunds.approvals import Involvement, RefundKind
from domain.refunds.states import WITHDRAWN, RefundStatus
from domain.values.money import Money
from models.database.sessions import Session
from models.queries.refunds.pending_approvals import FamilyRow


async def decidable_by(session: Session, caller: Caller) -> list[UUID]:
    """Ids of the refunds that wait for an approval which this caller may give.

    The rules are those of `refundApprove`. It reads all refunds that wait; people decide them, so
    they are few.
    """
    if not caller.may("refunds.approve"):
        return []
    families = await pending_queries.families(session)
    involved = await pending_queries.involved(session)
    approvers = await pending_queries.approvers(session)
    counted = {family for family, actors in approvers.items() if any(map(caller.acts_as, actors))}
    amounts = _amounts(families)
    approved = _approved_by_order(families, amounts, counted)
    return [
        row["id"]
        for row in families
        if row["status"] == RefundStatus.NEEDS_APPROVAL
        and caller.may_grant(_total(row, amounts, approved, counted))
        and _involvement(row, involved.get(row["id"], {})).part_of(caller.actor) is None
    ]


def _approved_by_order(
    rows: list[FamilyRow], amounts: Mapping[UUID, int], counted: set[UUID]
) -> Mapping[UUID, int]:
    """The total of the families in `counted`, which the caller's actor has approved, by order."""
    orders = {row["family_id"]: row["order_id"] for row in rows}
    totals: Counter[UUID] = Counter()
    for family_id, order_id in orders.items():
        if family_id in counted:
            totals[order_id] += amounts.get(family_id, 0)
    return totals


def _total(
    row: FamilyRow, amounts: Mapping[UUID, int], approved: Mapping[UUID, int], counted: set[UUID]
) -> Money:
    """The amount that a limit applies to: the refund's family, and those approved before."""
    family = 0 if row["family_id"] in counted else amounts[row["family_id"]]
    return Money(family + approved.get(row["order_id"], 0), row["currency"])


def _amounts(rows: list[FamilyRow]) -> Mapping[UUID, int]:
    """The total of the refunds opened together, by their family."""
    totals: dict[UUID, int] = {}
    for row in rows:
        if RefundStatus(row["status"]) not in WITHDRAWN:
            is_goodwill = row["kind"] == RefundKind.GOODWILL
            minor = row["amount_minor"] + ((row["unpaid_minor"] or 0) if is_goodwill else 0)
            totals[row["family_id"]] = totals.get(row["family_id"], 0) + minor
    return totals


def _involvement(row: FamilyRow, parts: Mapping[str, set[str]]) -> Involvement:
    requested = parts.get("requested", set()) | {row["requested_by"]}
    return Involvement(
        requested=frozenset(requested),
        authorized=frozenset(parts.get("authorized", ())),
        inspected=frozenset(parts.get("inspected", ())),
        approved=frozenset(parts.get("approved", ())),
    )
