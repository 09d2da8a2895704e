"""Unidentified parcels: found by their exception, and their remaining units."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from domain.values.codes import comparison_key
from models.database.rows import Total
from models.database.sessions import Session


async def open_parcel(session: Session, tracking_number: str) -> UUID | None:
    """The exception of the parcel with this number that still has units."""
    return await session.value(
        UUID,
        "SELECT exception_id FROM unidentified_parcel"
        " WHERE tracking_number_key = $1 AND emptied_at IS NULL",
        comparison_key(tracking_number),
    )


async def is_waiting(session: Session, return_id: UUID) -> bool:
    """True if a parcel that arrived while this return was declined or cancelled still has units."""
    found = await session.fetch_one(
        "SELECT 1 AS one FROM unidentified_parcel WHERE return_id = $1 AND emptied_at IS NULL",
        return_id,
    )
    return found is not None


async def has_discrepancies(session: Session, return_id: UUID) -> bool:
    """True if units of a return are missing, or are unexpected and not disposed of."""
    found = await session.fetch_one(
        "SELECT 1 AS one FROM return_item WHERE return_id = $1 AND (state = 'MISSING'"
        " OR order_line_id IS NULL AND state <> 'DISPOSED') LIMIT 1",
        return_id,
    )
    return found is not None


class QuarantinedRow(TypedDict):
    """Units of an item in quarantine at one location, and the exception that holds them."""

    exception_id: UUID
    location_id: int
    quantity: Total


async def units_of_return(
    session: Session, return_id: UUID, item_id: int
) -> Sequence[QuarantinedRow]:
    """Units of an item that came for a declined or cancelled return, the oldest first.

    Not locked: the return's lock excludes other changes of them.
    """
    return await session.rows(
        QuarantinedRow,
        "SELECT p.exception_id, p.location_id, SUM(u.quantity) AS quantity"
        " FROM unidentified_parcel p JOIN unidentified_unit u ON u.parcel_id = p.id"
        " WHERE p.return_id = $1 AND u.item_id = $2 AND u.quantity > 0"
        " GROUP BY p.exception_id, p.location_id ORDER BY MIN(p.received_at), p.location_id",
        return_id,
        item_id,
    )


async def return_of_exception(session: Session, exception_id: UUID) -> UUID | None:
    """The ended return that the parcels of an exception name; never changes."""
    return await session.value(
        UUID,
        "SELECT return_id FROM unidentified_parcel WHERE exception_id = $1 LIMIT 1",
        exception_id,
    )


async def has_units(session: Session, exception_id: UUID) -> bool:
    """True if the parcels of an exception still have units."""
    found = await session.fetch_one(
        "SELECT 1 AS one FROM unidentified_parcel WHERE exception_id = $1 AND emptied_at IS NULL",
        exception_id,
    )
    return found is not None


class ParcelExceptionRow(TypedDict):
    """Kind and subject of an exception that holds parcels."""

    kind: str
    subject_key: str


async def exception(session: Session, exception_id: UUID) -> ParcelExceptionRow | None:
    """(kind, subject_key) of an exception about parcels."""
    return await session.row(
        ParcelExceptionRow,
        "SELECT kind, subject_key FROM operational_exception WHERE id = $1",
        exception_id,
    )


async def lock_exceptions(session: Session, exception_id: UUID, subject_key: str) -> None:
    """Lock the exception of parcels and the open one of a return that takes them, in id order.

    The receipt changes both. A receipt that swaps parcels with it locks them in the same order.
    """
    await session.fetch(
        "SELECT id FROM operational_exception WHERE id = $1 OR (kind = 'RETURN_DISCREPANCY'"
        " AND subject_key = $2 AND status NOT IN ('RESOLVED', 'AUTO_RESOLVED'))"
        " ORDER BY id FOR NO KEY UPDATE",
        exception_id,
        subject_key,
    )


_UNITS = """
SELECT u.id, u.parcel_id, u.item_id, i.sku, u.quantity, u.value_minor, p.location_id
FROM unidentified_parcel p JOIN unidentified_unit u ON u.parcel_id = p.id
JOIN item i ON i.id = u.item_id
WHERE p.exception_id = $1 ORDER BY p.received_at, p.id, u.id FOR NO KEY UPDATE OF u
"""


class KeptUnitsRow(TypedDict):
    """Units of an item in an unidentified parcel."""

    id: UUID
    parcel_id: UUID
    item_id: int
    sku: str
    quantity: int
    value_minor: int
    location_id: int


async def units_of_exception(session: Session, exception_id: UUID) -> Sequence[KeptUnitsRow]:
    """Units of an exception's parcels, locked; emptied rows are included, with no units.

    Their stock must be locked before, so that the second of two concurrent callers sees them empty.
    """
    return await session.rows(KeptUnitsRow, _UNITS, exception_id)


_CONTENTS = """
SELECT DISTINCT p.location_id, l.code AS location, u.item_id
FROM unidentified_parcel p JOIN unidentified_unit u ON u.parcel_id = p.id
JOIN location l ON l.id = p.location_id
WHERE p.exception_id = $1 ORDER BY u.item_id
"""


class KeptContentsRow(TypedDict):
    """An item in an unidentified parcel, and the parcel's location."""

    location_id: int
    location: str
    item_id: int


async def contents_of_exception(session: Session, exception_id: UUID) -> Sequence[KeptContentsRow]:
    """Items of an exception's parcels and their locations; not locked."""
    return await session.rows(KeptContentsRow, _CONTENTS, exception_id)


async def write_units(session: Session, rows: Sequence[tuple[UUID, int, int]]) -> None:
    """Set (id, remaining units, their value) of units in parcels."""
    if rows:
        await session.execute_many(
            "UPDATE unidentified_unit SET quantity = $2, value_minor = $3 WHERE id = $1", rows
        )


async def mark_empty(session: Session, exception_id: UUID, now: datetime) -> int:
    """Mark the empty parcels of an exception; returns how many still have units."""
    await session.execute(
        "UPDATE unidentified_parcel SET emptied_at = $2 WHERE exception_id = $1"
        " AND emptied_at IS NULL AND NOT EXISTS (SELECT 1 FROM unidentified_unit u"
        " WHERE u.parcel_id = unidentified_parcel.id AND u.quantity > 0)",
        exception_id,
        now,
    )
    left = await session.value(
        int,
        "SELECT COUNT(*) AS number FROM unidentified_parcel"
        " WHERE exception_id = $1 AND emptied_at IS NULL",
        exception_id,
    )
    return left or 0
