"""Closing of returns, as soon as every unit and every refund is settled."""

from __future__ import annotations

from uuid import UUID

import models.queries.orders.orders as order_queries
import models.queries.returns.returns as return_queries
import workflows.orders.locked_orders as locked_orders
import workflows.returns.locked_returns as locked_returns
import workflows.returns.records as return_records
from domain.events.refunds import RefundPayload
from domain.events.returns import ReturnClosed, ReturnPayload
from domain.refunds.states import SETTLED, RefundStatus
from domain.returns.states import ReturnItemState, ReturnStatus, may_close
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction


async def close_when_settled(
    tx: Transaction, event: PendingEvent[ReturnPayload | RefundPayload]
) -> None:
    """Close the return if `event` settled its last unit or its last refund.

    The transaction that recorded the event holds the order's lock, which covers the return. So no
    lock is taken out of order. Records `return.closed`.
    """
    payload = event.payload
    return_id = payload.return_ if isinstance(payload, RefundPayload) else UUID(event.subject_key)
    if return_id is None:
        return
    await tx.flush()
    row = await return_queries.lock_return(tx.session, return_id)
    if row is None or row["status"] != ReturnStatus.RECEIVED:
        return
    states = [
        ReturnItemState(item["state"])
        for item in await return_queries.items_of(tx.session, [return_id])
    ]
    refunds = await return_queries.refund_statuses(tx.session, return_id)
    settled = [RefundStatus(status) in SETTLED for status in refunds]
    if not may_close(ReturnStatus.RECEIVED, states, settled):
        return
    order = await order_queries.lock_order(tx.session, row["order_id"])
    assert order is not None
    closing = await locked_returns.load(tx, (await locked_orders.load(tx, [order]))[0], row)
    closing.close(tx.now)
    await return_records.write(tx, closing)
    before = ReturnStatus.RECEIVED
    closed = ReturnClosed(**return_records.step(closing, (), before))
    return_records.record(tx, closed, closing, event.actor)
