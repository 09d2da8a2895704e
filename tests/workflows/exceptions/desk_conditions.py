"""Conditions of the kinds of exceptions, in SQL of their own, beside what the desk shows.

Written from docs/exceptions.md, not from the queries of the sweep. `HOLDS` has the subjects whose
condition holds, so that an open exception is right. `DUE` has those for which the clock must have
opened one at the instant `$1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from models.database.database import Database
from tests.builders.transactions import rows

_UNSHIPPED = "status IN ('OPEN', 'ALLOCATED', 'PARTIALLY_SHIPPED', 'BACKORDERED')"
_BACKORDERED = "SELECT order_id FROM order_line WHERE backordered > 0"
_ON_ITS_WAY = (
    "f.status = 'SHIPPED' AND NOT EXISTS (SELECT 1 FROM carrier_event e"
    " WHERE e.tracking_number_key = f.tracking_number_key AND e.status = 'RETURNED_TO_SENDER')"
)
_IN_TRANSIT = "SELECT l.transfer_id FROM transfer_line l WHERE l.in_transit > 0"

HOLDS: Mapping[str, str] = {
    "OVERSOLD": f"SELECT order_id AS subject FROM ({_BACKORDERED}) b",
    "SHORT_PICK": f"SELECT id AS subject FROM fulfillment WHERE order_id IN ({_BACKORDERED})",
    "COUNT_VARIANCE": "SELECT id AS subject FROM stock_level WHERE missing > 0 OR id IN (SELECT"
    " level_id FROM stock_count_line WHERE status NOT IN ('POSTED', 'CANCELLED'))",
    "ORDER_LATE": f"SELECT id AS subject FROM sales_order WHERE {_UNSHIPPED}",
    "CARRIER_DELAY": f"SELECT f.id AS subject FROM fulfillment f WHERE {_ON_ITS_WAY}",
    "PARCEL_LOST": "SELECT id AS subject FROM fulfillment WHERE status = 'LOST'",
    "HOLD_OVERDUE": "SELECT id AS subject FROM fulfillment_hold WHERE released_at IS NULL",
    "PUTAWAY_OVERDUE": "SELECT id AS subject FROM stock_level"
    " WHERE available + held + allocated - picked > binned",
    "RETURN_OVERDUE": "SELECT id AS subject FROM customer_return"
    " WHERE status IN ('AUTHORIZED', 'IN_TRANSIT')",
    "INSPECTION_OVERDUE": "SELECT return_id AS subject FROM return_item WHERE state = 'RECEIVED'",
    "TRANSFER_OVERDUE": f"SELECT transfer_id AS subject FROM ({_IN_TRANSIT}) t",
    "TRANSFER_DISCREPANCY": "SELECT t.id AS subject FROM transfer t WHERE t.status <> 'CLOSED'"
    " OR EXISTS (SELECT 1 FROM transfer_line l JOIN stock_level s ON s.item_id = l.item_id"
    "  AND s.location_id IN (t.origin_id, t.destination_id)"
    "  WHERE l.transfer_id = t.id AND l.extra > 0 AND s.missing > 0)",
}

# Instants since which a subject is due: a column, and the time after it.
DUE: Mapping[str, tuple[tuple[str, timedelta], ...]] = {
    "ORDER_LATE": (
        (
            "SELECT id AS subject FROM sales_order WHERE ship_by_at <= $1 AND " + _UNSHIPPED,
            timedelta(0),
        ),
        (
            "SELECT id AS subject FROM sales_order WHERE ship_by_at IS NULL AND placed_at <= $1"
            " AND " + _UNSHIPPED,
            timedelta(days=2),
        ),
    ),
    "CARRIER_DELAY": (
        (
            "SELECT f.id AS subject FROM fulfillment f JOIN sales_order o ON o.id = f.order_id"
            f" WHERE o.deliver_by_at <= $1 AND {_ON_ITS_WAY}",
            timedelta(days=1),
        ),
        (
            f"SELECT f.id AS subject FROM fulfillment f WHERE f.shipped_at <= $1 AND {_ON_ITS_WAY}"
            " AND NOT EXISTS (SELECT 1 FROM carrier_event e"
            "  WHERE e.tracking_number_key = f.tracking_number_key AND e.occurred_at > $1)",
            timedelta(days=3),
        ),
    ),
    "HOLD_OVERDUE": (
        (
            "SELECT id AS subject FROM fulfillment_hold WHERE released_at IS NULL"
            " AND until_at IS NULL AND placed_at <= $1",
            timedelta(days=1),
        ),
    ),
    "PUTAWAY_OVERDUE": (
        (
            "SELECT s.id AS subject FROM stock_level s JOIN task t"
            " ON t.subject_key = CAST(s.id AS text) AND t.queue = 'PUTAWAY'"
            " WHERE s.available + s.held + s.allocated - s.picked > s.binned"
            " AND t.status IN ('OPEN', 'CLAIMED') AND t.created_at <= $1",
            timedelta(hours=8),
        ),
    ),
    "RETURN_OVERDUE": (
        (
            "SELECT id AS subject FROM customer_return"
            " WHERE status IN ('AUTHORIZED', 'IN_TRANSIT') AND expected_by_at <= $1",
            timedelta(0),
        ),
    ),
    "INSPECTION_OVERDUE": (
        (
            "SELECT return_id AS subject FROM return_item"
            " WHERE state = 'RECEIVED' AND received_at <= $1",
            timedelta(days=2),
        ),
    ),
    "TRANSFER_OVERDUE": (
        (
            "SELECT id AS subject FROM transfer WHERE expected_by_at <= $1"
            f" AND id IN ({_IN_TRANSIT})",
            timedelta(0),
        ),
    ),
}


async def holding(database: Database, kind: str) -> set[str]:
    """Keys of the subjects for which the condition of a kind holds."""
    return {str(row["subject"]) for row in await rows(database, HOLDS[kind])}


async def due(database: Database, kind: str, now: datetime) -> set[str]:
    """Keys of the subjects about which the clock must have opened an exception."""
    found = [await rows(database, sql, now - delay) for sql, delay in DUE.get(kind, ())]
    return {str(row["subject"]) for part in found for row in part}
