"""Proof of the ends that the lines of holds repeat."""

from __future__ import annotations

from models.queries.proofs.proof import Proof

_HELD_UNTIL = """
SELECT 'hold ' || CAST(r.id AS text) || ' line ' || CAST(l.line_no AS text) AS place,
  CASE WHEN r.status = 'HELD' THEN 'held until the end of its hold' ELSE 'ended' END AS expected,
  COALESCE('held until ' || CAST(l.held_until_at AS text), 'ended') AS found
FROM reservation_line l JOIN reservation r ON r.id = l.reservation_id
WHERE l.held_until_at IS DISTINCT FROM (CASE WHEN r.status = 'HELD' THEN r.expires_at END)
"""

LINES_ARE_HELD = Proof("lines are held until the end of their hold", _HELD_UNTIL)
