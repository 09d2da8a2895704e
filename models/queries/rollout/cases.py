"""Cases that policies do not decide: look-up by subject, and shadows that wait for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from domain.policies.policies import Facts
from domain.policies.rollout import RolloutDomain
from domain.values.codes import comparison_key
from models.database.rows import Flag, Total
from models.database.sessions import Session
from models.policies import RolloutCaseRow

_OF_SUBJECTS = """
SELECT id, domain, mode, subject_type, subject_key, channel_id, location_id, policy_scope,
  policy_version, opened_at
FROM rollout_case WHERE subject_type = $1 AND subject_key = ANY($2::text[])
"""


async def of_subjects(
    session: Session, subject_type: str, keys: Sequence[str]
) -> Mapping[str, RolloutCaseRow]:
    """The cases of these subjects, by key. A subject without a case is decided by policy."""
    if not keys:
        return {}
    rows = await session.rows(RolloutCaseRow, _OF_SUBJECTS, subject_type, list(keys))
    return {row["subject_key"]: row for row in rows}


class OpenShadowRow(TypedDict):
    """The shadow decision of a case, and whether it was compared."""

    outcome: str
    decision: str
    failed: Flag
    is_compared: Flag


_SHADOW = """
SELECT s.outcome, s.decision, s.failed,
  EXISTS (SELECT 1 FROM shadow_comparison k WHERE k.case_id = s.case_id) AS is_compared
FROM shadow_decision s WHERE s.case_id = $1
"""


async def shadow_of(session: Session, case_id: UUID) -> OpenShadowRow | None:
    """The shadow decision of a case, if it has one."""
    return await session.row(OpenShadowRow, _SHADOW, case_id)


class AgreementRow(TypedDict):
    """The number of compared shadow cases, and of those that agree."""

    compared: int
    agreed: Total


_AGREEMENT = """
SELECT COUNT(*) AS compared, COALESCE(SUM(CASE WHEN k.agrees THEN 1 ELSE 0 END), 0) AS agreed
FROM rollout_case c JOIN shadow_comparison k ON k.case_id = c.id
WHERE c.domain = $1 AND c.opened_at >= $2
"""


async def agreement(
    session: Session, domain: RolloutDomain, facts: Facts, since: datetime
) -> AgreementRow:
    """Compared shadow cases of a domain that began since then, in these places."""
    sql = _AGREEMENT
    values: list[object] = [str(domain), since]
    for table, code in (("channel", facts.channel), ("location", facts.location)):
        if code is not None:
            values.append(comparison_key(code))
            sql += f" AND c.{table}_id = (SELECT id FROM {table} WHERE code_key = ${len(values)})"
    row = await session.row(AgreementRow, sql, *values)
    assert row is not None
    return row


class DestinationRow(TypedDict):
    """The location that a return is sent to."""

    location_id: int
    code: str


async def destination_of(session: Session, return_id: UUID) -> DestinationRow:
    """The destination of a return."""
    row = await session.row(
        DestinationRow,
        "SELECT l.id AS location_id, l.code FROM customer_return r"
        " JOIN location l ON l.id = r.destination_id WHERE r.id = $1",
        return_id,
    )
    assert row is not None
    return row
