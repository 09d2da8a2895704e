"""Reactions of shipping labels to the end of their parcels."""

from __future__ import annotations

from uuid import UUID

import models.queries.orders.labels as label_queries
import workflows.carriers.label_subjects as label_subjects
import workflows.carriers.labels as labels
import workflows.orders.locked_orders as locked_orders
from domain.events.payloads import EventPayload
from workflows.carriers.label_subjects import FULFILLMENT
from workflows.carriers.labels import LockedLabel
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction


async def end_unneeded(tx: Transaction, event: PendingEvent[EventPayload]) -> None:
    """End the live label of a fulfillment or return that no longer needs it.

    The transaction that recorded the event holds the lock of the order.
    """
    key, is_outbound = UUID(event.subject_key), event.payload.subject_type == FULFILLMENT
    row = await label_queries.live_label(
        tx.session,
        fulfillment_id=key if is_outbound else None,
        return_id=None if is_outbound else key,
    )
    if row is None:
        return
    order = await locked_orders.reload(tx, row["order_id"])
    subject = await label_subjects.of_label(tx, order, row)
    if not subject.needs(row["tracking_number"]):
        await labels.discard(tx, LockedLabel({**row}, subject), event.actor)
