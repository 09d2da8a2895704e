"""Guard of the step from SHADOW to LIVE: enough compared cases, and enough of them agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import models.queries.rollout.cases as case_queries
from domain.errors import PolicyViolation
from domain.policies.policies import Facts, PolicyKind, PolicyScope, PolicyVersion, choose
from domain.policies.rollout import (
    COUNTED_FOR,
    Requirement,
    RolloutDomain,
    RolloutMode,
    RolloutRules,
)
from domain.problems import Problems
from domain.values.codes import same_code
from workflows.transactions.transaction import Transaction


async def check(
    tx: Transaction,
    in_force: Sequence[PolicyVersion[RolloutRules]],
    new: PolicyVersion[RolloutRules],
) -> None:
    """Raise PolicyViolation for each domain that the new policy must not make LIVE yet.

    `in_force`: the policies at the start of the new one. The shadow cases of the last 14 days
    count. The requirements of the present and of the new policy hold both.
    """
    problems = Problems()
    refused: set[RolloutDomain] = set()
    for domain, facts, require in _steps(in_force, new):
        if domain in refused:
            continue
        since = tx.now - COUNTED_FOR
        found = await case_queries.agreement(tx.session, domain, facts, since)
        compared, agreed = found["compared"], int(found["agreed"])
        if require.is_met(compared, agreed):
            continue
        refused.add(domain)
        with problems.under():
            raise PolicyViolation(
                f"{domain} needs {require.cases} compared shadow cases of the last"
                f" {COUNTED_FOR.days} days to become LIVE, and an agreement of"
                f" {require.agreement}; {agreed} of {compared} cases agree.",
                field=("rules", "domains", str(domain)),
                details={
                    "policy": str(PolicyKind.ROLLOUT),
                    "domain": str(domain),
                    "cases": compared,
                    "agreed": agreed,
                    "requiredCases": require.cases,
                    "requiredAgreement": float(require.agreement),
                },
            )
    problems.refuse()


def _steps(
    in_force: Sequence[PolicyVersion[RolloutRules]], new: PolicyVersion[RolloutRules]
) -> Iterator[tuple[RolloutDomain, Facts, Requirement]]:
    """The steps from SHADOW to LIVE: domain, places, and the stricter requirement."""
    at = new.effective_from
    for facts in _places(in_force, new.scope):
        before = choose(in_force, facts, at)
        after = choose([*in_force, new], facts, at)
        for domain in RolloutDomain:
            modes = (before.rules.mode(domain), after.rules.mode(domain))
            if modes == (RolloutMode.SHADOW, RolloutMode.LIVE):
                yield domain, facts, before.rules.require.with_(after.rules.require)


def _places(in_force: Sequence[PolicyVersion[RolloutRules]], scope: PolicyScope) -> Iterator[Facts]:
    """The places that the scope applies to: its own, and those of other scopes within it."""
    for other in (scope, *(policy.scope for policy in in_force)):
        pairs = ((scope.channel, other.channel), (scope.location, other.location))
        if all(one is None or two is None or same_code(one, two) for one, two in pairs):
            yield Facts(scope.channel or other.channel, None, scope.location or other.location)
