"""Invariants of returns: units, their cost, and their end."""

from __future__ import annotations

_HERE = """
  SELECT t.item_id, t.location_id, t.stock_state, t.quantity, t.cost_minor AS value_minor
  FROM return_item t WHERE t.stock_state IS NOT NULL
  UNION ALL SELECT u.item_id, p.location_id, 'QUARANTINE', u.quantity, u.value_minor
  FROM unidentified_unit u JOIN unidentified_parcel p ON p.id = u.parcel_id WHERE u.quantity > 0
"""

# Units that belong to returns and parcels are in the stock state that these record.
UNITS_ARE_THERE = f"""
SELECT i.sku || ' @ ' || l.code || ' ' || h.stock_state AS place,
  'at least ' || CAST(h.units AS text) AS expected,
  CAST(COALESCE(h.held, 0) AS text) AS found
FROM (
  SELECT b.item_id, b.location_id, b.stock_state, b.units,
    (SELECT CASE b.stock_state WHEN 'QUALITY_CONTROL' THEN s.quality_control
       WHEN 'QUARANTINE' THEN s.quarantine ELSE s.refurbishing END
     FROM stock_level s WHERE s.item_id = b.item_id AND s.location_id = b.location_id) AS held
  FROM (SELECT item_id, location_id, stock_state, SUM(quantity) AS units FROM ({_HERE}) AS here
    GROUP BY item_id, location_id, stock_state) AS b) AS h
JOIN item i ON i.id = h.item_id JOIN location l ON l.id = h.location_id
WHERE h.units > COALESCE(h.held, 0)
"""

# Their own cost equals the `returned_…` part of the item's cost pool.
COST_IS_THEIRS = f"""
SELECT (SELECT i.sku FROM item i WHERE i.id = item_id) AS place,
  CAST(SUM(units) AS text) || ' units worth ' || CAST(SUM(value_minor) AS text) AS expected,
  CAST(SUM(known) AS text) || ' units worth ' || CAST(SUM(known_minor) AS text) AS found
FROM (
  SELECT item_id, quantity AS units, value_minor, 0 AS known, 0 AS known_minor
  FROM ({_HERE}) AS here
  UNION ALL SELECT item_id, 0, 0, returned_quantity, returned_value_minor FROM item_cost) AS sides
GROUP BY item_id HAVING SUM(units) <> SUM(known) OR SUM(value_minor) <> SUM(known_minor)
"""

_LINE = (
    "(SELECT o.number FROM sales_order o WHERE o.id = order_id) || ' line ' ||"
    " CAST(line_no AS text)"
)

# All returns of a line together claim at most the shipped units.
LINES_BEAR_RETURNS = f"""
SELECT {_LINE} AS place, 'at most ' || CAST(sent AS text) AS expected,
  CAST(claimed AS text) AS found
FROM (
  SELECT l.order_id, l.line_no, l.shipped + l.delivered + l.lost AS sent, (
    SELECT COALESCE(SUM(t.quantity), 0) FROM return_item t
    JOIN customer_return r ON r.id = t.return_id
    WHERE t.order_line_id = l.id AND t.state <> 'MISSING'
      AND r.status NOT IN ('DECLINED', 'CANCELLED', 'EXPIRED')) AS claimed
  FROM order_line l WHERE l.id IN (SELECT order_line_id FROM return_item)) AS lines
WHERE claimed > sent
"""

# Units return at the cost at which they shipped: together never at more.
COST_CAME_BACK = f"""
SELECT {_LINE} AS place, 'at most ' || CAST(spent AS text) AS expected,
  CAST(back AS text) AS found
FROM (
  SELECT l.order_id, l.line_no,
    (SELECT COALESCE(SUM(f.cost_minor), 0) FROM fulfillment_line f
     WHERE f.order_line_id = l.id) AS spent,
    (SELECT COALESCE(SUM(t.cost_minor), 0) FROM return_item t WHERE t.order_line_id = l.id) AS back
  FROM order_line l WHERE l.id IN (SELECT order_line_id FROM return_item)) AS lines
WHERE back > spent
"""

# Units that came back after the loss of other parcels was recorded: their cost is that of parcels
# that are not lost, unless lost units came back as well.
LOST_COST_STAYED_AWAY = f"""
SELECT {_LINE} AS place, 'at most ' || CAST(kept_minor AS text) AS expected,
  CAST(back_minor AS text) AS found
FROM (
  SELECT l.order_id, l.line_no, s.kept, s.kept_minor, b.back, b.back_minor
  FROM (
    SELECT n.order_line_id,
      SUM(CASE WHEN f.status <> 'LOST' THEN n.quantity ELSE 0 END) AS kept,
      SUM(CASE WHEN f.status <> 'LOST' THEN n.cost_minor ELSE 0 END) AS kept_minor,
      MAX((SELECT MAX(c.recorded_at) FROM carrier_event c WHERE c.status = 'LOST'
        AND c.carrier_key = f.carrier_key
        AND c.tracking_number_key = f.tracking_number_key)) AS known_at
    FROM fulfillment_line n JOIN fulfillment f ON f.id = n.fulfillment_id
    WHERE n.cost_minor IS NOT NULL AND n.order_line_id IN (
      SELECT m.order_line_id FROM fulfillment g JOIN fulfillment_line m ON m.fulfillment_id = g.id
      WHERE g.lost_at IS NOT NULL)
    GROUP BY n.order_line_id) AS s
  JOIN (SELECT t.order_line_id, SUM(t.quantity) AS back, SUM(t.cost_minor) AS back_minor,
      MIN(t.received_at) AS received_at
    FROM return_item t WHERE t.cost_minor IS NOT NULL GROUP BY t.order_line_id
  ) AS b ON b.order_line_id = s.order_line_id
  JOIN order_line l ON l.id = s.order_line_id
  WHERE b.received_at > s.known_at) AS lines
WHERE back <= kept AND back_minor > kept_minor
"""

# A RECEIVED return expects no more units; all units of a CLOSED return are finished.
STATUS_FOLLOWS_UNITS = """
SELECT r.rma_number AS place, r.status AS expected,
  CAST(t.quantity AS text) || ' units ' || t.state AS found
FROM return_item t JOIN customer_return r ON r.id = t.return_id
WHERE (r.status = 'RECEIVED' AND t.state = 'EXPECTED')
  OR (r.status = 'CLOSED' AND t.state NOT IN ('DISPOSED', 'MISSING'))
  OR (r.status NOT IN ('PARTIALLY_RECEIVED', 'RECEIVED', 'CLOSED') AND t.state <> 'EXPECTED')
"""

# A return is closed in the same transaction that finishes its last unit or refund.
NONE_LEFT_OPEN = """
SELECT r.rma_number AS place, 'CLOSED' AS expected, r.status AS found
FROM customer_return r WHERE r.status = 'RECEIVED'
  AND NOT EXISTS (SELECT 1 FROM return_item t
    WHERE t.return_id = r.id AND t.state NOT IN ('DISPOSED', 'MISSING'))
  AND NOT EXISTS (SELECT 1 FROM refund f WHERE f.return_id = r.id
    AND f.status NOT IN ('SUCCEEDED', 'REJECTED', 'REVERSED', 'CANCELLED'))
"""

# Each executed disposition has one movement of as many units of the same item.
STEPS_ARE_MOVEMENTS = """
SELECT r.rma_number || ' ' || s.disposition AS place,
  CAST(s.quantity AS text) || ' units' AS expected,
  CAST(m.quantity AS text) || ' units of item ' || CAST(m.item_id AS text) AS found
FROM disposition_step s JOIN stock_movement m ON m.id = s.movement_id
JOIN return_item t ON t.id = s.return_item_id JOIN customer_return r ON r.id = s.return_id
WHERE m.quantity <> s.quantity OR m.item_id <> t.item_id
"""

# A return that is cancelled has no refund of its units that is paid or will be paid. Refunds that
# an earlier version left are accepted once REFUND_RECOVERY was opened for them.
CANCELLED_KEEP_NO_MONEY = """
SELECT r.rma_number AS place, 'no refund' AS expected,
  f.status || ' ' || CAST(f.amount_minor AS text) AS found
FROM customer_return r JOIN refund f ON f.return_id = r.id
WHERE r.status = 'CANCELLED' AND f.kind = 'RETURN'
  AND f.status IN ('APPROVED', 'PROCESSING', 'UNKNOWN', 'SUCCEEDED') AND f.amount_minor > 0
  AND NOT EXISTS (SELECT 1 FROM refund g JOIN operational_exception e
    ON e.subject_key = 'Refund:' || CAST(g.id AS text)
    WHERE g.return_id = r.id AND e.kind = 'REFUND_RECOVERY')
"""

# Units of a return that stay: neither missing, nor sent back to the customer, nor of a return that
# has ended before they came.
_STAY = """
  SELECT t.quantity FROM return_item t
  WHERE t.return_id = r.id AND t.order_line_id = u.order_line_id AND t.state <> 'MISSING'
    AND (t.disposition IS NULL OR t.disposition <> 'RETURN_TO_CUSTOMER')
    AND NOT (r.status = 'EXPIRED' AND t.state = 'EXPECTED')
    AND r.status NOT IN ('DECLINED', 'CANCELLED')
"""

_REFUNDED = f"""
  SELECT r.id, r.rma_number, SUM(u.quantity) AS units,
    (SELECT COALESCE(SUM(s.quantity), 0) FROM ({_STAY}) AS s) AS stay
  FROM refund f JOIN refund_unit u ON u.refund_id = f.id
  JOIN customer_return r ON r.id = f.return_id
  WHERE f.kind = 'RETURN' AND f.amount_minor > 0 AND f.status IN ({{statuses}})
  GROUP BY r.id, r.rma_number, r.status, u.order_line_id
"""
_UNSENT = _REFUNDED.format(statuses="'NEEDS_APPROVAL', 'APPROVED'")
_SENT = _REFUNDED.format(statuses="'PROCESSING', 'UNKNOWN', 'SUCCEEDED'")

# A refund that is still to be paid is for units that stay.
NO_MONEY_WITHOUT_UNITS = f"""
SELECT rma_number AS place, 'at most ' || CAST(stay AS text) || ' units to be paid' AS expected,
  CAST(units AS text) AS found
FROM ({_UNSENT}) AS lines WHERE units > stay
"""

# If more units were paid than stay, REFUND_RECOVERY was opened for a refund of the return.
PAID_UNITS_ARE_RECOVERED = f"""
SELECT rma_number AS place, 'REFUND_RECOVERY' AS expected,
  CAST(units - stay AS text) || ' paid units that do not stay' AS found
FROM ({_SENT}) AS lines WHERE units > stay AND NOT EXISTS (
  SELECT 1 FROM refund f JOIN operational_exception e
  ON e.subject_key = 'Refund:' || CAST(f.id AS text)
  WHERE f.return_id = lines.id AND e.kind = 'REFUND_RECOVERY')
"""

# An exception UNIDENTIFIED_PARCEL is resolved when its parcel is empty.
RESOLVED_PARCELS_ARE_EMPTY = """
SELECT 'exception ' || CAST(e.id AS text) AS place, 'no units left' AS expected,
  CAST(SUM(u.quantity) AS text) || ' units' AS found
FROM operational_exception e JOIN unidentified_parcel p ON p.exception_id = e.id
JOIN unidentified_unit u ON u.parcel_id = p.id
WHERE e.kind = 'UNIDENTIFIED_PARCEL' AND e.status IN ('RESOLVED', 'AUTO_RESOLVED')
GROUP BY e.id HAVING SUM(u.quantity) > 0
"""

# (name, SQL) of each proof of this area.
ALL = (
    ("units of returns are in stock", UNITS_ARE_THERE),
    ("units of returns keep their cost", COST_IS_THEIRS),
    ("returned units were shipped", LINES_BEAR_RETURNS),
    ("units return at their shipped cost", COST_CAME_BACK),
    ("units return without the cost of lost ones", LOST_COST_STAYED_AWAY),
    ("return status follows its units", STATUS_FOLLOWS_UNITS),
    ("no settled return is left open", NONE_LEFT_OPEN),
    ("disposition steps = movements", STEPS_ARE_MOVEMENTS),
    ("a cancelled return has no refund", CANCELLED_KEEP_NO_MONEY),
    ("resolved parcels are empty", RESOLVED_PARCELS_ARE_EMPTY),
    ("refunds to be paid are for units that stay", NO_MONEY_WITHOUT_UNITS),
    ("paid units that do not stay are recovered", PAID_UNITS_ARE_RECOVERED),
)
