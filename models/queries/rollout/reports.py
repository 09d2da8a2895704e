"""Reports of shadow cases: the newest first, their counts, and the differences by frequency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
from domain.policies.rollout import RolloutDomain
from domain.values.codes import comparison_key
from models.database.rows import Flag, Total
from models.database.sessions import Session
from models.queries.listing.paging import Listing, Page, SortKey, Window
from models.queries.listing.scopes import Scope

DIFFERENCES_MAX = 100

_OPENED = SortKey("c.opened_at", "opened_at", "instant")
_ID = SortKey("c.id", "id", "uuid")
_COLUMNS = (
    "c.id, c.subject_type, c.subject_key, c.opened_at, s.decision, k.did, k.decided_by, k.agrees,"
    " k.differences"
)
_SOURCE = (
    "rollout_case c JOIN shadow_decision s ON s.case_id = c.id"
    " LEFT JOIN shadow_comparison k ON k.case_id = c.id"
)
_COUNTS = f"""
SELECT COUNT(*) AS cases, COUNT(k.case_id) AS compared,
  COALESCE(SUM(CASE WHEN k.agrees THEN 1 ELSE 0 END), 0) AS agreed
FROM {_SOURCE} WHERE {{where}}
"""
_DIFFERENCES = f"""
SELECT s.outcome AS would, k.did, COUNT(*) AS cases
FROM rollout_case c JOIN shadow_decision s ON s.case_id = c.id
JOIN shadow_comparison k ON k.case_id = c.id WHERE {{where}} AND NOT k.agrees
GROUP BY s.outcome, k.did ORDER BY cases DESC, would, did LIMIT {DIFFERENCES_MAX}
"""


class ShadowCaseRow(TypedDict):
    """A shadow case. `did` None: it is not decided yet."""

    id: UUID
    subject_type: str
    subject_key: str
    opened_at: datetime
    decision: str
    did: str | None
    decided_by: str | None
    agrees: Flag | None
    differences: str | None


class ShadowCountsRow(TypedDict):
    """The number of shadow cases, of compared ones, and of those that agree."""

    cases: int
    compared: int
    agreed: Total


class ShadowDifferenceRow(TypedDict):
    """The number of cases with this difference."""

    would: str
    did: str
    cases: int


@dataclass(frozen=True, slots=True)
class ShadowFilter:
    """Shadow cases of a domain that began since then, in a channel and at a location if named."""

    domain: RolloutDomain
    since: datetime
    channel: str | None = None
    location: str | None = None

    def conditions(self, scope: Scope) -> list[tuple[str, list[object]]]:
        """The conditions of these cases that exist for a caller, with their values."""
        found: list[tuple[str, list[object]]] = [
            ("c.domain = {}", [str(self.domain)]),
            ("c.opened_at >= {}", [self.since]),
        ]
        for table, code in (("channel", self.channel), ("location", self.location)):
            if code is not None:
                key = f"c.{table}_id = (SELECT id FROM {table} WHERE code_key = {{}})"
                found.append((key, [comparison_key(code)]))
        for condition in visibility.ROLLOUT_CASE.conditions(scope):
            found.append(visibility.bound(condition, scope))
        return found


async def cases(
    session: Session, scope: Scope, choice: ShadowFilter, window: Window, *, only_disagreed: bool
) -> Page[ShadowCaseRow]:
    """The cases, newest first. `only_disagreed`: those that were compared and do not agree."""
    listing = Listing(ShadowCaseRow, _COLUMNS, _SOURCE, _OPENED, _ID)
    for condition, values in choice.conditions(scope):
        listing.where(condition, *values)
    if only_disagreed:
        listing.where("NOT k.agrees")
    return await listing.page(session, window)


async def counts(session: Session, scope: Scope, choice: ShadowFilter) -> ShadowCountsRow:
    """The numbers of the cases."""
    where, values = _joined(choice, scope)
    row = await session.row(ShadowCountsRow, _COUNTS.format(where=where), *values)
    assert row is not None
    return row


async def differences(
    session: Session, scope: Scope, choice: ShadowFilter
) -> Sequence[ShadowDifferenceRow]:
    """The differences of the cases, the most frequent first."""
    where, values = _joined(choice, scope)
    return await session.rows(ShadowDifferenceRow, _DIFFERENCES.format(where=where), *values)


def _joined(choice: ShadowFilter, scope: Scope) -> tuple[str, list[object]]:
    parts: list[str] = []
    bound: list[object] = []
    for condition, values in choice.conditions(scope):
        places = [f"${len(bound) + place}" for place in range(1, len(values) + 1)]
        parts.append(condition.format(*places))
        bound.extend(values)
    return " AND ".join(parts), bound
