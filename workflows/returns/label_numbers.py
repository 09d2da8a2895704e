"""Tracking numbers of returns from their shipping labels."""

from __future__ import annotations

from uuid import UUID

import models.queries.orders.labels as label_queries
import models.queries.returns.returns as return_queries
import workflows.orders.locked_orders as locked_orders
import workflows.returns.locked_returns as locked_returns
import workflows.returns.records as return_records
from domain.events.labels import LabelBought, LabelVoiding
from domain.events.returns import ReturnTracked
from domain.returns.states import ReturnStatus
from domain.values.codes import same_code
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

_ON_ITS_WAY = (ReturnStatus.AUTHORIZED, ReturnStatus.IN_TRANSIT)


async def follow_label(tx: Transaction, event: PendingEvent[LabelBought | LabelVoiding]) -> None:
    """Give a return the tracking number of its bought label, and take it when the label is voided.

    A parcel that its carrier has scanned, or that has another number, keeps its number. The
    transaction holds the lock of the order. Records `return.tracked`.
    """
    payload = event.payload
    if payload.return_ is None:
        return
    await tx.flush()
    label = await label_queries.label(tx.session, UUID(event.subject_key))
    row = await return_queries.lock_return(tx.session, payload.return_)
    if label is None or row is None:
        return
    order = await locked_orders.reload(tx, row["order_id"])
    locked = await locked_returns.load(tx, order, row)
    if locked.status not in _ON_ITS_WAY or locked.scanned_at is not None:
        return
    number = label["tracking_number"]
    if isinstance(payload, LabelBought):
        locked.set_tracking(label["carrier"], number)
    elif number is not None and same_code(row["tracking_number"] or "", number):
        locked.set_tracking(None, None)
    else:
        return
    await return_records.write(tx, locked)
    tracked = ReturnTracked(**return_records.step(locked, locked.groups, locked.status))
    return_records.record(tx, tracked, locked, event.actor)
