"""Refunds that an actor may decide now: within its limit, and without a part in them."""

from __future__ import annotations

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
    amounts = _amounts(families)
    return [
        row["id"]
        for row in families
        if row["status"] == RefundStatus.NEEDS_APPROVAL
        and caller.may_grant(Money(amounts[row["family_id"]], row["currency"]))
        and _involvement(row, involved.get(row["id"], {})).part_of(caller.actor) is None
    ]


def _amounts(rows: list[FamilyRow]) -> Mapping[UUID, int]:
    """The total of the refunds opened together, by their family: a limit applies to it."""
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
