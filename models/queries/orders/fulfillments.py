"""Fulfillments and their lines; protected by the lock of their order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from domain.orders.fulfillments import issued_number
from domain.orders.parcels import ParcelSize
from domain.orders.scans import ScannedUnits
from domain.values.codes import comparison_key
from models.database.keys import key_of
from models.database.rows import changed_at
from models.database.sessions import Session
from models.database.sql import Columns, WriteStatement
from models.fulfillments import FulfillmentLineRow, FulfillmentRow

_FULFILLMENT = (
    "SELECT id, order_id, number, location_id, status, carrier, tracking_number, tote, created_at,"
    " shipped_at, delivered_at, lost_at, weight_grams, length_mm, width_mm, height_mm, version,"
    " updated_at FROM fulfillment"
)


async def fulfillment(session: Session, fulfillment_id: UUID) -> FulfillmentRow | None:
    """A fulfillment; read it again after locking its order."""
    return await session.row(FulfillmentRow, f"{_FULFILLMENT} WHERE id = $1", fulfillment_id)


async def by_ids(session: Session, ids: Sequence[UUID]) -> Sequence[FulfillmentRow]:
    """Fulfillments by id; read them again after locking their orders."""
    sql = f"{_FULFILLMENT} WHERE id = ANY($1::uuid[]) ORDER BY id"
    return await session.rows(FulfillmentRow, sql, list(ids))


class ToteRow(TypedDict):
    """A tote in use, and the fulfillment that it holds."""

    id: UUID
    location_id: int
    tote_key: str


async def in_totes(
    session: Session, location_ids: Sequence[int], keys: Sequence[str]
) -> Sequence[ToteRow]:
    """The fulfillments at these locations that totes with these keys hold."""
    return await session.rows(
        ToteRow,
        "SELECT id, location_id, tote_key FROM fulfillment"
        " WHERE location_id = ANY($1::bigint[]) AND tote_key = ANY($2::text[])",
        list(location_ids),
        list(keys),
    )


class _NamedParcelRow(TypedDict):
    id: UUID
    number: str
    tote_key: str | None
    tracking_number_key: str | None
    shipped_at: datetime | None


_NAMED = "SELECT id, number, tote_key, tracking_number_key, shipped_at FROM fulfillment"


async def named_at(session: Session, location_id: int, codes: Sequence[str]) -> dict[str, UUID]:
    """The fulfillments of a location that these codes name: by number, tote or tracking number.

    Of those with a tracking number, one that has not shipped. Unknown codes are missing.
    """
    keys = {code: comparison_key(code) for code in codes}
    numbers = {code: number for code in codes if (number := issued_number(code)) is not None}
    rows = await session.rows(
        _NamedParcelRow,
        f"{_NAMED} WHERE location_id = $1 AND number = ANY($2::text[])"
        f" UNION ALL {_NAMED} WHERE location_id = $1 AND tote_key = ANY($3::text[])"
        f" UNION ALL {_NAMED} WHERE location_id = $1 AND tracking_number_key = ANY($3::text[])",
        location_id,
        sorted(set(numbers.values())),
        sorted(set(keys.values())),
    )
    # The last one wins: shipped ones come first.
    ranked = sorted(rows, key=lambda row: row["shipped_at"] is None)
    by_number = {row["number"]: row["id"] for row in ranked}
    by_tote = {row["tote_key"]: row["id"] for row in ranked}
    by_label = {row["tracking_number_key"]: row["id"] for row in ranked}
    found: dict[str, UUID] = {}
    for code, key in keys.items():
        named = by_number.get(numbers.get(code, "")) or by_tote.get(key) or by_label.get(key)
        if named is not None:
            found[code] = named
    return found


async def write_totes(session: Session, rows: Sequence[tuple[UUID, str]]) -> None:
    """Write (id, tote) of fulfillments. A unique index refuses a tote that is in use."""
    if rows:
        await session.execute_many(
            "UPDATE fulfillment SET tote = $2, tote_key = $3 WHERE id = $1",
            [(key, tote, comparison_key(tote)) for key, tote in rows],
        )


async def of_order(session: Session, order_id: UUID) -> Sequence[FulfillmentRow]:
    """An order's fulfillments, oldest first."""
    sql = f"{_FULFILLMENT} WHERE order_id = $1 ORDER BY created_at, id"
    return await session.rows(FulfillmentRow, sql, order_id)


async def count_of_order(session: Session, order_id: UUID) -> int:
    """The number of an order's fulfillments, with cancelled ones; to be read under its lock."""
    sql = "SELECT COUNT(*) AS fulfillments FROM fulfillment WHERE order_id = $1"
    return await session.value(int, sql, order_id) or 0


async def first_shipped_at(session: Session, order_id: UUID) -> datetime | None:
    """The time of an order's first shipment; None: nothing has shipped."""
    return await session.value(
        datetime,
        "SELECT MIN(shipped_at) AS shipped_at FROM fulfillment WHERE order_id = $1",
        order_id,
    )


async def lines_of(
    session: Session, fulfillment_ids: Sequence[UUID]
) -> Sequence[FulfillmentLineRow]:
    """The lines of these fulfillments."""
    sql = (
        "SELECT id, fulfillment_id, order_line_id, item_id, quantity, picked, packed, cost_minor"
        " FROM fulfillment_line WHERE fulfillment_id = ANY($1::uuid[]) ORDER BY fulfillment_id, id"
    )
    return await session.rows(FulfillmentLineRow, sql, list(fulfillment_ids))


class _FulfillmentIdRow(TypedDict):
    fulfillment_id: UUID


async def singles_among(session: Session, ids: Sequence[UUID]) -> set[UUID]:
    """Those of these fulfillments that have exactly one unit."""
    rows = await session.rows(
        _FulfillmentIdRow,
        "SELECT fulfillment_id FROM fulfillment_line WHERE fulfillment_id = ANY($1::uuid[])"
        " GROUP BY fulfillment_id HAVING SUM(quantity) = 1",
        list(ids),
    )
    return {row["fulfillment_id"] for row in rows}


_LINE: Columns = (
    ("id", "uuid"),
    ("quantity", "bigint"),
    ("picked", "bigint"),
    ("packed", "bigint"),
)
_UNITS = "quantity = c.quantity, picked = c.picked, packed = c.packed"


async def write_units(session: Session, rows: Sequence[tuple[UUID, ScannedUnits]]) -> None:
    """Write the units of fulfillment lines."""
    values = [(key, *units) for key, units in rows]
    await session.write({}, (WriteStatement("fulfillment_line", _LINE, _UNITS, values),))


_PARCEL: Columns = (
    ("id", "uuid"),
    ("status", "text"),
    ("version", "bigint"),
    ("changed_at", "timestamptz"),
)
_STATUS = (
    "status = c.status, version = c.version,"
    " tote = CASE WHEN c.status = 'CANCELLED' THEN NULL ELSE tote END,"
    " tote_key = CASE WHEN c.status = 'CANCELLED' THEN NULL ELSE tote_key END,"
    f" {changed_at('c.changed_at')}"
)


async def write_status(
    session: Session, rows: Sequence[tuple[UUID, str, int]], now: datetime
) -> None:
    """Write (id, status, version) of fulfillments. A cancelled one gives its tote back."""
    values = [(*row, now) for row in rows]
    await session.write({}, (WriteStatement("fulfillment", _PARCEL, _STATUS, values),))


async def write_sizes(session: Session, rows: Sequence[tuple[UUID, ParcelSize]]) -> None:
    """Write the weight and the sizes of fulfillments; figures that are not stated stay."""
    await session.execute_many(
        "UPDATE fulfillment SET weight_grams = COALESCE($2, weight_grams),"
        " length_mm = COALESCE($3, length_mm), width_mm = COALESCE($4, width_mm),"
        " height_mm = COALESCE($5, height_mm) WHERE id = $1",
        [
            (key, size.weight_grams, size.length_mm, size.width_mm, size.height_mm)
            for key, size in rows
        ],
    )


async def write_shipment(
    session: Session,
    fulfillment_id: UUID,
    carrier: str,
    tracking_number: str,
    shipped_at: datetime,
    version: int,
    now: datetime,
) -> None:
    """Write the shipment of a fulfillment, which gives its tote back."""
    await session.execute(
        "UPDATE fulfillment SET status = 'SHIPPED', carrier = $2, tracking_number = $3,"
        " shipped_at = $4, version = $5, carrier_key = $6, tracking_number_key = $7,"
        " tote = NULL, tote_key = NULL,"
        f" {changed_at('$8')} WHERE id = $1",
        fulfillment_id,
        carrier,
        tracking_number,
        shipped_at,
        version,
        comparison_key(carrier),
        comparison_key(tracking_number),
        now,
    )


async def lock_number(session: Session, carrier: str, tracking_number: str) -> None:
    """Wait for other transactions that ship under this number; SQLite has one writer."""
    if session.engine == "postgres":
        key = f"{comparison_key(carrier)}/{comparison_key(tracking_number)}"
        await session.fetch("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key)


async def shipped_elsewhere(
    session: Session, order_id: UUID, carrier: str, tracking_number: str
) -> UUID | None:
    """A parcel of another order that is on its way with this number; None: there is none."""
    return await session.value(
        UUID,
        "SELECT id FROM fulfillment WHERE tracking_number_key = $2 AND carrier_key = $3"
        " AND status = 'SHIPPED' AND order_id <> $1 LIMIT 1",
        order_id,
        comparison_key(tracking_number),
        comparison_key(carrier),
    )


async def write_number(
    session: Session,
    fulfillment_id: UUID,
    carrier: str | None,
    tracking_number: str | None,
    now: datetime,
) -> None:
    """Write the number of a bought label to a fulfillment that has not shipped; None: no more."""
    await session.execute(
        "UPDATE fulfillment SET carrier = $2, tracking_number = $3, carrier_key = $4,"
        f" tracking_number_key = $5, {changed_at('$6')} WHERE id = $1 AND shipped_at IS NULL",
        fulfillment_id,
        carrier,
        tracking_number,
        key_of(carrier),
        key_of(tracking_number),
        now,
    )


async def write_costs(session: Session, rows: Sequence[tuple[UUID, int]]) -> None:
    """Write (line id, cost in minor units) of shipped lines, all of whose units were packed."""
    await session.execute_many(
        "UPDATE fulfillment_line SET cost_minor = $2, picked = quantity, packed = quantity"
        " WHERE id = $1",
        rows,
    )
