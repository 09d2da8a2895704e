"""Invariants of bins: their movements, the shelves that they are a part of, and their tasks."""

from models.queries.proofs.proof import Proof

_LEVEL = (
    "COALESCE((SELECT i.sku || ' @ ' || p.code FROM stock_level v JOIN item i ON i.id = v.item_id"
    " JOIN location p ON p.id = v.location_id WHERE v.id = level_id),"
    " 'level ' || CAST(level_id AS text))"
)
_BIN = (
    "COALESCE((SELECT b.code FROM location b WHERE b.id = bin_id), 'bin ' || CAST(bin_id AS text))"
)

_BINS_OF_MOVEMENTS = f"""
SELECT {_LEVEL} || ' in ' || {_BIN} AS place,
  CAST(SUM(moved) AS text) AS expected, CAST(SUM(found) AS text) AS found
FROM (
  SELECT level_id, to_bin_id AS bin_id, quantity AS moved, 0 AS found
  FROM bin_movement WHERE to_bin_id IS NOT NULL
  UNION ALL SELECT level_id, from_bin_id, -quantity, 0
  FROM bin_movement WHERE from_bin_id IS NOT NULL
  UNION ALL SELECT level_id, bin_id, 0, quantity FROM bin_stock) AS sides
GROUP BY level_id, bin_id HAVING SUM(moved) <> SUM(found)
"""

_BINNED_UNITS = f"""
SELECT {_LEVEL} AS place,
  CAST(SUM(units) AS text) AS expected, CAST(SUM(binned) AS text) AS found
FROM (
  SELECT level_id, quantity AS units, 0 AS binned FROM bin_stock
  UNION ALL SELECT id, 0, binned FROM stock_level WHERE binned <> 0) AS sides
GROUP BY level_id HAVING SUM(units) <> SUM(binned)
"""

# The parts of a level, and the units that they are parts of.
_PARTS = """
SELECT i.sku || ' @ ' || p.code || ' ' || t.part AS place,
  'at most ' || CAST(t.most AS text) AS expected, CAST(t.units AS text) AS found
FROM (
  SELECT item_id, location_id, 'binned' AS part, binned AS units,
    available + held + allocated - picked AS most FROM stock_level WHERE binned <> 0
  UNION ALL SELECT item_id, location_id, 'picked', picked, allocated
  FROM stock_level WHERE picked <> 0
  UNION ALL SELECT item_id, location_id, 'missing', missing, quarantine
  FROM stock_level WHERE missing <> 0) AS t
JOIN item i ON i.id = t.item_id JOIN location p ON p.id = t.location_id
WHERE t.units > t.most
"""

# A bin keeps units of the location that it is in, directly or in zones.
_BINS_AT_HOME = f"""
WITH RECURSIVE up (bin_id, id, kind, parent_id) AS (
  SELECT l.id, l.id, l.kind, l.parent_id FROM location l
  WHERE l.id IN (SELECT bin_id FROM bin_stock)
  UNION ALL SELECT up.bin_id, p.id, p.kind, p.parent_id
  FROM up JOIN location p ON p.id = up.parent_id WHERE up.kind IN ('BIN', 'ZONE')
)
SELECT {_LEVEL} || ' in ' || {_BIN} AS place, 'an active bin of the location' AS expected,
  'another place' AS found
FROM bin_stock s WHERE NOT EXISTS (
  SELECT 1 FROM up JOIN stock_level v ON v.location_id = up.id
  JOIN location b ON b.id = up.bin_id
  WHERE up.bin_id = s.bin_id AND v.id = s.level_id AND b.kind = 'BIN' AND b.active)
"""

# Levels with unbinned units at a location with an active bin. A job goes over the levels of a
# location in putaway_round, so their tasks may not be right yet.
_PUTAWAY_TASKS = f"""
WITH RECURSIVE up (id, kind, parent_id) AS (
  SELECT p.id, p.kind, p.parent_id FROM location b JOIN location p ON p.id = b.parent_id
  WHERE b.kind = 'BIN' AND b.active
  UNION SELECT p.id, p.kind, p.parent_id FROM up JOIN location p ON p.id = up.parent_id
  WHERE up.kind = 'ZONE'
)
SELECT {_LEVEL} AS place,
  CAST(SUM(wanted) AS text) || ' PUTAWAY tasks' AS expected, CAST(SUM(found) AS text) AS found
FROM (
  SELECT s.id AS level_id, 1 AS wanted, 0 AS found FROM stock_level s
  WHERE s.available + s.held + s.allocated - s.picked > s.binned
    AND s.location_id IN (SELECT id FROM up WHERE kind <> 'ZONE')
    AND s.location_id NOT IN (SELECT location_id FROM putaway_round)
  UNION ALL SELECT CAST(t.subject_key AS bigint), 0, 1 FROM task t
  WHERE t.queue = 'PUTAWAY' AND t.status IN ('OPEN', 'CLAIMED')
    AND t.location_id NOT IN (SELECT location_id FROM putaway_round)) AS sides
GROUP BY level_id HAVING SUM(wanted) <> SUM(found)
"""

PROOFS = (
    Proof("bins = Σ bin movements", _BINS_OF_MOVEMENTS),
    Proof("Σ bins = binned units of the level", _BINNED_UNITS),
    Proof("binned ≤ shelf, picked ≤ ALLOCATED, missing ≤ QUARANTINE", _PARTS),
    Proof("units are in active bins of their location", _BINS_AT_HOME),
    Proof("PUTAWAY tasks = levels with unbinned units", _PUTAWAY_TASKS),
)
