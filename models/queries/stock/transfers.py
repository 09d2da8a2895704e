"""Transfers: find and lock, and change them and their lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from domain.values.codes import comparison_key
from models.database.keys import key_of
from models.database.rows import changed_at
from models.database.sessions import Session
from models.transfers import TransferLineUnits

_TRANSFER = (
    "SELECT id, number, reference, status, origin_id, destination_id, carrier, tracking_number,"
    " requested_at, shipped_at, expected_by_at, closed_at, version FROM transfer"
)


class LockedTransferRow(TypedDict):
    """A locked transfer."""

    id: UUID
    number: str
    reference: str | None
    status: str
    origin_id: int
    destination_id: int
    carrier: str | None
    tracking_number: str | None
    requested_at: datetime
    shipped_at: datetime | None
    expected_by_at: datetime | None
    closed_at: datetime | None
    version: int


async def lock_transfer(session: Session, transfer_id: UUID) -> LockedTransferRow | None:
    """Lock a transfer and read it."""
    sql = f"{_TRANSFER} WHERE id = $1 FOR NO KEY UPDATE"
    return await session.row(LockedTransferRow, sql, transfer_id)


async def id_by_reference(session: Session, origin_id: int, reference: str) -> UUID | None:
    """The transfer from a location with this reference."""
    return await session.value(
        UUID,
        "SELECT id FROM transfer WHERE origin_id = $1 AND reference_key = $2",
        origin_id,
        comparison_key(reference),
    )


class LockedTransferLineRow(TransferLineUnits):
    """A line of a locked transfer with its item's SKU."""

    id: UUID
    line_no: int
    item_id: int
    sku: str
    value_minor: int
    lost_minor: int


_LINES = """
SELECT l.id, l.line_no, l.item_id, (SELECT i.sku FROM item i WHERE i.id = l.item_id) AS sku,
  l.requested, l.shipped, l.in_transit, l.received, l.damaged, l.came_back, l.lost, l.extra,
  l.value_minor, l.lost_minor
FROM transfer_line l WHERE l.transfer_id = $1 ORDER BY l.line_no
"""


async def lines_of(session: Session, transfer_id: UUID) -> Sequence[LockedTransferLineRow]:
    """The lines of a locked transfer."""
    return await session.rows(LockedTransferLineRow, _LINES, transfer_id)


_WRITE_LINE = """
UPDATE transfer_line SET shipped = $2, in_transit = $3, received = $4, damaged = $5,
  came_back = $6, lost = $7, extra = $8, value_minor = $9, lost_minor = $10 WHERE id = $1
"""


async def write_lines(session: Session, rows: Sequence[Sequence[object]]) -> None:
    """Write the units and values of lines, in the order of the statement."""
    await session.execute_many(_WRITE_LINE, rows)


_SETTLED = """
SELECT t.id FROM transfer t WHERE t.id = ANY($1::uuid[]) AND t.status = 'CLOSED'
  AND NOT EXISTS (
    SELECT 1 FROM transfer_line l JOIN stock_level s ON s.item_id = l.item_id
      AND s.location_id IN (t.origin_id, t.destination_id)
    WHERE l.transfer_id = t.id AND l.extra > 0 AND s.missing > 0)
ORDER BY t.id
"""


async def settled_among(session: Session, ids: Sequence[UUID]) -> list[UUID]:
    """Those transfers that are closed, and whose extra items have no missing unit at an end."""
    return [row["id"] for row in await session.fetch(_SETTLED, list(ids))]


async def write_transfer(session: Session, row: LockedTransferRow, now: datetime) -> None:
    """Write the status, the shipment and the end of a locked transfer."""
    await session.execute(
        "UPDATE transfer SET status = $2, carrier = $3, tracking_number = $4, shipped_at = $5,"
        " expected_by_at = $6, closed_at = $7, version = $8, tracking_number_key = $10,"
        f" {changed_at('$9')} WHERE id = $1",
        row["id"],
        row["status"],
        row["carrier"],
        row["tracking_number"],
        row["shipped_at"],
        row["expected_by_at"],
        row["closed_at"],
        row["version"],
        now,
        key_of(row["tracking_number"]),
    )


async def write_number(
    session: Session,
    transfer_id: UUID,
    carrier: str | None,
    tracking_number: str | None,
    now: datetime,
) -> None:
    """Write the number of a bought label to a transfer that has not shipped; None: no more."""
    await session.execute(
        "UPDATE transfer SET carrier = $2, tracking_number = $3, tracking_number_key = $4,"
        f" {changed_at('$5')} WHERE id = $1 AND shipped_at IS NULL",
        transfer_id,
        carrier,
        tracking_number,
        key_of(tracking_number),
        now,
    )
