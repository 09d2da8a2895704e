"""Modes of rollout: the policy that decides whether a policy or people decide a new case."""

from __future__ import annotations

from dataclasses import dataclass

import workflows.policies.publishing as policies
from domain.policies.policies import PolicyKind, PolicyVersion
from domain.policies.rollout import RolloutDomain, RolloutMode, RolloutRules
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Switch:
    """The mode of a case, with the ROLLOUT policy that decided it."""

    domain: RolloutDomain
    mode: RolloutMode
    scope: str
    version: int

    @property
    def is_live(self) -> bool:
        """True if the policy of the domain decides."""
        return self.mode is RolloutMode.LIVE

    @property
    def reason(self) -> str:
        """The reason why the policy of the domain does not decide, as text for people."""
        return f"{self.domain} is {self.mode} in the ROLLOUT policy: people decide."


def switch(policy: PolicyVersion[RolloutRules], domain: RolloutDomain) -> Switch:
    """The mode that a ROLLOUT policy gives to a domain."""
    return Switch(domain, policy.rules.mode(domain), str(policy.scope), policy.version)


async def of_new_case(
    tx: Transaction, domain: RolloutDomain, *, channel: str, location: str | None
) -> Switch:
    """The mode of a case that begins now."""
    policy = await policies.decide(
        tx.session, PolicyKind.ROLLOUT, tx.now, channel=channel, location=location
    )
    return switch(policy, domain)
