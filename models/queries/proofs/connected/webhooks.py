"""Invariants of webhooks: their positions, and the attempts of their messages."""

from __future__ import annotations

from typing import Final

from models.queries.proofs.proof import Proof

# A message that is sent again was settled before. A STRICT webhook goes back instead, and stops at
# a PARKED message.
_NOTHING_OPEN_BELOW = """
SELECT i.code || ' ' || CAST(m.position AS text) AS place, 'settled' AS expected, m.status AS found
FROM message m JOIN integration i ON i.id = m.integration_id
WHERE m.position <= i.position AND m.status IN ('PENDING', 'RETRYING') AND NOT m.is_repeat
"""

_NOTHING_AHEAD = """
SELECT i.code || ' ' || CAST(m.position AS text) AS place,
  'at most ' || CAST(i.fed_position AS text) AS expected, 'a message' AS found
FROM message m JOIN integration i ON i.id = m.integration_id
WHERE i.kind = 'WEBHOOK' AND m.position > i.fed_position
"""

_WITHIN_LOG = """
SELECT i.code AS place, 'at most ' || CAST(l.last AS text) AS expected,
  CAST(i.fed_position AS text) AS found
FROM integration i, (SELECT COALESCE(MAX(position), 0) AS last FROM event_position) AS l
WHERE i.fed_position > l.last
"""

_HAS_DELIVERY = """
SELECT i.code AS place, 'a state of delivery' AS expected, 'none' AS found
FROM integration i WHERE i.kind = 'WEBHOOK'
  AND NOT EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.integration_id = i.id)
"""

_CALLS_HAVE_ATTEMPTS = """
SELECT i.code || ' ' || m.type AS place, CAST(m.calls AS text) || ' attempts' AS expected,
  CAST(m.found AS text) AS found
FROM (
  SELECT m.integration_id, m.type, m.calls, COUNT(a.id) AS found FROM message m
  LEFT JOIN message_attempt a ON a.message_id = m.id
  GROUP BY m.id, m.integration_id, m.type, m.calls) AS m
JOIN integration i ON i.id = m.integration_id
WHERE m.calls <> m.found
"""

PROOFS: Final = (
    Proof("nothing is unsettled below the position of a webhook", _NOTHING_OPEN_BELOW),
    Proof("no message is ahead of its webhook", _NOTHING_AHEAD),
    Proof("webhooks are within the log", _WITHIN_LOG),
    Proof("webhooks have a state of delivery", _HAS_DELIVERY),
    Proof("messages have an attempt for each call", _CALLS_HAVE_ATTEMPTS),
)
