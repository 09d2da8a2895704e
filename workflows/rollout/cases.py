"""Cases of a domain that is not LIVE: their mode, their shadow decision, and its comparison.

All three are stored in the transactions of the case itself, and never changed:

1. `open_case` when the case begins. Without a row, a case is LIVE for ever.
2. `add_shadow` when the policy would have decided.
3. `compare` when people or the caller have decided. Only their first decision is compared.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import orjson

import models.queries.rollout.cases as case_queries
from domain.policies.decisions import Decision
from domain.policies.policies import PolicyVersion
from domain.policies.rollout import RolloutDomain, RolloutMode
from domain.policies.shadows import Shadow, differences, failed
from models.policies import (
    RolloutCase,
    RolloutCaseRow,
    ShadowComparison,
    ShadowComparisonRow,
    ShadowDecision,
    ShadowDecisionRow,
)
from workflows.rollout.modes import Switch
from workflows.transactions.transaction import Transaction

Subject = tuple[str, UUID]


async def attempt(
    tx: Transaction, policy: PolicyVersion[Any], decide: Callable[[], Awaitable[Shadow]]
) -> Shadow:
    """The shadow that `decide` makes. An error becomes a failed shadow, and undoes nothing else.

    `decide` must not change the transaction. PostgreSQL refuses all statements after an error, so
    the savepoint is needed even if it only reads.
    """
    await tx.session.execute("SAVEPOINT shadow")
    try:
        return await decide()
    except Exception as error:  # noqa: BLE001  a policy that is tried must not break the case
        await tx.session.execute("ROLLBACK TO SAVEPOINT shadow")
        return failed(policy, error)


def open_case(
    tx: Transaction,
    switch: Switch,
    subject: Subject,
    *,
    channel_id: int,
    location_id: int | None,
    shadow: Shadow | None = None,
) -> RolloutCaseRow:
    """Store the mode of a case that begins, with its shadow decision if it is known already."""
    row: RolloutCaseRow = {
        "id": tx.new_id(),
        "domain": str(switch.domain),
        "mode": str(switch.mode),
        "subject_type": subject[0],
        "subject_key": str(subject[1]),
        "channel_id": channel_id,
        "location_id": location_id,
        "policy_scope": switch.scope,
        "policy_version": switch.version,
        "opened_at": tx.now,
    }
    tx.add(RolloutCase, row)
    if shadow is not None:
        add_shadow(tx, row, shadow)
    return row


def add_shadow(tx: Transaction, case: RolloutCaseRow, shadow: Shadow) -> None:
    """Store the decision that the policy would have made in a case."""
    row: ShadowDecisionRow = {
        "case_id": case["id"],
        "outcome": shadow.outcome,
        "decision": orjson.dumps(shadow.decision).decode(),
        "failed": shadow.failed,
        "decided_at": tx.now,
    }
    tx.add(ShadowDecision, row)


def add_comparison(
    tx: Transaction, case: RolloutCaseRow, would: str, did: str, decided_by: str
) -> None:
    """Store the decision of people or of the caller, compared with that of the policy."""
    differing = differences(RolloutDomain(case["domain"]), would, did)
    row: ShadowComparisonRow = {
        "case_id": case["id"],
        "did": did,
        "decided_by": decided_by,
        "agrees": not differing,
        "differences": orjson.dumps(differing).decode(),
        "decided_at": tx.now,
    }
    tx.add(ShadowComparison, row)


async def case_of(tx: Transaction, subject: Subject) -> RolloutCaseRow | None:
    """The case of a subject; None: a policy decides it."""
    found = await case_queries.of_subjects(tx.session, subject[0], [str(subject[1])])
    return found.get(str(subject[1]))


async def compare(tx: Transaction, subject: Subject, did: str, decided_by: str) -> None:
    """Compare the decision of a person with the shadow decision of the case, if it has one.

    The subject must be locked. A case that was compared before stays as it is.
    """
    case = await case_of(tx, subject)
    if case is None or case["mode"] != RolloutMode.SHADOW:
        return
    shadow = await case_queries.shadow_of(tx.session, case["id"])
    if shadow is not None and not shadow["is_compared"]:
        add_comparison(tx, case, shadow["outcome"], did, decided_by)


async def compare_part(
    tx: Transaction, case: RolloutCaseRow, part_id: UUID, did: str, decided_by: str
) -> None:
    """Compare a decision about all units of a case, or about a part that was split off.

    A part with an id of its own becomes a case of its own, with the same mode and shadow.
    """
    if str(part_id) == case["subject_key"]:
        await compare(tx, (case["subject_type"], part_id), did, decided_by)
        return
    part, shadow = await _copy(tx, case, part_id)
    if shadow is not None:
        add_comparison(tx, part, shadow.outcome, did, decided_by)


async def follow(tx: Transaction, subject: Subject, other_id: UUID) -> None:
    """Make another object of the subject's type a case of its own, if the subject is one."""
    case = await case_of(tx, subject)
    if case is not None:
        await _copy(tx, case, other_id)


async def _copy(
    tx: Transaction, case: RolloutCaseRow, other_id: UUID
) -> tuple[RolloutCaseRow, Shadow | None]:
    """A case for another subject, with the same mode and shadow."""
    row: RolloutCaseRow = {**case, "id": tx.new_id(), "subject_key": str(other_id)}
    tx.add(RolloutCase, row)
    found = await case_queries.shadow_of(tx.session, case["id"])
    if found is None:
        return row, None
    decision: Decision = orjson.loads(found["decision"])
    shadow = Shadow(decision, bool(found["failed"]))
    add_shadow(tx, row, shadow)
    return row, shadow


def switch_of(case: RolloutCaseRow) -> Switch:
    """The mode that a case keeps."""
    return Switch(
        RolloutDomain(case["domain"]),
        RolloutMode(case["mode"]),
        case["policy_scope"],
        case["policy_version"],
    )
