"""Carrier events, each stored once, and the parcels that they refer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
from domain.values.codes import comparison_key, same_code
from models.database.rows import Total, changed_at
from models.database.sessions import Session
from models.queries.listing.scopes import Scope


class RecordedEventRow(TypedDict):
    """A recorded carrier event: its status, and its parcel; without one it waits."""

    id: UUID
    status: str
    fulfillment_id: UUID | None
    return_id: UUID | None
    transfer_id: UUID | None


async def recorded_event(
    session: Session, carrier: str, event_reference: str, tracking_number: str
) -> RecordedEventRow | None:
    """A carrier event that is already recorded; None if it is new."""
    return await session.row(
        RecordedEventRow,
        "SELECT id, status, fulfillment_id, return_id, transfer_id FROM carrier_event"
        " WHERE carrier_key = $1 AND event_reference = $2 AND tracking_number_key = $3",
        comparison_key(carrier),
        event_reference,
        comparison_key(tracking_number),
    )


_KEEP = """
INSERT INTO carrier_event (id, carrier, event_reference, tracking_number, status, occurred_at,
  recorded_at, actor, fulfillment_id, return_id, transfer_id, carrier_key, tracking_number_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT DO NOTHING
"""


async def record(session: Session, values: Sequence[object]) -> bool:
    """Record a carrier event; False if it exists already. Waits for a concurrent insert of it."""
    return await session.execute(_KEEP, *values) == 1


async def sent_back_at(session: Session, fulfillment_id: UUID) -> datetime | None:
    """The time from which a carrier reports a parcel as RETURNED_TO_SENDER; None: it does not."""
    return await session.value(
        datetime,
        "SELECT MIN(occurred_at) AS sent_back_at FROM carrier_event WHERE fulfillment_id = $1"
        " AND status = 'RETURNED_TO_SENDER'",
        fulfillment_id,
    )


async def lost_at(session: Session, line_ids: Sequence[UUID]) -> datetime | None:
    """The time from which carriers reported a parcel with these order lines as LOST."""
    return await session.value(
        datetime,
        "SELECT MIN(c.occurred_at) AS lost_at FROM fulfillment_line l"
        " JOIN fulfillment f ON f.id = l.fulfillment_id JOIN carrier_event c"
        " ON c.tracking_number_key = f.tracking_number_key AND c.carrier_key = f.carrier_key"
        " WHERE l.order_line_id = ANY($1::uuid[]) AND c.status = 'LOST'",
        list(line_ids),
    )


class LineUnitsRow(TypedDict):
    """Units of an order line."""

    id: UUID
    quantity: Total


async def units_found(
    session: Session, line_ids: Sequence[UUID], but_parcel: UUID
) -> Mapping[UUID, int]:
    """Units of these order lines in other parcels that were delivered after they were LOST."""
    rows = await session.rows(
        LineUnitsRow,
        "SELECT l.order_line_id AS id, SUM(l.quantity) AS quantity FROM fulfillment_line l"
        " JOIN fulfillment f ON f.id = l.fulfillment_id"
        " WHERE l.order_line_id = ANY($1::uuid[]) AND f.id <> $2 AND f.status = 'DELIVERED'"
        " AND EXISTS (SELECT 1 FROM carrier_event a JOIN carrier_event b"
        " ON b.tracking_number_key = a.tracking_number_key AND b.carrier_key = a.carrier_key"
        " WHERE a.tracking_number_key = f.tracking_number_key AND a.carrier_key = f.carrier_key"
        " AND a.status = 'LOST' AND b.status = 'DELIVERED' AND a.recorded_at < b.recorded_at)"
        " GROUP BY l.order_line_id",
        list(line_ids),
        but_parcel,
    )
    return {row["id"]: int(row["quantity"]) for row in rows}


_PARCELS = """
SELECT f.id, f.order_id, f.status, f.location_id, f.version, f.shipped_at, o.channel_id,
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
    shipped_at: datetime | None
    channel_id: int
    channel: str
    location: str


async def parcel_named(
    session: Session, scope: Scope, carrier: str, tracking_number: str
) -> ParcelRow | None:
    """The newest fulfillment of the scope with this tracking number: numbers are reused.

    One that has not shipped has the number of its label and is newer than those that have.
    """
    condition, values = visibility.FULFILLMENT.also(scope, 3)
    sql = (
        f"{_PARCELS} WHERE f.tracking_number_key = $1 AND f.carrier_key = $2"
        f" AND f.status <> 'CANCELLED'{condition}"
        " ORDER BY f.shipped_at DESC NULLS FIRST, f.id DESC LIMIT 1"
    )
    keys = comparison_key(tracking_number), comparison_key(carrier)
    return await session.row(ParcelRow, sql, *keys, *values)


async def parcel(session: Session, fulfillment_id: UUID) -> ParcelRow | None:
    """A fulfillment with the codes of its channel and location."""
    return await session.row(ParcelRow, f"{_PARCELS} WHERE f.id = $1", fulfillment_id)


class TransferParcelRow(TypedDict):
    """A transfer with a tracking number, and the codes of its two locations."""

    id: UUID
    carrier: str | None
    shipped_at: datetime | None
    origin_id: int
    origin: str
    destination: str


_TRANSFERS = """
SELECT t.id, t.carrier, t.shipped_at, t.origin_id, a.code AS origin, b.code AS destination
FROM transfer t JOIN location a ON a.id = t.origin_id JOIN location b ON b.id = t.destination_id
"""


async def transfers_named(
    session: Session, scope: Scope, carrier: str, tracking_number: str, limit: int
) -> Sequence[TransferParcelRow]:
    """Transfers of the scope with this tracking number, of this carrier or of none, newest first.

    One that has not shipped has the number of its label and is newer than those that have.
    """
    condition, values = visibility.TRANSFER.also(scope, 3)
    rows = await session.rows(
        TransferParcelRow,
        f"{_TRANSFERS} WHERE t.tracking_number_key = $1 AND t.status <> 'CANCELLED'{condition}"
        " ORDER BY t.shipped_at DESC NULLS FIRST, t.id DESC LIMIT $2",
        comparison_key(tracking_number),
        limit,
        *values,
    )
    return [row for row in rows if row["carrier"] is None or same_code(row["carrier"], carrier)]


async def transfer_parcel(session: Session, transfer_id: UUID) -> TransferParcelRow | None:
    """A transfer with the codes of its two locations."""
    return await session.row(TransferParcelRow, f"{_TRANSFERS} WHERE t.id = $1", transfer_id)


class ParcelChanges(TypedDict):
    """Columns of a fulfillment that a carrier event changes."""

    status: str
    delivered_at: datetime | None
    lost_at: datetime | None
    version: int
    updated_at: datetime


async def write_parcel(session: Session, fulfillment_id: UUID, changes: ParcelChanges) -> None:
    """Write a fulfillment's new state after a carrier event."""
    await session.execute(
        "UPDATE fulfillment SET status = $2, delivered_at = $3, lost_at = $4, version = $5,"
        f" {changed_at('$6')} WHERE id = $1",
        fulfillment_id,
        changes["status"],
        changes["delivered_at"],
        changes["lost_at"],
        changes["version"],
        changes["updated_at"],
    )


_WAITS = "e.fulfillment_id IS NULL AND e.return_id IS NULL AND e.transfer_id IS NULL"
_WAITING = (
    "SELECT e.id, e.carrier, e.event_reference, e.tracking_number, e.status, e.occurred_at,"
    " e.actor, e.fulfillment_id, e.transfer_id FROM carrier_event e"
)


class WaitingEventRow(TypedDict):
    """An event that has had no effect yet; it may have its fulfillment or transfer already."""

    id: UUID
    carrier: str
    event_reference: str
    tracking_number: str
    status: str
    occurred_at: datetime
    actor: str
    fulfillment_id: UUID | None
    transfer_id: UUID | None


async def waiting(
    session: Session,
    tracking_number: str,
    limit: int,
    shipped: tuple[Literal["fulfillment_id", "transfer_id"], UUID] | None = None,
) -> Sequence[WaitingEventRow]:
    """Events of a number without a parcel, by the carrier's time, the oldest first.

    `shipped`: also those of this parcel, which has shipped just now.
    """
    key = comparison_key(tracking_number)
    order = "ORDER BY e.occurred_at, e.id LIMIT $2"
    if shipped is None:
        sql = f"{_WAITING} WHERE e.tracking_number_key = $1 AND {_WAITS} {order}"
        return await session.rows(WaitingEventRow, sql, key, limit)
    column, parcel_id = shipped
    sql = f"{_WAITING} WHERE e.tracking_number_key = $1 AND ({_WAITS} OR e.{column} = $3) {order}"
    return await session.rows(WaitingEventRow, sql, key, limit, parcel_id)


async def matchable(session: Session, since: datetime, limit: int) -> Sequence[WaitingEventRow]:
    """Events recorded since an instant without a parcel, although one bears their number now."""
    return await session.rows(
        WaitingEventRow,
        f"{_WAITING} WHERE {_WAITS} AND e.recorded_at >= $1 AND (EXISTS (SELECT 1"
        " FROM fulfillment f WHERE f.tracking_number_key = e.tracking_number_key"
        " AND f.carrier_key = e.carrier_key AND f.status <> 'CANCELLED') OR EXISTS (SELECT 1"
        " FROM customer_return r WHERE r.tracking_number_key = e.tracking_number_key)"
        " OR EXISTS (SELECT 1 FROM transfer t WHERE t.tracking_number_key = e.tracking_number_key"
        " AND t.status <> 'CANCELLED'))"
        " ORDER BY e.occurred_at, e.id LIMIT $2",
        since,
        limit,
    )


async def assign(
    session: Session,
    event_id: UUID,
    fulfillment_id: UUID | None,
    return_id: UUID | None,
    transfer_id: UUID | None,
) -> bool:
    """Give an event its parcel; False if it has one already."""
    changed = await session.execute(
        "UPDATE carrier_event SET fulfillment_id = $2, return_id = $3, transfer_id = $4"
        " WHERE id = $1 AND fulfillment_id IS NULL AND return_id IS NULL AND transfer_id IS NULL",
        event_id,
        fulfillment_id,
        return_id,
        transfer_id,
    )
    return changed == 1


async def delete_unmatched(session: Session, before: datetime, limit: int) -> int:
    """Delete events without a parcel that were recorded before an instant; their number."""
    return await session.execute(
        "DELETE FROM carrier_event WHERE fulfillment_id IS NULL AND return_id IS NULL"
        " AND transfer_id IS NULL AND id IN (SELECT e.id FROM carrier_event e"
        f" WHERE {_WAITS} AND e.recorded_at < $1"
        " ORDER BY e.recorded_at LIMIT $2)",
        before,
        limit,
    )


class PlaceRow(TypedDict):
    """The channel and the location of an event's parcel; a transfer has no channel."""

    channel_id: int | None
    location_id: int | None


async def place_of(session: Session, event_id: UUID) -> PlaceRow | None:
    """The channel and the location of an event's parcel; None: it has no parcel."""
    return await session.row(
        PlaceRow,
        "SELECT o.channel_id, COALESCE(f.location_id, r.destination_id, t.origin_id) AS location_id"
        " FROM carrier_event e LEFT JOIN fulfillment f ON f.id = e.fulfillment_id"
        " LEFT JOIN customer_return r ON r.id = e.return_id"
        " LEFT JOIN transfer t ON t.id = e.transfer_id"
        " LEFT JOIN sales_order o ON o.id = COALESCE(f.order_id, r.order_id)"
        " WHERE e.id = $1 AND COALESCE(f.location_id, r.destination_id, t.origin_id) IS NOT NULL",
        event_id,
    )
