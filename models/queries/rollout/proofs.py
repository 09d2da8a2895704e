"""Invariants of rollout: modes follow from policies, people decide, and each shadow is compared."""

from __future__ import annotations

from typing import Final

_PLACE: Final = "c.domain || ' ' || c.subject_type || ' ' || c.subject_key AS place"

_MODES_FOLLOW: Final = f"""
SELECT {_PLACE}, COALESCE(given, 'no policy') AS expected, c.mode AS found
FROM (
  SELECT k.*, COALESCE(p.rules -> 'domains' ->> k.domain, p.rules -> 'domains' ->> '*') AS given
  FROM rollout_case k LEFT JOIN policy p ON p.kind = 'ROLLOUT' AND p.scope = k.policy_scope
    AND p.version = k.policy_version) AS c
WHERE given IS NULL OR given <> c.mode
"""

# A refund that neither pays nor takes back anything needs no approval. People decide the first
# disposition of units. Another one may follow it.
_PEOPLE_DECIDE: Final = f"""
SELECT {_PLACE}, 'people' AS expected, 'policy' AS found
FROM rollout_case c JOIN customer_return r ON r.id = (c.subject_key)::uuid
WHERE c.domain = 'RETURNS' AND r.authorized_by = 'policy'
UNION ALL
SELECT {_PLACE}, 'people', 'policy'
FROM rollout_case c JOIN disposition_step s ON s.return_item_id = (c.subject_key)::uuid
WHERE c.domain = 'DISPOSITIONS' AND s.decided_by = 'policy' AND NOT EXISTS (
  SELECT 1 FROM disposition_step t
  WHERE t.return_item_id = s.return_item_id AND t.return_version < s.return_version)
UNION ALL
SELECT {_PLACE}, 'people', 'policy'
FROM rollout_case c JOIN refund r ON r.id = (c.subject_key)::uuid
WHERE c.domain = 'REFUNDS' AND r.amount_minor > 0 AND r.approvals_required = 0
  AND r.status NOT IN ('EVIDENCE_PENDING', 'CANCELLED')
"""

_SHADOWS_ARE_KEPT: Final = f"""
SELECT {_PLACE}, 'a shadow decision' AS expected, 'none' AS found
FROM rollout_case c
WHERE c.mode = 'SHADOW' AND c.domain IN ('RETURNS', 'DISPOSITIONS')
  AND NOT EXISTS (SELECT 1 FROM shadow_decision s WHERE s.case_id = c.id)
UNION ALL
SELECT {_PLACE}, 'no shadow decision', s.outcome
FROM rollout_case c JOIN shadow_decision s ON s.case_id = c.id WHERE c.mode <> 'SHADOW'
"""

_OPEN: Final = """rollout_case c JOIN shadow_decision s ON s.case_id = c.id
  AND NOT EXISTS (SELECT 1 FROM shadow_comparison k WHERE k.case_id = c.id)"""
_DECIDED_ARE_COMPARED: Final = f"""
SELECT {_PLACE}, 'compared' AS expected, 'not compared' AS found
FROM {_OPEN} WHERE c.domain = 'ROUTING'
UNION ALL
SELECT {_PLACE}, 'compared', 'not compared'
FROM {_OPEN} JOIN customer_return r ON r.id = (c.subject_key)::uuid
WHERE c.domain = 'RETURNS' AND (r.authorized_at IS NOT NULL OR r.decline_reason_id IS NOT NULL)
UNION ALL
SELECT {_PLACE}, 'compared', 'not compared'
FROM {_OPEN} JOIN return_item t ON t.id = (c.subject_key)::uuid
WHERE c.domain = 'DISPOSITIONS' AND t.disposition IS NOT NULL
UNION ALL
SELECT {_PLACE}, 'compared', 'not compared'
FROM {_OPEN} JOIN refund r ON r.id = (c.subject_key)::uuid
WHERE c.domain = 'REFUNDS'
  AND r.status NOT IN ('EVIDENCE_PENDING', 'NEEDS_APPROVAL', 'CANCELLED')
"""

_AGREES: Final = (
    "(NOT s.failed AND (s.outcome = k.did OR s.outcome IN ('REQUESTED', 'NEEDS_APPROVAL')))"
)
_COMPARISONS_FOLLOW: Final = f"""
SELECT {_PLACE}, s.outcome || ' and ' || k.did ||
    CASE WHEN {_AGREES} THEN ' agree' ELSE ' differ' END AS expected,
  CASE WHEN k.agrees THEN 'agree' ELSE 'differ' END AS found
FROM rollout_case c JOIN shadow_decision s ON s.case_id = c.id
JOIN shadow_comparison k ON k.case_id = c.id
WHERE k.agrees <> {_AGREES}
"""

# Proven statements, and the SQL that finds their violations.
ALL: Final = (
    ("modes of cases = ROLLOUT policies", _MODES_FOLLOW),
    ("people decide cases that are not LIVE", _PEOPLE_DECIDE),
    ("shadow cases have a shadow decision", _SHADOWS_ARE_KEPT),
    ("decided shadow cases are compared", _DECIDED_ARE_COMPARED),
    ("comparisons = both decisions", _COMPARISONS_FOLLOW),
)
