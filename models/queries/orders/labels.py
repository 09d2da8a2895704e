"""Shipping labels: due work, and labels under the lock of their order or transfer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from models.carriers import ShippingLabelRow, SubjectColumn
from models.database.keys import key_of
from models.database.rows import picked
from models.database.sessions import Session
from models.queries.continuity.stops import unstopped_label

_LABEL = (
    "SELECT id, fulfillment_id, return_id, transfer_id, order_id, channel_id, location_id, key,"
    " status, carrier, service, format, carrier_reference, tracking_number, cost_minor, currency,"
    " bought_at, entry_id, failure, created_by, created_at, first_sent_at, sent_at,"
    " claimed_until_at, tries, next_at, settled_at, version FROM shipping_label"
)
_LIVE = "status IN ('REQUESTED', 'UNKNOWN', 'BOUGHT')"


class DueLabelRow(TypedDict):
    """A label whose next call is due, and its carrier."""

    id: UUID
    carrier: str


async def due_labels(
    session: Session, now: datetime, limit: int, *, without: Sequence[str] = ()
) -> Sequence[DueLabelRow]:
    """Labels that no worker has claimed and whose next call is due, the oldest first; not
    locked.

    `without`: keys of carriers that must not be called. Labels that were never sent wait while a
    playbook forbids to buy them.
    """
    return await session.rows(
        DueLabelRow,
        "SELECT s.id, s.carrier FROM shipping_label s"
        " WHERE s.status IN ('REQUESTED', 'UNKNOWN', 'VOIDING') AND s.next_at <= $1"
        " AND (s.claimed_until_at IS NULL OR s.claimed_until_at <= $1)"
        " AND NOT s.carrier_key = ANY($3::text[])"
        f" AND (s.first_sent_at IS NOT NULL OR {unstopped_label('s', '$1')})"
        " ORDER BY s.next_at, s.id LIMIT $2",
        now,
        limit,
        list(without),
    )


async def label(session: Session, label_id: UUID) -> ShippingLabelRow | None:
    """A label; read it again after locking its order or transfer. Its subject never changes."""
    return await session.row(ShippingLabelRow, f"{_LABEL} WHERE id = $1", label_id)


async def live_label(
    session: Session, column: SubjectColumn, subject_id: UUID
) -> ShippingLabelRow | None:
    """The live label of a parcel, under the lock of its order or transfer."""
    sql = f"{_LABEL} WHERE {column} = $1 AND {_LIVE}"
    return await session.row(ShippingLabelRow, sql, subject_id)


class LabelChanges(TypedDict):
    """Columns of a label that may change. Its key never changes."""

    id: UUID
    status: str
    carrier_reference: str | None
    tracking_number: str | None
    cost_minor: int | None
    currency: str | None
    bought_at: datetime | None
    entry_id: UUID | None
    failure: str | None
    first_sent_at: datetime | None
    sent_at: datetime | None
    claimed_until_at: datetime | None
    tries: int
    next_at: datetime
    settled_at: datetime | None
    version: int


_CHANGES = tuple(LabelChanges.__annotations__)
_KEY_PLACE = len(_CHANGES) + 1
_WRITE = "UPDATE shipping_label SET {}, tracking_number_key = ${} WHERE id = $1".format(
    ", ".join(f"{name} = ${place}" for place, name in enumerate(_CHANGES[1:], start=2)),
    _KEY_PLACE,
)


async def write_label(session: Session, changes: LabelChanges) -> None:
    """Write the changeable columns of a label."""
    await session.execute(_WRITE, *picked(changes, _CHANGES), key_of(changes["tracking_number"]))


async def store_document(session: Session, label_id: UUID, content: str, now: datetime) -> None:
    """Store the document of a label, once."""
    await session.execute(
        "INSERT INTO label_document (label_id, content, stored_at) VALUES ($1, $2, $3)"
        " ON CONFLICT DO NOTHING",
        label_id,
        content,
        now,
    )


async def delete_documents(session: Session, before: datetime, limit: int) -> int:
    """Delete documents that were stored before an instant; returns their number."""
    return await session.execute(
        "DELETE FROM label_document WHERE label_id IN (SELECT label_id FROM label_document"
        " WHERE stored_at < $1 ORDER BY stored_at LIMIT $2)",
        before,
        limit,
    )
