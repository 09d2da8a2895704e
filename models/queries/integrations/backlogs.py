"""Work that waits for an integration and could be done now, by the key of its code.

Work that a measure holds, or whose next try is later, is not among it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.integrations.health import WaitingWork
from domain.integrations.validation import PAYMENTS_CODE, carrier_code
from domain.values.codes import comparison_key
from models.database.sessions import Session
from models.queries.continuity.stops import unheld_refund, unstopped_label

# More is not counted: all of it must be read for the number.
COUNTED_MAX = 10_000
_UNSETTLED = "a.state IN ('OPEN', 'PENDING', 'UNKNOWN')"
_REFUNDS = f"""
SELECT count(*) AS waiting, min(due_at) AS oldest_at FROM (
  SELECT * FROM (SELECT r.decided_at AS due_at FROM refund r WHERE r.status = 'APPROVED'
    AND r.tender <> 'STORE_CREDIT' AND {unheld_refund("r", "$1")}
    ORDER BY r.decided_at, r.id LIMIT $2) AS decided
  UNION ALL
  SELECT * FROM (SELECT a.next_at AS due_at FROM refund_attempt a
    WHERE {_UNSETTLED} AND a.next_at <= $1
      AND (a.claimed_until_at IS NULL OR a.claimed_until_at <= $1)
      AND (a.sent_at IS NOT NULL OR EXISTS (SELECT 1 FROM refund r WHERE r.id = a.refund_id
        AND {unheld_refund("r", "$1")}))
    ORDER BY a.next_at, a.id LIMIT $2) AS attempts) AS due
"""
_LABELS = f"""
SELECT min(carrier) AS carrier, count(*) AS waiting, min(next_at) AS oldest_at FROM (
  SELECT s.carrier, s.carrier_key, s.next_at FROM shipping_label s
  WHERE s.status IN ('REQUESTED', 'UNKNOWN', 'VOIDING') AND s.next_at <= $1
    AND (s.claimed_until_at IS NULL OR s.claimed_until_at <= $1)
    AND (s.first_sent_at IS NOT NULL OR {unstopped_label("s", "$1")})
  ORDER BY s.next_at, s.id LIMIT $2) AS due
GROUP BY carrier_key
"""
_DUE = "m.integration_id = i.id AND m.status IN ('PENDING', 'RETRYING') AND m.next_attempt_at <= $1"
# Tests have no position.
_MESSAGES = f"""
SELECT i.code, (SELECT count(*) FROM (SELECT 1 AS one FROM message m
    WHERE {_DUE} AND m.position IS NOT NULL LIMIT $2) AS due) AS waiting,
  (SELECT m.created_at FROM message m WHERE {_DUE} AND m.position IS NOT NULL
    ORDER BY m.position LIMIT 1) AS oldest_at
FROM integration i WHERE i.kind = 'WEBHOOK' AND i.status <> 'OFF'
"""


class _WaitingRow(TypedDict):
    waiting: int
    oldest_at: datetime | None


class _MessagesRow(TypedDict):
    code: str
    waiting: int
    oldest_at: datetime | None


class _LabelsRow(TypedDict):
    carrier: str
    waiting: int
    oldest_at: datetime


async def backlogs(session: Session, now: datetime) -> dict[str, WaitingWork]:
    """The backlog of each integration that has one."""
    found: dict[str, WaitingWork] = {}
    refunds = await session.row(_WaitingRow, _REFUNDS, now, COUNTED_MAX)
    if refunds is not None and refunds["waiting"]:
        found[PAYMENTS_CODE] = WaitingWork(refunds["waiting"], refunds["oldest_at"])
    for labels in await session.rows(_LabelsRow, _LABELS, now, COUNTED_MAX):
        key = comparison_key(carrier_code(labels["carrier"]))
        found[key] = WaitingWork(labels["waiting"], labels["oldest_at"])
    for messages in await session.rows(_MessagesRow, _MESSAGES, now, COUNTED_MAX):
        if messages["waiting"]:
            key = comparison_key(messages["code"])
            found[key] = WaitingWork(messages["waiting"], messages["oldest_at"])
    return found
