"""Invariants of parcels: their holds, and after the shipment their times and write-offs."""

from __future__ import annotations

from typing import Final

from models.queries.proofs.proof import Proof

# A parcel is delivered or lost after it was shipped, and shipped after its order was placed.
_TIMES_IN_ORDER = """
SELECT number || ' ' || tracking_number AS place, expected, found FROM (
  SELECT o.number, f.tracking_number,
    'placed ' || CAST(o.placed_at AS text) || ', then shipped ' || CAST(f.shipped_at AS text)
      || ', then its end' AS expected,
    f.status || ' ' || COALESCE(CAST(COALESCE(f.lost_at, f.delivered_at) AS text), 'without a time')
      AS found
  FROM fulfillment f JOIN sales_order o ON o.id = f.order_id
  WHERE f.status IN ('SHIPPED', 'DELIVERED', 'LOST') AND (
    f.shipped_at < o.placed_at
    OR f.delivered_at < f.shipped_at OR f.lost_at < f.shipped_at
    OR (f.status = 'DELIVERED') <> (f.delivered_at IS NOT NULL)
    OR (f.status = 'LOST') <> (f.lost_at IS NOT NULL))) AS parcels
"""

# What an order has written off is the cost of its parcels that are lost now.
_WRITTEN_OFF_IS_LOST = """
SELECT (SELECT o.number FROM sales_order o WHERE o.id = order_id) AS place,
  CAST(SUM(lost) AS text) AS expected, CAST(SUM(written_off) AS text) AS found
FROM (
  SELECT f.order_id, COALESCE(l.cost_minor, 0) AS lost, 0 AS written_off
  FROM fulfillment f JOIN fulfillment_line l ON l.fulfillment_id = f.id WHERE f.status = 'LOST'
  UNION ALL
  SELECT o.id, 0, l.debit_minor - l.credit_minor FROM journal_line l
  JOIN journal_entry e ON e.id = l.entry_id JOIN sales_order o ON o.number = e.reference
  WHERE l.account = 'write_offs') AS sides
GROUP BY order_id HAVING SUM(lost) <> SUM(written_off)
"""

# A report of the carrier had its effect on the parcel. Reports about a parcel that was on its way
# back to its sender concern its return.
_FOLLOWS_ITS_CARRIER = """
SELECT o.number || ' ' || c.tracking_number AS place, c.status AS expected, f.status AS found
FROM carrier_event c JOIN fulfillment f ON f.id = c.fulfillment_id
JOIN sales_order o ON o.id = f.order_id
WHERE f.shipped_at IS NOT NULL AND (c.status = 'DELIVERED' AND f.status <> 'DELIVERED'
    OR c.status = 'LOST' AND f.status NOT IN ('LOST', 'DELIVERED'))
  AND NOT EXISTS (SELECT 1 FROM carrier_event b
    WHERE b.fulfillment_id = f.id AND b.status = 'RETURNED_TO_SENDER')
"""

# The fulfillments of an order are numbered from 1 without gaps. A unique index keeps them apart.
_NUMBERED = """
SELECT (SELECT o.number FROM sales_order o WHERE o.id = order_id) AS place,
  'numbers from 1' AS expected, number AS found
FROM (
  SELECT order_id, number FROM fulfillment
  EXCEPT
  SELECT f.order_id, o.number || '-'
    || CAST(ROW_NUMBER() OVER (PARTITION BY f.order_id ORDER BY f.id) AS text)
  FROM fulfillment f JOIN sales_order o ON o.id = f.order_id) AS wrong
"""

# Picked units of a level: those of its row, and those that scans have recorded since.
_PICKED = """
SELECT COALESCE((SELECT i.sku FROM item i WHERE i.id = item_id), '') || ' @ '
  || COALESCE((SELECT p.code FROM location p WHERE p.id = location_id), '') AS place,
  CAST(SUM(lines) AS text) AS expected, CAST(SUM(found) AS text) AS found
FROM (
  SELECT l.item_id, f.location_id, l.picked AS lines, 0 AS found FROM fulfillment f
  JOIN fulfillment_line l ON l.fulfillment_id = f.id
  WHERE f.status IN ('ON_HOLD', 'OPEN', 'PICKED', 'PACKED') AND l.picked > 0
  UNION ALL SELECT item_id, location_id, 0, picked FROM stock_level WHERE picked <> 0
  UNION ALL SELECT item_id, location_id, 0, units FROM unbooked_pick) AS sides
GROUP BY item_id, location_id HAVING SUM(lines) <> SUM(found)
"""

# All units of a PICKED parcel are picked, and those of a PACKED one are packed.
_STEPS_ARE_WHOLE = """
SELECT f.number AS place, f.status || ' with ' || CAST(l.quantity AS text) AS expected,
  CAST(l.picked AS text) || ' picked, ' || CAST(l.packed AS text) || ' packed' AS found
FROM fulfillment f JOIN fulfillment_line l ON l.fulfillment_id = f.id
WHERE (f.status IN ('PICKED', 'PACKED', 'SHIPPED', 'DELIVERED', 'LOST') AND l.picked < l.quantity)
  OR (f.status IN ('PACKED', 'SHIPPED', 'DELIVERED', 'LOST') AND l.packed < l.quantity)
  OR (f.status IN ('ON_HOLD', 'OPEN') AND l.packed > 0)
"""

_ON_HOLD_IS_HELD = """
SELECT (SELECT o.number FROM sales_order o WHERE o.id = order_id) || ' fulfillment '
    || CAST(id AS text) AS place,
  CASE WHEN is_held THEN 'ON_HOLD' ELSE 'OPEN' END AS expected, status AS found
FROM (
  SELECT f.id, f.order_id, f.status, EXISTS (
    SELECT 1 FROM fulfillment_hold h WHERE h.order_id = f.order_id AND h.released_at IS NULL
      AND (h.fulfillment_id IS NULL OR h.fulfillment_id = f.id)) AS is_held
  FROM fulfillment f WHERE f.status IN ('ON_HOLD', 'OPEN')) AS waiting
WHERE (status = 'ON_HOLD') <> is_held
"""

# A hold ends with the last unit that it holds; until then no step of its fulfillments is possible.
_HOLDS_HOLD_UNITS = """
SELECT (SELECT o.number FROM sales_order o WHERE o.id = h.order_id) || ' hold '
    || CAST(h.id AS text) AS place,
  'units that have not shipped' AS expected, 'none' AS found
FROM fulfillment_hold h WHERE h.released_at IS NULL AND CASE
  WHEN h.fulfillment_id IS NULL THEN NOT EXISTS (
    SELECT 1 FROM order_line l WHERE l.order_id = h.order_id
      AND l.backordered + l.allocated + l.picked + l.packed > 0)
  ELSE NOT EXISTS (
    SELECT 1 FROM fulfillment f WHERE f.id = h.fulfillment_id AND f.order_id = h.order_id
      AND f.status IN ('ON_HOLD', 'OPEN', 'PICKED', 'PACKED')) END
"""

# A count that takes units of a held fulfillment lets the hold go on: for the fulfillments with the
# units that replace them, or for the whole order. The copies have the hold's time and placer. A
# playbook holds new parcels by itself.
_HOLDS_GO_ON = """
SELECT (SELECT o.number FROM sales_order o WHERE o.id = h.order_id) || ' hold '
    || CAST(h.id AS text) AS place,
  'a hold of the units that replaced those of the fulfillment' AS expected, 'none' AS found
FROM audit_entry a JOIN fulfillment_hold h ON h.released_at = a.recorded_at
  AND 'Order:' || CAST(h.order_id AS text) = a.subject
WHERE a.action = 'order.uncovered' AND h.fulfillment_id IS NOT NULL AND h.run_id IS NULL
  AND NOT EXISTS (
  SELECT 1 FROM fulfillment_hold c WHERE c.order_id = h.order_id AND c.id <> h.id
    AND c.reason = h.reason AND c.placed_by = h.placed_by AND c.placed_at = h.placed_at)
"""

PROOFS: Final = (
    Proof("picked = units off the shelf of unshipped parcels", _PICKED),
    Proof("parcels are picked and packed in full", _STEPS_ARE_WHOLE),
    Proof("parcels of an order are numbered from 1", _NUMBERED),
    Proof("parcels follow the reports of their carriers", _FOLLOWS_ITS_CARRIER),
    Proof("times of parcels are in order", _TIMES_IN_ORDER),
    Proof("write-offs of an order = its lost parcels", _WRITTEN_OFF_IS_LOST),
    Proof("ON_HOLD = open fulfillments under a hold", _ON_HOLD_IS_HELD),
    Proof("live holds have units to hold", _HOLDS_HOLD_UNITS),
    Proof("holds go on with the units that replace counted ones", _HOLDS_GO_ON),
)
