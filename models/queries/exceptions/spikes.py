"""Units of items that customers ask back, for RETURN_SPIKE."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.returns.spikes import HISTORY, SHIPPED_WITHIN, UNITS_MIN, WEEK, AskedUnits
from models.database.rows import Total
from models.database.sessions import Session


class AskedRow(TypedDict):
    """Units of an item that were asked back within a week."""

    item_id: int
    units: Total


async def asked_often(session: Session, now: datetime) -> dict[int, int]:
    """Items of which at least UNITS_MIN units were asked back within a week, and the units."""
    rows = await session.rows(
        AskedRow,
        # The sum keeps SQLite from reading the whole index of items in their order.
        "SELECT i.item_id + 0 AS item_id, SUM(i.quantity) AS units FROM return_item i"
        " WHERE i.return_id = ANY(ARRAY(SELECT r.id FROM customer_return r"
        " WHERE r.requested_at > $1)) AND i.order_line_id IS NOT NULL"
        f" GROUP BY 1 HAVING SUM(i.quantity) >= {UNITS_MIN} ORDER BY 1",
        now - WEEK,
    )
    return {row["item_id"]: int(row["units"]) for row in rows}


class _AskedBackRow(TypedDict):
    asked: Total
    asked_before: Total


class _ShippedRow(TypedDict):
    shipped_before: Total
    shipped_lately: Total


async def units_of(session: Session, item_id: int, now: datetime) -> AskedUnits:
    """Units of an item: asked back in the week, and asked back and shipped before."""
    week = now - WEEK
    asked = await session.row(
        _AskedBackRow,
        "SELECT COALESCE(SUM(CASE WHEN r.requested_at > $2 THEN i.quantity END), 0) AS asked,"
        " COALESCE(SUM(CASE WHEN r.requested_at <= $2 THEN i.quantity END), 0) AS asked_before"
        " FROM return_item i JOIN customer_return r ON r.id = i.return_id"
        " WHERE i.item_id = $1 AND r.requested_at > $3 AND i.order_line_id IS NOT NULL",
        item_id,
        week,
        week - HISTORY,
    )
    shipped = await session.row(
        _ShippedRow,
        "SELECT COALESCE(SUM(CASE WHEN f.shipped_at <= $2 THEN l.quantity END), 0)"
        " AS shipped_before,"
        " COALESCE(SUM(CASE WHEN f.shipped_at > $4 THEN l.quantity END), 0) AS shipped_lately"
        " FROM fulfillment_line l JOIN fulfillment f ON f.id = l.fulfillment_id"
        " WHERE l.item_id = $1 AND f.shipped_at > $3",
        item_id,
        week,
        week - HISTORY,
        now - SHIPPED_WITHIN,
    )
    assert asked is not None
    assert shipped is not None
    return AskedUnits(
        int(asked["asked"]),
        int(asked["asked_before"]),
        int(shipped["shipped_before"]),
        int(shipped["shipped_lately"]),
    )


async def sku_of(session: Session, item_id: int) -> str:
    """The SKU of an item."""
    found = await session.value(str, "SELECT sku FROM item WHERE id = $1", item_id)
    assert found is not None
    return found
