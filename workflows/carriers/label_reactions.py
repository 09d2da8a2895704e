"""Reactions of shipping labels to the end of their parcels."""

from __future__ import annotations

from uuid import UUID

import models.queries.orders.labels as label_queries
import workflows.carriers.label_subjects as label_subjects
import workflows.carriers.labels as labels
from domain.events.payloads import EventPayload
from workflows.carriers.label_subjects import COLUMNS
from workflows.carriers.labels import LockedLabel
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction


async def end_unneeded(tx: Transaction, event: PendingEvent[EventPayload]) -> None:
    """End the live label of a fulfillment, return or transfer that no longer needs it.

    The transaction that recorded the event holds the lock of the order or transfer.
    """
    column = COLUMNS[event.payload.subject_type]
    row = await label_queries.live_label(tx.session, column, UUID(event.subject_key))
    if row is None:
        return
    subject = await label_subjects.reload(tx, row)
    if not subject.needs(row["tracking_number"]):
        await labels.discard(tx, LockedLabel({**row}, subject), event.actor)
