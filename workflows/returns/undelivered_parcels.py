"""Reactions of returns to tracking events: scans of returns, and undelivered parcels."""

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
from domain.orders.orders import effect_time
from domain.returns.authorizations import Verdict
from domain.returns.states import ReturnItemState, ReturnStatus
from domain.values.codes import comparison_key
from models.fulfillments import FulfillmentRow
from workflows.orders.locked_orders import LockedOrder
from workflows.returns.evaluation import Evaluation, RequestedLine
from workflows.returns.return_units import ReturnUnits
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

REASON = "UNDELIVERED"
# Reports after which the carrier does not have the parcel.
_NOT_WITH_CARRIER = frozenset({CarrierStatus.LOST, CarrierStatus.DELIVERY_FAILED})


async def handle_carrier_event(tx: Transaction, event: PendingEvent[CarrierRecorded]) -> None:
    """React to `carrier.recorded`: a scan of a return, or an order's parcel that comes back.

    The transaction that recorded it holds the order's lock, which covers its returns.
    """
    report = event.payload
    if report.return_ is not None:
        if report.status not in _NOT_WITH_CARRIER:
            await _record_scan(tx, report.return_, event)
    elif report.fulfillment is not None and report.status is CarrierStatus.RETURNED_TO_SENDER:
        assert report.order is not None
        await _open_return(tx, report.order, report.fulfillment, event)


async def _record_scan(
    tx: Transaction, return_id: UUID, event: PendingEvent[CarrierRecorded]
) -> None:
    await tx.flush()
    row = await return_queries.lock_return(tx.session, return_id)
    if row is not None:
        order = await _order(tx, row["order_id"])
        locked = await locked_returns.load(tx, order, row)
        await return_tracking.record_scan(tx, locked, event.occurred_at, event.actor)


async def _order(tx: Transaction, order_id: UUID) -> LockedOrder:
    """Read an order that this transaction has locked already."""
    row = await order_queries.lock_order(tx.session, order_id)
    assert row is not None
    return (await locked_orders.load(tx, [row]))[0]


async def _open_return(
    tx: Transaction, order_id: UUID, fulfillment_id: UUID, event: PendingEvent[CarrierRecorded]
) -> None:
    """Open a return for the parcel's units that are in no other return. It is IN_TRANSIT.

    The request is dated at the carrier's report, but not before the parcel was shipped.
    """
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
    assert parcel["shipped_at"] is not None
    reported_at = effect_time(event.occurred_at, tx.now, parcel["shipped_at"])
    evaluation = await return_evaluation.evaluate(
        tx.session, order, channel, wanted, reported_at, tx.now
    )
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
        for position, (each, is_fast) in enumerate(zip(wanted, evaluation.fast_lane, strict=True))
    ]
    row = return_requests.add(
        tx,
        order,
        _authorized(evaluation, parcel["location_id"]),
        requested_by=event.actor,
        requested_at=reported_at,
        carrier=parcel["carrier"],
        tracking_number=parcel["tracking_number"],
    )
    opened = return_requests.record_opened(tx, order, channel, row, groups, event.actor)
    await tx.flush()
    await return_tracking.record_scan(tx, opened, event.occurred_at, event.actor)


def _authorized(evaluation: Evaluation, destination_id: int) -> Evaluation:
    """The evaluation, but authorized: the parcel comes back whatever the policy decides."""
    reason = ("The carrier could not deliver the parcel and returns it.",)
    is_authorized = evaluation.verdict.outcome is ReturnStatus.AUTHORIZED
    reasons = (*reason, *evaluation.verdict.reasons) if is_authorized else reason
    verdict = Verdict(ReturnStatus.AUTHORIZED, evaluation.verdict.policy, reasons)
    return Evaluation(verdict, evaluation.risk, evaluation.fast_lane, destination_id)


def _label(parcel: FulfillmentRow) -> tuple[str, str]:
    """The keys of a parcel's carrier and tracking number."""
    return comparison_key(parcel["carrier"] or ""), comparison_key(parcel["tracking_number"] or "")


async def _units(
    tx: Transaction, order: LockedOrder, parcel: FulfillmentRow
) -> list[RequestedLine]:
    """Returnable units of the fulfillments shipped under the parcel's tracking number."""
    fulfillment_ids = [
        row["id"]
        for row in await fulfillment_queries.of_order(tx.session, order.id)
        if _label(row) == _label(parcel)
    ]
    left = {line.id: line for line in await return_evaluation.returnable_lines(tx.session, order)}
    units: dict[UUID, int] = {}
    for row in await fulfillment_queries.lines_of(tx.session, fulfillment_ids):
        line_id = row["order_line_id"]
        units[line_id] = units.get(line_id, 0) + row["quantity"]
    wanted = [(line, min(units.get(line.id, 0), left[line.id].returnable)) for line in order.lines]
    return [RequestedLine(line, quantity, REASON) for line, quantity in wanted if quantity]
