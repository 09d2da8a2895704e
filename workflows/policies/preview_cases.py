"""What a policy that is not published yet would have decided: nothing is written."""

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
    parse_scope,
    takes_effect,
)
from models.database.sessions import Session
from models.queries.listing.scopes import Scope
from workflows.policies.publishing import PublishPolicy


@dataclass(frozen=True, slots=True)
class Case:
    """One decided case: the object it was about, what was decided, and what would be now."""

    subject: tuple[str, UUID]
    before: Decision
    after: Decision

    @property
    def is_changed(self) -> bool:
        """Whether the outcome would be another."""
        return self.before["outcome"] != self.after["outcome"]


@dataclass(frozen=True, slots=True)
class Preview:
    """How many cases the policy would have decided, and those that it would decide otherwise."""

    decided: int
    changes: tuple[Case, ...]

    @staticmethod
    def of(cases: Iterable[Case]) -> Preview:
        """The preview that these cases make."""
        found = list(cases)
        return Preview(len(found), tuple(case for case in found if case.is_changed))


@dataclass(frozen=True, slots=True)
class Trial:
    """A policy tried out: it, and those that decide where it does not apply."""

    policy: PolicyVersion[Any]
    others: Sequence[PolicyVersion[Any]]
    scope: Scope

    def choose(self, facts: Facts) -> PolicyVersion[Any]:
        """The policy that would decide a case."""
        return choose([*self.others, self.policy], facts, self.policy.effective_from)


async def trial(session: Session, command: PublishPolicy, scope: Scope, now: datetime) -> Trial:
    """Read a policy as publishing would. Raises Invalid with the path of what is wrong with it."""
    where = parse_scope(command.scope)
    rules = parse_rules(command.kind, command.rules)
    effective_from = takes_effect(command.effective_from, now)
    version = await policy_queries.last_version(session, command.kind, str(where)) + 1
    policy: PolicyVersion[Any] = PolicyVersion(command.kind, where, version, effective_from, rules)
    in_force: Sequence[PolicyVersion[Any]]
    in_force = await policies.in_force(session, command.kind, now)  # type: ignore[call-overload]
    others = [each for each in in_force if each.scope != where]
    return Trial(policy, others, scope)
