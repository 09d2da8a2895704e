"""Invariants of the books, checked by SQL that is independent of the reconciliation."""

from __future__ import annotations

from models.database.database import Database

_LEVELS = """
SELECT s.id FROM stock_level s LEFT JOIN (
  SELECT item_id, location_id,
    SUM(CASE WHEN to_state = 'AVAILABLE' THEN quantity ELSE 0 END)
      - SUM(CASE WHEN from_state = 'AVAILABLE' THEN quantity ELSE 0 END) AS available,
    SUM(CASE WHEN to_state = 'HELD' THEN quantity ELSE 0 END)
      - SUM(CASE WHEN from_state = 'HELD' THEN quantity ELSE 0 END) AS held,
    SUM(CASE WHEN to_state = 'ALLOCATED' THEN quantity ELSE 0 END)
      - SUM(CASE WHEN from_state = 'ALLOCATED' THEN quantity ELSE 0 END) AS allocated,
    SUM(CASE WHEN to_state = 'QUARANTINE' THEN quantity ELSE 0 END)
      - SUM(CASE WHEN from_state = 'QUARANTINE' THEN quantity ELSE 0 END) AS quarantine
  FROM stock_movement GROUP BY item_id, location_id
) m ON m.item_id = s.item_id AND m.location_id = s.location_id
WHERE s.available <> COALESCE(m.available, 0) OR s.held <> COALESCE(m.held, 0)
  OR s.allocated <> COALESCE(m.allocated, 0) OR s.quarantine <> COALESCE(m.quarantine, 0)
  OR s.available < 0 OR s.held < 0 OR s.allocated < 0 OR s.quarantine < 0
"""
_HELD = """
SELECT s.id FROM stock_level s WHERE s.held <> COALESCE((
  SELECT SUM(l.quantity) FROM reservation_line l JOIN reservation r ON r.id = l.reservation_id
  WHERE r.status = 'HELD' AND l.item_id = s.item_id AND l.location_id = s.location_id), 0)
"""
_ALLOCATED = """
SELECT s.id FROM stock_level s WHERE s.allocated <> COALESCE((
  SELECT SUM(l.quantity) FROM fulfillment_line l JOIN fulfillment f ON f.id = l.fulfillment_id
  WHERE f.status IN ('ON_HOLD', 'OPEN', 'PICKED', 'PACKED')
    AND l.item_id = s.item_id AND f.location_id = s.location_id), 0)
  + COALESCE((SELECT SUM(l.requested) FROM transfer_line l JOIN transfer t ON t.id = l.transfer_id
  WHERE t.status = 'REQUESTED' AND l.item_id = s.item_id AND t.origin_id = s.location_id), 0)
"""
_BINS = """
SELECT s.id FROM stock_level s LEFT JOIN (
  SELECT level_id, SUM(quantity) AS units FROM bin_stock GROUP BY level_id
) b ON b.level_id = s.id
WHERE s.binned <> COALESCE(b.units, 0) OR s.binned > s.available + s.held + s.allocated - s.picked
"""
_NEGATIVE = """
SELECT s.id FROM stock_level s WHERE s.quality_control < 0 OR s.refurbishing < 0 OR s.damaged < 0
  OR s.picked < 0 OR s.binned < 0 OR s.missing < 0 OR s.incoming < 0 OR s.missing > s.quarantine
  OR s.picked > s.allocated
"""
_PICKED = """
SELECT s.id FROM stock_level s WHERE s.picked + COALESCE((
  SELECT SUM(u.units) FROM unbooked_pick u
  WHERE u.item_id = s.item_id AND u.location_id = s.location_id), 0)
  <> COALESCE((SELECT SUM(l.picked) FROM fulfillment_line l JOIN fulfillment f
  ON f.id = l.fulfillment_id WHERE f.status IN ('ON_HOLD', 'OPEN', 'PICKED', 'PACKED')
  AND l.item_id = s.item_id AND f.location_id = s.location_id), 0)
"""
_INCOMING = """
SELECT s.id FROM stock_level s WHERE s.incoming < COALESCE((
  SELECT SUM(l.in_transit) FROM transfer_line l JOIN transfer t ON t.id = l.transfer_id
  WHERE l.item_id = s.item_id AND t.destination_id = s.location_id), 0)
"""
_ON_HOLD = """
SELECT f.id FROM fulfillment f WHERE f.status IN ('OPEN', 'ON_HOLD')
  AND (f.status = 'ON_HOLD') <> ((SELECT COUNT(*) FROM fulfillment_hold h
    WHERE h.order_id = f.order_id AND h.released_by IS NULL
      AND COALESCE(h.fulfillment_id, f.id) = f.id) > 0)
"""
_TRIAL = """
SELECT currency FROM journal_line GROUP BY currency
HAVING SUM(debit_minor) <> SUM(credit_minor)
"""
_INVENTORY = """
SELECT 1 AS differs WHERE
  COALESCE((SELECT SUM(debit_minor) - SUM(credit_minor) FROM journal_line
            WHERE account = 'inventory'), 0)
  <> COALESCE((SELECT SUM(value_minor) FROM item_cost), 0)
"""
_DEPOSITS = """
SELECT 1 AS differs WHERE
  COALESCE((SELECT SUM(credit_minor) - SUM(debit_minor) FROM journal_line
            WHERE account = 'customer_deposits'), 0)
  <> COALESCE((SELECT SUM(deposit_minor) FROM sales_order), 0)
"""
CHECKS = {
    "a level differs from its movements or is negative": _LEVELS,
    "HELD differs from the lines of unreleased holds": _HELD,
    "ALLOCATED differs from the lines of open fulfillments": _ALLOCATED,
    "bins differ from their level or exceed its shelf": _BINS,
    "a column of a level is negative or too large": _NEGATIVE,
    "picked units differ from those of open fulfillments": _PICKED,
    "incoming units are fewer than those in transit": _INCOMING,
    "ON_HOLD differs from OPEN under a live hold": _ON_HOLD,
    "debits and credits differ": _TRIAL,
    "the inventory account differs from the items' values": _INVENTORY,
    "the deposits account differs from the orders' deposits": _DEPOSITS,
}


async def faults(database: Database) -> list[str]:
    """Names of the checks that find a violation."""
    async with database.snapshot() as session:
        return [name for name, sql in CHECKS.items() if await session.fetch(sql)]
