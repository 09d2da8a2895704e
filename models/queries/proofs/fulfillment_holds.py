"""Invariants of fulfillment holds: a status of ON_HOLD and a live hold imply each other."""

from __future__ import annotations

from typing import Final

from models.queries.proofs.proof import Proof

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
# units that replace them, or for the whole order. The copies have the hold's time and placer.
_HOLDS_GO_ON = """
SELECT (SELECT o.number FROM sales_order o WHERE o.id = h.order_id) || ' hold '
    || CAST(h.id AS text) AS place,
  'a hold of the units that replaced those of the fulfillment' AS expected, 'none' AS found
FROM audit_entry a JOIN fulfillment_hold h ON h.released_at = a.recorded_at
  AND 'Order:' || CAST(h.order_id AS text) = a.subject
WHERE a.action = 'order.uncovered' AND h.fulfillment_id IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM fulfillment_hold c WHERE c.order_id = h.order_id AND c.id <> h.id
    AND c.reason = h.reason AND c.placed_by = h.placed_by AND c.placed_at = h.placed_at)
"""

PROOFS: Final = (
    Proof("ON_HOLD = open fulfillments under a hold", _ON_HOLD_IS_HELD),
    Proof("live holds have units to hold", _HOLDS_HOLD_UNITS),
    Proof("holds go on with the units that replace counted ones", _HOLDS_GO_ON),
)
