"""Refusal of the steps of a fulfillment that a hold covers."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import models.queries.orders.fulfillment_holds as hold_queries
from domain.access.callers import Caller
from domain.orders.fulfillment_holds import UNSHIPPED, FulfillmentOnHold
from domain.orders.fulfillments import FulfillmentStatus
from models.fulfillments import FulfillmentHoldRow, FulfillmentRow
from workflows.transactions.transaction import Transaction


def covers(hold: FulfillmentHoldRow, fulfillment_id: UUID) -> bool:
    """True if a hold of the fulfillment's order covers this fulfillment."""
    return hold["fulfillment_id"] in (None, fulfillment_id)


async def holds_of(tx: Transaction, rows: Sequence[FulfillmentRow]) -> dict[UUID, dict[UUID, str]]:
    """The live holds (id, reason) that cover these fulfillments. Their orders must be locked."""
    waiting = [row for row in rows if row["status"] != FulfillmentStatus.OPEN]
    if not waiting:
        return {}
    order_ids = sorted({row["order_id"] for row in waiting})
    live = await hold_queries.live_of_orders(tx.session, order_ids)
    return {
        row["id"]: {
            hold["id"]: hold["reason"]
            for hold in live
            if hold["order_id"] == row["order_id"] and covers(hold, row["id"])
        }
        for row in waiting
    }


async def refuse_held(
    tx: Transaction, row: FulfillmentRow, requested: str, caller: Caller, field: tuple[str, ...]
) -> None:
    """Raise FulfillmentOnHold, with the live holds, if a hold covers a fulfillment.

    Every step of the work on a fulfillment calls it. Its order must be locked.
    """
    status = FulfillmentStatus(row["status"])
    # An OPEN fulfillment is under no hold: the hold would have made it ON_HOLD.
    if status is FulfillmentStatus.OPEN or status not in UNSHIPPED:
        return
    live = await hold_queries.live_of_order(tx.session, row["order_id"])
    holds = {hold["id"]: hold["reason"] for hold in live if covers(hold, row["id"])}
    if holds:
        raise FulfillmentOnHold(
            status, requested, holds, shows_risk=caller.may_see_risk(), field=field
        )
