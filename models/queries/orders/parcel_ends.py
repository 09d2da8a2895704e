"""Both ends of a parcel, as its carrier needs them, and its contents."""

from __future__ import annotations

from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session
from models.orders import OrderAddressRow


class LocationEndRow(TypedDict):
    """The location at one end of a parcel's way."""

    code: str
    name: str
    country_code: str | None


async def location_end(session: Session, location_id: int) -> LocationEndRow | None:
    """The location at one end of a parcel's way."""
    return await session.row(
        LocationEndRow, "SELECT code, name, country_code FROM location WHERE id = $1", location_id
    )


async def customer_end(session: Session, order_id: UUID) -> OrderAddressRow | None:
    """The address of an order's customer; None if it has none or it was erased."""
    return await session.row(
        OrderAddressRow,
        "SELECT id, order_id, country_code, postal_code, region, city, lines, name, phone, email"
        " FROM order_address WHERE order_id = $1",
        order_id,
    )


async def units_of_fulfillment(session: Session, fulfillment_id: UUID) -> int:
    """The number of units in a fulfillment."""
    units = await session.value(
        int,
        "SELECT CAST(COALESCE(SUM(quantity), 0) AS bigint) AS units FROM fulfillment_line"
        " WHERE fulfillment_id = $1",
        fulfillment_id,
    )
    return units or 0


async def units_of_return(session: Session, return_id: UUID) -> int:
    """The number of units in a return that are on their way."""
    units = await session.value(
        int,
        "SELECT CAST(COALESCE(SUM(quantity), 0) AS bigint) AS units FROM return_item"
        " WHERE return_id = $1 AND state = 'EXPECTED'",
        return_id,
    )
    return units or 0


async def units_of_transfer(session: Session, transfer_id: UUID) -> int:
    """The number of units that a transfer was requested with."""
    units = await session.value(
        int,
        "SELECT CAST(COALESCE(SUM(requested), 0) AS bigint) AS units FROM transfer_line"
        " WHERE transfer_id = $1",
        transfer_id,
    )
    return units or 0
