"""Figures of the warehouse floor in a window: parcels, touches, promises, short units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from domain.metrics import Interval
from models.database.rows import Total
from models.database.sessions import Session
from models.queries.listing.scopes import Scope
from models.queries.listing.visibility import FULFILLMENT, STOCK_MOVEMENT, TASK
from models.queries.metrics.windows import medians, one_of, seconds_between, within


class ShippedParcelsRow(TypedDict):
    """Parcels that were shipped: their orders, those with a promise, and those on time."""

    parcels: int
    orders: int
    promised: Total | None
    on_time: Total | None


def _at(location_ids: Sequence[int] | None, column: str, values: list[object]) -> str:
    return one_of(column, "bigint", location_ids, values)


async def shipped(
    session: Session, scope: Scope, window: Interval, location_ids: Sequence[int] | None
) -> ShippedParcelsRow:
    """Parcels shipped in a window."""
    values: list[object] = [window.start, window.end]
    of = _at(location_ids, "f.location_id", values) + within(FULFILLMENT, scope, values)
    row = await session.row(
        ShippedParcelsRow,
        "SELECT COUNT(*) AS parcels, COUNT(DISTINCT f.order_id) AS orders,"
        " SUM(CASE WHEN o.ship_by_at IS NOT NULL THEN 1 ELSE 0 END) AS promised,"
        " SUM(CASE WHEN f.shipped_at <= o.ship_by_at THEN 1 ELSE 0 END) AS on_time"
        " FROM fulfillment f JOIN sales_order o ON o.id = f.order_id"
        f" WHERE f.shipped_at >= $1 AND f.shipped_at < $2{of}",
        *values,
    )
    assert row is not None
    return row


_TOUCHED = "t.subject_type IN ('Fulfillment', 'Return', 'ReturnItem')"


async def touches(
    session: Session, scope: Scope, window: Interval, location_ids: Sequence[int] | None
) -> int:
    """Tasks of parcels and returns that were done in a window, and claims of them that lapsed."""
    values: list[object] = [window.start, window.end]
    of = _at(location_ids, "t.location_id", values) + within(TASK, scope, values)
    found = await session.value(
        int,
        "SELECT (SELECT COUNT(*) FROM task t WHERE t.status = 'DONE'"
        f" AND t.ended_at >= $1 AND t.ended_at < $2 AND {_TOUCHED}{of})"
        " + (SELECT COUNT(*) FROM task_lapse p JOIN task t ON t.id = p.task_id"
        f" WHERE p.lapsed_at >= $1 AND p.lapsed_at < $2 AND {_TOUCHED}{of}) AS touches",
        *values,
    )
    return found or 0


async def picked(
    session: Session, scope: Scope, window: Interval, location_ids: Sequence[int] | None
) -> int:
    """Units of fulfillments at the end of their PICK tasks, which were done in a window."""
    values: list[object] = [window.start, window.end]
    of = _at(location_ids, "t.location_id", values) + within(TASK, scope, values)
    found = await session.value(
        int,
        "SELECT CAST(COALESCE(SUM(t.units), 0) AS bigint) AS units FROM task t"
        " WHERE t.status = 'DONE' AND t.ended_at >= $1 AND t.ended_at < $2"
        f" AND t.queue = 'PICK'{of}",
        *values,
    )
    return found or 0


async def short(
    session: Session, scope: Scope, window: Interval, location_ids: Sequence[int] | None
) -> int:
    """Units of orders that pickers did not find in a window; `picked` has no transfers either."""
    values: list[object] = [window.start, window.end]
    of = _at(location_ids, "m.location_id", values) + within(STOCK_MOVEMENT, scope, values)
    found = await session.value(
        int,
        "SELECT CAST(COALESCE(SUM(m.quantity), 0) AS bigint) AS units FROM stock_movement m"
        " WHERE m.from_state = 'ALLOCATED' AND m.to_state = 'QUARANTINE'"
        " AND m.reference LIKE 'Order:%'"
        f" AND m.occurred_at >= $1 AND m.occurred_at < $2{of}",
        *values,
    )
    return found or 0


class PutAwayRow(TypedDict):
    """PUTAWAY tasks that were done, and the median time since their units came."""

    rows: int | None
    median: int | None


async def put_away(
    session: Session, scope: Scope, window: Interval, location_ids: Sequence[int] | None
) -> PutAwayRow | None:
    """Times from the receipt of units to their put-away in a window; None: nothing was put away.

    A PUTAWAY task begins with the first unbinned unit of a level and ends with the last.
    """
    values: list[object] = [window.start, window.end]
    of = _at(location_ids, "t.location_id", values) + within(TASK, scope, values)
    seconds = seconds_between(session.engine, "t.created_at", "t.ended_at")
    source = (
        "task t WHERE t.status = 'DONE' AND t.ended_at >= $1 AND t.ended_at < $2"
        f" AND t.queue = 'PUTAWAY'{of}"
    )
    row = await session.row(PutAwayRow, medians(seconds, (), source), *values)
    return None if row is None or row["rows"] is None else row


class ScannedRow(TypedDict):
    """Scans of picking and packing, and those that were refused."""

    scans: Total | None
    refused: Total | None


async def scanned(
    session: Session, scope: Scope, window: Interval, location_ids: Sequence[int] | None
) -> ScannedRow:
    """Scans in a window. They belong to a location and to no channel."""
    values: list[object] = [window.start, window.end]
    of = _at(location_ids, "c.location_id", values)
    of += _at(scope.location_ids, "c.location_id", values)
    row = await session.row(
        ScannedRow,
        "SELECT SUM(c.scans) AS scans, SUM(c.refused) AS refused FROM scan_call c"
        f" WHERE c.scanned_at >= $1 AND c.scanned_at < $2{of}",
        *values,
    )
    assert row is not None
    return row
