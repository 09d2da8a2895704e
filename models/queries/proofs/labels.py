"""Invariants of shipping labels: their cost in the books, and the numbers of their parcels."""

from __future__ import annotations

from typing import Final

from models.queries.proofs.proof import Proof

# What carriers are owed is the cost of the labels that are bought and not given back.
_OWED_IS_BOUGHT = """
SELECT 'carrier payables ' || currency AS place,
  CAST(SUM(bought) AS text) AS expected, CAST(SUM(owed) AS text) AS found
FROM (
  SELECT currency, cost_minor AS bought, 0 AS owed FROM shipping_label
  WHERE status IN ('BOUGHT', 'VOIDING') AND carrier_reference IS NOT NULL
  UNION ALL
  SELECT currency, 0, credit_minor - debit_minor FROM journal_line
  WHERE account = 'carrier_payables') AS sides
GROUP BY currency HAVING SUM(bought) <> SUM(owed)
"""

# A label that was bought has one entry of its cost; one that was given back, its reversal too.
_COST_IS_BOOKED = """
SELECT 'label ' || CAST(id AS text) AS place, CAST(cost AS text) AS expected,
  CAST(booked AS text) AS found
FROM (
  SELECT s.id, CASE WHEN s.status = 'VOIDED' THEN 0 ELSE s.cost_minor END AS cost,
    COALESCE((SELECT SUM(l.debit_minor - l.credit_minor) FROM journal_entry e
      JOIN journal_line l ON l.entry_id = e.id
      WHERE (e.id = s.entry_id OR e.reverses_id = s.entry_id) AND l.account = 'carrier_costs'
        AND l.currency = s.currency), 0) AS booked
  FROM shipping_label s WHERE s.carrier_reference IS NOT NULL) AS costs
WHERE cost <> booked
"""

# A parcel that has not shipped has the number of its bought label, or none.
_NUMBER_IS_OF_LABEL = """
SELECT 'parcel ' || CAST(id AS text) AS place, labeled AS expected, numbered AS found
FROM (
  SELECT f.id, COALESCE(f.carrier_key || ' ' || f.tracking_number_key, 'no number') AS numbered,
    COALESCE(s.carrier_key || ' ' || s.tracking_number_key, 'no number') AS labeled
  FROM fulfillment f
  LEFT JOIN shipping_label s ON s.fulfillment_id = f.id AND s.status = 'BOUGHT'
  WHERE f.shipped_at IS NULL) AS numbers
WHERE numbered <> labeled
"""

# A transfer that has not shipped likewise.
_NUMBER_OF_TRANSFER_IS_OF_LABEL = """
SELECT 'transfer ' || CAST(id AS text) AS place, labeled AS expected, numbered AS found
FROM (
  SELECT t.id, COALESCE(t.tracking_number_key, 'no number') AS numbered,
    COALESCE(s.tracking_number_key, 'no number') AS labeled
  FROM transfer t LEFT JOIN shipping_label s ON s.transfer_id = t.id AND s.status = 'BOUGHT'
  WHERE t.shipped_at IS NULL) AS numbers
WHERE numbered <> labeled
"""

PROOFS: Final = (
    Proof("carrier payables = bought labels", _OWED_IS_BOUGHT),
    Proof("costs of labels are booked once", _COST_IS_BOOKED),
    Proof("unshipped parcels have the number of their label", _NUMBER_IS_OF_LABEL),
    Proof("unshipped transfers have the number of their label", _NUMBER_OF_TRANSFER_IS_OF_LABEL),
)
