"""Published policies: versions of a kind, and insertion of a new version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session
from models.database.sql import AnswerT, KeptAnswers, Question, question
from models.policies import PolicyRow

_COLUMNS = (
    "id, kind, scope, version, CAST(rules AS text) AS rules, effective_from_at, published_by,"
    " published_at"
)

_KEPT: Mapping[str, KeptAnswers] = defaultdict(KeptAnswers)  # by kind

# The newest version in force of each scope, without superseded and future versions.
_IN_FORCE = f"""
SELECT {_COLUMNS} FROM policy p
WHERE p.kind = $1 AND p.version = (
  SELECT MAX(q.version) FROM policy q
  WHERE q.kind = p.kind AND q.scope = p.scope AND q.effective_from_at <= $2)
ORDER BY p.scope
"""
# A promise of units needs both kinds. One statement costs a hold less than two.
_SOURCING_IN_FORCE = f"""
SELECT {_COLUMNS} FROM policy p
WHERE p.kind IN ('ROUTING', 'ROLLOUT') AND p.version = (
  SELECT MAX(q.version) FROM policy q
  WHERE q.kind = p.kind AND q.scope = p.scope AND q.effective_from_at <= $1)
ORDER BY p.kind, p.scope
"""


def in_force(
    kind: str, now: datetime, read: Callable[[Sequence[PolicyRow]], AnswerT]
) -> Question[AnswerT]:
    """The newest version in force at `now`, per scope of a kind, converted by `read`.

    `read` must be the same function for all questions of a kind: its answers are kept.
    """
    return question(PolicyRow, _IN_FORCE, (kind, now), read, _KEPT[kind])


def sourcing_in_force(
    now: datetime, read: Callable[[Sequence[PolicyRow]], AnswerT]
) -> Question[AnswerT]:
    """The newest versions of ROUTING and ROLLOUT in force at `now`, per scope."""
    return question(PolicyRow, _SOURCING_IN_FORCE, (now,), read, _KEPT["sourcing"])


async def next_change_of_sourcing(session: Session, now: datetime) -> datetime | None:
    """The next start of a published version of ROUTING or ROLLOUT; None if there is none."""
    return await session.value(
        datetime,
        "SELECT effective_from_at FROM policy WHERE kind IN ('ROUTING', 'ROLLOUT')"
        " AND effective_from_at > $1 ORDER BY effective_from_at LIMIT 1",
        now,
    )


async def every_version(session: Session, kind: str) -> Sequence[PolicyRow]:
    """All published versions of a kind, in force or not."""
    sql = f"SELECT {_COLUMNS} FROM policy WHERE kind = $1 ORDER BY scope, version"
    return await session.rows(PolicyRow, sql, kind)


async def last_version(session: Session, kind: str, scope: str) -> int:
    """The highest published version of a kind and scope; 0 if there is none."""
    found = await session.value(
        int, "SELECT MAX(version) FROM policy WHERE kind = $1 AND scope = $2", kind, scope
    )
    return found or 0


async def newest(session: Session, kind: str, scope: str) -> PolicyRow | None:
    """The highest published version of a kind and scope, in force or not."""
    return await session.row(
        PolicyRow,
        f"SELECT {_COLUMNS} FROM policy WHERE kind = $1 AND scope = $2"
        " ORDER BY version DESC LIMIT 1",
        kind,
        scope,
    )


async def published(session: Session, kind: str, scope: str, version: int) -> PolicyRow | None:
    """A published version of a kind and scope, also one that was superseded."""
    return await session.row(
        PolicyRow,
        f"SELECT {_COLUMNS} FROM policy WHERE kind = $1 AND scope = $2 AND version = $3",
        kind,
        scope,
        version,
    )


_STARTING = """
SELECT p.id, p.kind, p.scope, p.version, p.effective_from_at
FROM policy_start s JOIN policy p ON p.id = s.policy_id
WHERE p.effective_from_at <= $1
ORDER BY p.effective_from_at, p.id LIMIT $2 FOR UPDATE OF s SKIP LOCKED
"""


class StartingPolicyRow(TypedDict):
    """A version of a policy that comes into force."""

    id: UUID
    kind: str
    scope: str
    version: int
    effective_from_at: datetime


async def take_starting(session: Session, now: datetime, limit: int) -> Sequence[StartingPolicyRow]:
    """Delete and return stored starts of policy versions in force by `now`, oldest first."""
    rows = await session.rows(StartingPolicyRow, _STARTING, now, limit)
    if rows:
        await session.execute(
            "DELETE FROM policy_start WHERE policy_id = ANY($1::uuid[])",
            [row["id"] for row in rows],
        )
    return rows
