"""Invariants of playbooks: the units that they quarantined, and that nothing is left of them.

Also of outages: their measures and exceptions end with them.
"""

from __future__ import annotations

from typing import Final

from models.queries.proofs.proof import Proof

_UNITS_ARE_MOVED = """
WITH sides (run_id, item_id, location_id, taken, given_back, taken_moved, given_back_moved) AS (
  SELECT run_id, item_id, location_id, taken, given_back, 0, 0 FROM quarantined_unit
  UNION ALL
  SELECT r.id, m.item_id, m.location_id, 0, 0,
    CASE WHEN m.from_state = 'AVAILABLE' AND m.to_state = 'QUARANTINE'
      THEN m.quantity ELSE 0 END,
    CASE WHEN m.from_state = 'QUARANTINE' AND m.to_state = 'AVAILABLE'
      THEN m.quantity ELSE 0 END
  FROM playbook_run r JOIN stock_movement m ON m.reference = 'PlaybookRun:' || CAST(r.id AS text))
SELECT (SELECT r.playbook FROM playbook_run r WHERE r.id = run_id) || ' ' ||
    (SELECT i.sku FROM item i WHERE i.id = item_id) || ' @ ' ||
    (SELECT l.code FROM location l WHERE l.id = location_id) AS place,
  'taken ' || CAST(taken_moved AS text) || ', given back ' || CAST(given_back_moved AS text)
    AS expected,
  'taken ' || CAST(taken AS text) || ', given back ' || CAST(given_back AS text) AS found
FROM (
  SELECT run_id, item_id, location_id, SUM(taken) AS taken, SUM(given_back) AS given_back,
    SUM(taken_moved) AS taken_moved, SUM(given_back_moved) AS given_back_moved
  FROM sides GROUP BY run_id, item_id, location_id) AS levels
WHERE taken <> taken_moved OR given_back <> given_back_moved
"""

_NOTHING_IS_LEFT = """
SELECT r.playbook || ' ' || CAST(r.id AS text) AS place, 'nothing' AS expected, left_over AS found
FROM (
  SELECT q.run_id, 'quarantined units' AS left_over FROM quarantined_unit q WHERE NOT q.settled
  UNION
  SELECT h.run_id, 'fulfillment holds' FROM fulfillment_hold h
  WHERE h.run_id IS NOT NULL AND h.released_at IS NULL) AS things
JOIN playbook_run r ON r.id = run_id WHERE r.status = 'ENDED'
"""

# Levels and parcels that have changed since the end by the clock are left out: the job that writes
# the end may not have come yet.
_QUARANTINED = """
SELECT r.playbook || ' ' || (SELECT i.sku FROM item i WHERE i.id = s.item_id) || ' @ ' ||
    (SELECT l.code FROM location l WHERE l.id = s.location_id) AS place,
  'available 0' AS expected, 'available ' || CAST(s.available AS text) AS found
FROM playbook_run r JOIN playbook_measure m ON m.run_id = r.id AND m.kind = 'QUARANTINE'
JOIN playbook_item p ON p.run_id = r.id
JOIN stock_level s ON s.item_id = p.item_id AND s.available > 0
WHERE r.status = 'ACTIVE' AND (r.ends_at IS NULL OR s.updated_at < r.ends_at)
  AND (r.locations IS NULL OR EXISTS (
    SELECT 1 FROM playbook_place c WHERE c.run_id = r.id AND c.location_id = s.location_id))
"""

_HELD = """
SELECT r.playbook || ' ' || o.number || ' fulfillment ' || CAST(f.id AS text) AS place,
  'a hold of the playbook' AS expected, 'none' AS found
FROM playbook_run r JOIN playbook_measure m ON m.run_id = r.id AND m.kind = 'HOLD_PARCELS'
JOIN fulfillment f ON f.status IN ('ON_HOLD','OPEN','PICKED','PACKED')
JOIN sales_order o ON o.id = f.order_id
WHERE r.status = 'ACTIVE' AND (r.ends_at IS NULL OR f.created_at < r.ends_at)
  AND (r.channels IS NULL OR EXISTS (
    SELECT 1 FROM playbook_place c WHERE c.run_id = r.id AND c.channel_id = o.channel_id))
  AND (r.locations IS NULL OR EXISTS (
    SELECT 1 FROM playbook_place c WHERE c.run_id = r.id AND c.location_id = f.location_id))
  AND (r.skus IS NULL OR EXISTS (
    SELECT 1 FROM playbook_item p JOIN fulfillment_line l ON l.item_id = p.item_id
    WHERE p.run_id = r.id AND l.fulfillment_id = f.id AND l.quantity > 0))
  AND NOT EXISTS (
    SELECT 1 FROM fulfillment_hold h WHERE h.fulfillment_id = f.id AND h.run_id = r.id
      AND h.released_at IS NULL)
"""

_RUNS_END_WITH_OUTAGES = """
SELECT r.playbook || ' ' || CAST(r.id AS text) AS place, 'ended' AS expected, r.status AS found
FROM playbook_run r JOIN integration i ON i.id = r.integration_id
WHERE r.integration_id IS NOT NULL AND r.status IN ('STARTING','ACTIVE')
  AND i.outage_since_at IS NULL
"""

_EXCEPTIONS_END_WITH_OUTAGES = """
SELECT i.code AS place, 'no open INTEGRATION_DOWN' AS expected, e.status AS found
FROM integration i JOIN operational_exception e
  ON e.subject_key = 'Integration:' || CAST(i.id AS text)
WHERE e.kind = 'INTEGRATION_DOWN' AND e.status NOT IN ('RESOLVED','AUTO_RESOLVED')
  AND i.outage_since_at IS NULL
"""

PROOFS: Final = (
    Proof("quarantined units of playbooks = movements", _UNITS_ARE_MOVED),
    Proof("nothing is left of ended playbooks", _NOTHING_IS_LEFT),
    Proof("active quarantines have all available units", _QUARANTINED),
    Proof("active playbooks hold their parcels", _HELD),
    Proof("measures of outages end with them", _RUNS_END_WITH_OUTAGES),
    Proof("INTEGRATION_DOWN is open in outages only", _EXCEPTIONS_END_WITH_OUTAGES),
)
