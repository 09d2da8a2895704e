"""What returns do about a carrier's word: on their way, or parcels that come back undelivered."""

from __future__ import annotations

from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.orders.orders as order_queries
import models.queries.returns.returns as return_queries
import workflows.orders.locked_orders as locked_orders
import workflows.returns.evaluation as return_evaluation
import workflows.returns.locked_returns as locked_returns
import workflows.returns.requests as return_requests
import workflows.returns.tracking as return_tracking
from domain.events.fulfillments import CarrierRecorded
from domain.orders.carriers import CarrierStatus
from domain.returns.authorizations import Verdict
from domain.returns.states import ReturnItemState, ReturnStatus
from models.fulfillments import FulfillmentRow
from workflows.orders.locked_orders import LockedOrder
from workflows.returns.evaluation import Judgement, Wanted
from workflows.returns.return_units import ReturnUnits
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

REASON = "UNDELIVERED"
# Words that say that the carrier does not have the parcel, or not any more.
_SAYS_NOTHING = frozenset({CarrierStatus.LOST, CarrierStatus.DELIVERY_FAILED})


async def hear_carrier(tx: Transaction, event: PendingEvent[CarrierRecorded]) -> None:
    """Follow `carrier.recorded`: a return's parcel is on its way, or an order's comes back.

    Whoever recorded it holds the order's lock, which covers its returns.
    """
    report = event.payload
    if report.return_ is not None:
        if report.status not in _SAYS_NOTHING:
            await _carry(tx, report.return_, event)
    elif report.fulfillment is not None and report.status is CarrierStatus.RETURNED_TO_SENDER:
        await _take_back(tx, report.order, report.fulfillment, event)


async def _carry(tx: Transaction, return_id: UUID, event: PendingEvent[CarrierRecorded]) -> None:
    await tx.flush()
    row = await return_queries.lock_return(tx.session, return_id)
    if row is not None:
        order = await _order(tx, row["order_id"])
        locked = await locked_returns.load(tx, order, row)
        await return_tracking.carry(tx, locked, event.occurred_at, event.actor)


async def _order(tx: Transaction, order_id: UUID) -> LockedOrder:
    """An order that this transaction has locked already."""
    row = await order_queries.lock_order(tx.session, order_id)
    assert row is not None
    return (await locked_orders.load(tx, [row]))[0]


async def _take_back(
    tx: Transaction, order_id: UUID, fulfillment_id: UUID, event: PendingEvent[CarrierRecorded]
) -> None:
    """Open a return of the parcel's units that no return takes up; it is on its way at once."""
    await tx.flush()
    order = await _order(tx, order_id)
    parcel = await fulfillment_queries.fulfillment(tx.session, fulfillment_id)
    reason = await lookups.reason(tx.session, "RETURN", REASON)
    assert parcel is not None
    assert reason is not None
    wanted = await _units(tx, order, parcel)
    if not wanted:
        return
    channels = await lookups.channels_by_id(tx.session, [order.channel_id])
    channel = channels[order.channel_id]
    judged = await return_evaluation.judge(tx.session, order, channel, wanted, tx.now, tx.now)
    groups = [
        ReturnUnits(
            id=tx.new_id(),
            position=position,
            item_id=each.line.item_id,
            sku=each.line.sku,
            category=None,
            quantity=each.quantity,
            state=ReturnItemState.EXPECTED,
            order_line_id=each.line.id,
            reason_id=reason.id,
            reason=reason.code,
            fast_lane=is_fast,
        )
        for position, (each, is_fast) in enumerate(zip(wanted, judged.fast_lane, strict=True))
    ]
    row = return_requests.add(
        tx,
        order,
        _brought_back(judged, parcel["location_id"]),
        by=event.actor,
        at=tx.now,
        carrier=parcel["carrier"],
        tracking_number=parcel["tracking_number"],
    )
    opened = return_requests.tell_opened(tx, order, channel, row, groups, event.actor)
    await tx.flush()
    await return_tracking.carry(tx, opened, event.occurred_at, event.actor)


def _brought_back(judged: Judgement, destination_id: int) -> Judgement:
    """The same, authorized whatever the policy says: the parcel comes, nobody asks."""
    told = ("The parcel could not be delivered and the carrier brings it back.",)
    is_fine = judged.verdict.outcome is ReturnStatus.AUTHORIZED
    reasons = (*told, *judged.verdict.reasons) if is_fine else told
    verdict = Verdict(ReturnStatus.AUTHORIZED, judged.verdict.policy, reasons)
    return Judgement(verdict, judged.risk, judged.fast_lane, destination_id)


async def _units(tx: Transaction, order: LockedOrder, parcel: FulfillmentRow) -> list[Wanted]:
    """Units that left under the parcel's number, as far as they may be returned at all."""
    together = [
        row["id"]
        for row in await fulfillment_queries.of_order(tx.session, order.id)
        if (row["carrier"], row["tracking_number"])
        == (parcel["carrier"], parcel["tracking_number"])
    ]
    left = {line.id: line for line in await return_evaluation.returnable_lines(tx.session, order)}
    units: dict[UUID, int] = {}
    for row in await fulfillment_queries.lines_of(tx.session, together):
        line_id = row["order_line_id"]
        units[line_id] = units.get(line_id, 0) + row["quantity"]
    wanted = [(line, min(units.get(line.id, 0), left[line.id].returnable)) for line in order.lines]
    return [Wanted(line, quantity, REASON) for line, quantity in wanted if quantity]
