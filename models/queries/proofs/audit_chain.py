"""Proof of the audit chain in SQL: every audit row is sealed, or waits for its seal."""

from __future__ import annotations

from models.queries.proofs.proof import Proof

_SEALED_OR_PENDING = """
SELECT 'audit_entry ' || CAST(a.id AS text) AS place, 'a seal, or pending' AS expected,
  CASE WHEN s.audit_id IS NULL THEN 'neither' ELSE 'both' END AS found
FROM audit_entry a LEFT JOIN audit_seal s ON s.audit_id = a.id
LEFT JOIN audit_pending p ON p.audit_id = a.id
WHERE (s.audit_id IS NULL) = (p.audit_id IS NULL)
UNION ALL
SELECT 'audit_entry ' || CAST(p.audit_id AS text), 'an audit row', 'only its wait for a seal'
FROM audit_pending p WHERE NOT EXISTS (SELECT 1 FROM audit_entry a WHERE a.id = p.audit_id)
"""

PROOFS = (Proof("audit rows are sealed or pending", _SEALED_OR_PENDING),)
