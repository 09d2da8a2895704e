"""Invariants of stock counts: their movements, their lines and tasks, and missing units."""

from models.queries.proofs.proof import Proof

_LEVEL = (
    "(SELECT i.sku || ' @ ' || p.code FROM stock_level v JOIN item i ON i.id = v.item_id"
    " JOIN location p ON p.id = v.location_id WHERE v.id = {level})"
)

# The difference of a line is what its movements have changed; what POSTING has left is not booked.
_MOVEMENTS = """
SELECT reference AS place, CAST(SUM(counted) AS text) AS expected,
  CAST(SUM(moved) AS text) AS found
FROM (
  SELECT 'StockCountLine:' || CAST(id AS text) AS reference, variance + unposted AS counted,
    0 AS moved
  FROM stock_count_line WHERE status IN ('POSTED', 'POSTING')
  UNION ALL SELECT COALESCE(reference, 'no reference'), 0,
    CASE WHEN from_state IS NULL THEN quantity WHEN to_state IS NULL THEN -quantity ELSE 0 END
  FROM stock_movement WHERE kind = 'COUNTED') AS sides
GROUP BY reference HAVING SUM(counted) <> SUM(moved)
"""

_LINES = """
SELECT number AS place,
  CAST(lines AS text) || ' lines, ' || CAST(ended AS text) || ' of them done' AS expected,
  CAST(line_count AS text) || ' lines, ' || CAST(lines_done AS text) || ' done, ' || status
    AS found
FROM (
  SELECT c.number, c.status, c.line_count, c.lines_done, COUNT(l.id) AS lines,
    COALESCE(SUM(CASE WHEN l.status IN ('POSTED', 'CANCELLED') THEN 1 ELSE 0 END), 0) AS ended
  FROM stock_count c LEFT JOIN stock_count_line l ON l.count_id = c.id
  GROUP BY c.id, c.number, c.status, c.line_count, c.lines_done) AS counts
WHERE line_count <> lines OR lines_done <> ended OR (status = 'OPEN' AND ended = lines)
  OR (status = 'DONE' AND ended < lines)
"""

_TASKS = f"""
SELECT {_LEVEL.format(level="level_id")} AS place,
  CAST(SUM(wanted) AS text) || ' COUNT tasks' AS expected, CAST(SUM(found) AS text) AS found
FROM (
  SELECT level_id, 1 AS wanted, 0 AS found FROM stock_count_line
  WHERE status IN ('OPEN', 'RECOUNT')
  UNION ALL SELECT CAST(subject_key AS bigint), 0, 1 FROM task
  WHERE queue = 'COUNT' AND status IN ('OPEN', 'CLAIMED')) AS sides
GROUP BY level_id HAVING SUM(wanted) <> SUM(found)
"""

# Units that pickers did not find, less those that counts have settled. Moves by hand settle others.
_MISSING = f"""
SELECT {_LEVEL.format(level="level_id")} AS place,
  'at most ' || CAST(SUM(short) AS text) AS expected, CAST(SUM(missing) AS text) AS found
FROM (
  SELECT id AS level_id, missing, 0 AS short FROM stock_level WHERE missing > 0
  UNION ALL SELECT s.id, 0,
    CASE WHEN m.to_state = 'QUARANTINE' THEN m.quantity ELSE -m.quantity END
  FROM stock_level s JOIN stock_movement m ON m.item_id = s.item_id
    AND m.location_id = s.location_id
  WHERE s.missing > 0 AND ((m.from_state = 'ALLOCATED' AND m.to_state = 'QUARANTINE')
    OR (m.kind = 'TRANSFERRED' AND m.to_state = 'QUARANTINE')
    OR (m.kind = 'COUNTED' AND m.from_state = 'QUARANTINE'))) AS sides
GROUP BY level_id HAVING SUM(missing) > SUM(short)
"""

_MISSING_CHANGES = f"""
SELECT {_LEVEL.format(level="level_id")} AS place,
  CAST(SUM(units) AS text) AS expected, CAST(SUM(missing) AS text) AS found
FROM (
  SELECT level_id, units, 0 AS missing FROM missing_change
  UNION ALL SELECT id, 0, missing FROM stock_level WHERE missing <> 0) AS sides
GROUP BY level_id HAVING SUM(units) <> SUM(missing)
"""

# Units become missing as they come into QUARANTINE, all units of their movement. They are no longer
# missing as they leave it, or as others leave it and fewer are there.
_MISSING_MOVEMENTS = f"""
SELECT {_LEVEL.format(level="c.level_id")} AS place,
  CASE WHEN c.units > 0 THEN CAST(c.units AS text) || ' units that came into QUARANTINE'
    ELSE 'at least ' || CAST(-c.units AS text) || ' units that left QUARANTINE' END AS expected,
  CASE WHEN m.id IS NULL THEN 'no movement of the level' ELSE CAST(m.quantity AS text) || ' units, '
    || COALESCE(m.from_state, 'outside') || ' to ' || COALESCE(m.to_state, 'outside') END AS found
FROM missing_change c JOIN stock_level s ON s.id = c.level_id
LEFT JOIN stock_movement m ON m.id = c.movement_id AND m.item_id = s.item_id
  AND m.location_id = s.location_id
WHERE c.movement_id IS NOT NULL AND (m.id IS NULL
  OR (c.units > 0 AND (COALESCE(m.to_state, '') <> 'QUARANTINE' OR m.quantity <> c.units))
  OR (c.units < 0 AND (COALESCE(m.from_state, '') <> 'QUARANTINE' OR m.quantity < -c.units)))
"""

PROOFS = (
    Proof("posted counts = their movements", _MOVEMENTS),
    Proof("lines of a count are as many as it says", _LINES),
    Proof("COUNT tasks = lines to count", _TASKS),
    Proof("missing units ≤ short units that no count has settled", _MISSING),
    Proof("missing units = Σ their changes", _MISSING_CHANGES),
    Proof("changes of missing units = their movements", _MISSING_MOVEMENTS),
)
