"""Carrier events, each stored once, and the parcels that they refer to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session


class RecordedSubjectRow(TypedDict):
    """The parcel that a recorded carrier event is about: a fulfillment or a return."""

    fulfillment_id: UUID | None
    return_id: UUID | None


async def recorded_subject(
    session: Session, carrier: str, event_reference: str
) -> RecordedSubjectRow | None:
    """The subject of a carrier event that is already recorded; None if it is new."""
    return await session.row(
        RecordedSubjectRow,
        "SELECT fulfillment_id, return_id FROM carrier_event"
        " WHERE carrier = $1 AND event_reference = $2",
        carrier,
        event_reference,
    )


_KEEP = """
INSERT INTO carrier_event (id, carrier, event_reference, tracking_number, status, occurred_at,
  recorded_at, actor, fulfillment_id, return_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (carrier, event_reference) DO NOTHING
"""


async def record(session: Session, values: Sequence[object]) -> bool:
    """Record a carrier event; False if it exists already. Waits for a concurrent insert of it."""
    return await session.execute(_KEEP, *values) == 1


async def was_sent_back(session: Session, fulfillment_id: UUID, at: datetime) -> bool:
    """True if a carrier had reported a parcel as RETURNED_TO_SENDER by an instant."""
    found = await session.value(
        int,
        "SELECT 1 AS found FROM carrier_event WHERE fulfillment_id = $1"
        " AND status = 'RETURNED_TO_SENDER' AND occurred_at <= $2 LIMIT 1",
        fulfillment_id,
        at,
    )
    return found is not None


_PARCELS = """
SELECT f.id, f.order_id, f.status, f.location_id, f.version, o.channel_id,
  c.code AS channel, l.code AS location
FROM fulfillment f JOIN sales_order o ON o.id = f.order_id
JOIN channel c ON c.id = o.channel_id JOIN location l ON l.id = f.location_id
"""


class ParcelRow(TypedDict):
    """A fulfillment with the codes of its channel and location."""

    id: UUID
    order_id: UUID
    status: str
    location_id: int
    version: int
    channel_id: int
    channel: str
    location: str


async def parcels_named(
    session: Session, carrier: str, tracking_number: str, limit: int
) -> Sequence[ParcelRow]:
    """Fulfillments shipped with this tracking number, the newest first: numbers are reused."""
    sql = (
        f"{_PARCELS} WHERE f.tracking_number = $1 AND f.carrier = $2"
        " ORDER BY f.shipped_at DESC, f.id DESC LIMIT $3"
    )
    return await session.rows(ParcelRow, sql, tracking_number, carrier, limit)


async def parcel(session: Session, fulfillment_id: UUID) -> ParcelRow | None:
    """A fulfillment with the codes of its channel and location."""
    return await session.row(ParcelRow, f"{_PARCELS} WHERE f.id = $1", fulfillment_id)


async def write_parcel(
    session: Session, fulfillment_id: UUID, status: str, delivered_at: datetime | None, version: int
) -> None:
    """Write a fulfillment's new state after a carrier event."""
    await session.execute(
        "UPDATE fulfillment SET status = $2, delivered_at = $3, version = $4 WHERE id = $1",
        fulfillment_id,
        status,
        delivered_at,
        version,
    )
