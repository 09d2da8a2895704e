"""Refunds of a lost parcel that is delivered after all: withdrawn if not sent, else recovered.

Refunds that a person opened since the loss, and that belong to no return, are taken as refunds of
the loss:

1. Those of units, as far as they have more units of an order line than are still lost. One that
   was not sent is withdrawn, with its other units: a person opens a new one for these. All parcels
   that were found count, because a refund may have seemed to be for another lost parcel before.
2. Those of an amount. They name no units, so none is withdrawn; a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import models.queries.orders.carrier_events as carrier_event_queries
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.orders.locked_orders as locked_orders
import workflows.refunds.balances as order_balances
import workflows.refunds.unearned_units as unearned_units
from domain.events.fulfillments import FulfillmentDelivered
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderLineState
from domain.refunds.approvals import RefundKind
from models.refunds import RefundRow
from workflows.refunds.balances import Balances
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

_NOTE: Final = "Units of it were lost and are delivered now. Open a refund of the others."
_OF_UNITS: Final = "Lost units of {} are delivered now."
_OF_AMOUNT: Final = "A lost parcel is delivered now, and {} was opened since the loss."


async def handle_delivery(tx: Transaction, event: PendingEvent[FulfillmentDelivered]) -> None:
    """Withdraw or recover the refunds of a parcel that was lost before it was delivered."""
    if event.payload.before is not FulfillmentStatus.LOST:
        return
    order = await locked_orders.reload(tx, event.payload.order)
    parcel = await fulfillment_queries.lines_of(tx.session, [UUID(event.subject_key)])
    delivered = {row["order_line_id"]: row["quantity"] for row in parcel}
    others = await carrier_event_queries.units_found(
        tx.session, sorted(delivered), UUID(event.subject_key)
    )
    found = {line_id: units + others.get(line_id, 0) for line_id, units in delivered.items()}
    lost_at = await carrier_event_queries.lost_at(tx.session, sorted(delivered))
    balances = await order_balances.read(tx, order)
    since = [
        row
        for row in balances.live()
        if row["kind"] == RefundKind.GOODWILL
        and row["return_id"] is None
        and lost_at is not None
        and row["created_at"] >= lost_at
    ]
    of_amounts = [row for row in since if not balances.units_of(row["family_id"])]
    await _follow_units(tx, balances, since, found)
    for row in of_amounts:
        await unearned_units.recover(tx, balances, row["id"], _OF_AMOUNT)


async def _follow_units(
    tx: Transaction,
    balances: Balances,
    since: list[RefundRow],
    found: Mapping[UUID, int],
) -> None:
    """Withdraw or recover refunds of more units than are still lost, unsent ones first.

    `found`: units of each line in parcels that were delivered after they were lost. Refunds that
    were asked back before are not asked back again.
    """
    asked_back = await unearned_units.asked_back(tx, [row["id"] for row in since])
    surplus = {
        line_id: min(quantity, _claimed(balances, since, line_id) - _lost(balances, line_id))
        - _claimed(balances, [row for row in since if row["id"] in asked_back], line_id)
        for line_id, quantity in found.items()
    }
    left = [row for row in since if row["id"] not in asked_back]
    for row in sorted(left, key=lambda each: not unearned_units.paid_nothing(each)):
        units = [each for each in balances.units if each["refund_id"] == row["id"]]
        if not any(surplus.get(each["order_line_id"], 0) > 0 for each in units):
            continue
        for each in units:
            if each["order_line_id"] in surplus:
                surplus[each["order_line_id"]] -= each["quantity"]
        family = [each for each in since if each["family_id"] == row["family_id"]]
        if await unearned_units.may_withdraw(tx, family):
            await unearned_units.withdraw(tx, balances, family, _NOTE)
        else:
            await unearned_units.recover(tx, balances, row["id"], _OF_UNITS)


def _claimed(balances: Balances, refunds: Sequence[RefundRow], line_id: UUID) -> int:
    """Units of an order line in these refunds."""
    ids = {row["id"] for row in refunds}
    return sum(
        unit["quantity"]
        for unit in balances.units
        if unit["refund_id"] in ids and unit["order_line_id"] == line_id
    )


def _lost(balances: Balances, line_id: UUID) -> int:
    line = balances.order.line(line_id)
    assert line is not None
    return line.units[OrderLineState.LOST]
