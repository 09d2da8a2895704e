"""Preview of a policy that is not published yet, on past cases. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import models.queries.policies as policy_queries
import workflows.policies.publishing as policies
from domain.policies.decisions import Decision
from domain.policies.policies import (
    Facts,
    PolicyVersion,
    choose,
    parse_rules,
    scope_for,
    takes_effect,
)
from domain.problems import Problems
from models.database.sessions import Session
from models.queries.listing.scopes import Scope
from workflows.policies.publishing import PublishPolicy


@dataclass(frozen=True, slots=True)
class Case:
    """A past case: its subject, the decision made then, and the one under the new policy."""

    subject: tuple[str, UUID]
    before: Decision
    after: Decision

    @property
    def is_changed(self) -> bool:
        """True if the outcomes differ."""
        return self.before["outcome"] != self.after["outcome"]


@dataclass(frozen=True, slots=True)
class Preview:
    """Number of cases that the policy would decide, and the cases with a different outcome."""

    decided: int
    changes: tuple[Case, ...]

    @staticmethod
    def of(cases: Iterable[Case]) -> Preview:
        found = list(cases)
        return Preview(len(found), tuple(case for case in found if case.is_changed))


@dataclass(frozen=True, slots=True)
class Trial:
    """A policy to try out, with the policies that decide the cases it does not apply to."""

    policy: PolicyVersion[Any]
    others: Sequence[PolicyVersion[Any]]
    scope: Scope

    def choose(self, facts: Facts) -> PolicyVersion[Any]:
        """The policy that would decide a case with these facts."""
        return choose([*self.others, self.policy], facts, self.policy.effective_from)


async def trial(session: Session, command: PublishPolicy, scope: Scope, now: datetime) -> Trial:
    """Parse a policy as publishing does. Raises the faults of the scope, the rules and the time."""
    problems = Problems()
    with problems.under():
        where = scope_for(command.kind, command.scope)
    with problems.under():
        rules = parse_rules(command.kind, command.rules)
    with problems.under():
        effective_from = takes_effect(command.effective_from, now)
    problems.refuse()
    version = await policy_queries.last_version(session, command.kind, str(where)) + 1
    policy: PolicyVersion[Any] = PolicyVersion(command.kind, where, version, effective_from, rules)
    in_force: Sequence[PolicyVersion[Any]]
    in_force = await policies.in_force(session, command.kind, now)  # type: ignore[call-overload]
    others = [each for each in in_force if each.scope != where]
    return Trial(policy, others, scope)
