"""Invariants of time: no fact before its cause, in the rows and in the journal."""

from __future__ import annotations

from typing import Final

from models.queries.proofs.proof import Proof

# Units are requested back after their order's first shipment, then scanned and received.
_RETURNS_FOLLOW_SHIPMENTS = """
SELECT rma_number AS place,
  'shipped ' || CAST(shipped_at AS text) || ', then requested, then scanned or received'
    AS expected,
  'requested ' || CAST(requested_at AS text)
    || COALESCE(', scanned ' || CAST(scanned_at AS text), '')
    || COALESCE(', received ' || CAST(received_at AS text), '') AS found
FROM (
  SELECT r.rma_number, r.requested_at, r.scanned_at,
    (SELECT MIN(f.shipped_at) FROM fulfillment f WHERE f.order_id = r.order_id) AS shipped_at,
    (SELECT MIN(t.received_at) FROM return_item t WHERE t.return_id = r.id) AS received_at
  FROM customer_return r) AS facts
WHERE requested_at < shipped_at OR scanned_at < requested_at OR received_at < requested_at
"""

# A reversal follows the entry that it reverses; an entry of an order or return follows its start.
_ENTRIES_FOLLOW_CAUSES = """
SELECT 'entry ' || CAST(id AS text) AS place, 'at or after ' || CAST(cause_at AS text) AS expected,
  CAST(effective_at AS text) AS found
FROM (
  SELECT e.id, e.effective_at, c.effective_at AS cause_at FROM journal_entry e
  JOIN journal_entry c ON c.id = e.reverses_id
  UNION ALL
  SELECT e.id, e.effective_at, o.placed_at FROM journal_entry e
  JOIN sales_order o ON o.number = e.reference
  UNION ALL
  SELECT e.id, e.effective_at, r.requested_at FROM journal_entry e
  JOIN customer_return r ON r.rma_number = e.reference) AS entries
WHERE effective_at < cause_at
"""

PROOFS: Final = (
    Proof("returns follow their shipment", _RETURNS_FOLLOW_SHIPMENTS),
    Proof("journal entries follow their cause", _ENTRIES_FOLLOW_CAUSES),
)
