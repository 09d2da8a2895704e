"""ROLLOUT policy: the domains whose policies decide by themselves, and those that people decide.

A case keeps the mode in which it began. `require` limits the step from SHADOW to LIVE.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from domain.policies.reading import Value

EVERY: Final = "*"
CASES_MAX: Final = 1_000_000
# The age up to which shadow cases count for the step from SHADOW to LIVE.
COUNTED_FOR: Final = timedelta(days=14)


class RolloutDomain(StrEnum):
    """Decisions that a ROLLOUT policy leaves to a policy, or to people."""

    ROUTING = "ROUTING"
    """Locations that supply an order or a hold."""
    RETURNS = "RETURNS"
    """Acceptance of a return."""
    DISPOSITIONS = "DISPOSITIONS"
    """Disposition of an inspected unit."""
    REFUNDS = "REFUNDS"
    """Payment of a return's refund without an approval."""


class RolloutMode(StrEnum):
    """Part that a policy has in the decisions of a domain."""

    OFF = "OFF"
    """People or the caller decide."""
    SHADOW = "SHADOW"
    """As OFF. The decision that the policy would have made is stored, and compared with theirs."""
    LIVE = "LIVE"
    """The policy decides."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Compared shadow cases, and the rate of agreement, that LIVE requires after SHADOW."""

    cases: int = 0
    agreement: Decimal = Decimal(0)

    def is_met(self, compared: int, agreed: int) -> bool:
        """True if this many of the compared cases agree. Without a case the rate is 0."""
        rate = Decimal(agreed) / compared if compared else Decimal(0)
        return compared >= self.cases and rate >= self.agreement

    def with_(self, other: "Requirement") -> "Requirement":
        """The stricter of both, number by number."""
        return Requirement(max(self.cases, other.cases), max(self.agreement, other.agreement))


@dataclass(frozen=True, slots=True)
class RolloutRules:
    """A parsed ROLLOUT policy. `domains` has a mode for each domain, or for EVERY other one."""

    domains: Mapping[str, RolloutMode]
    require: Requirement

    def mode(self, domain: RolloutDomain) -> RolloutMode:
        """The mode of a domain."""
        found = self.domains.get(domain)
        return self.domains[EVERY] if found is None else found


def parse(rules: Value) -> RolloutRules:
    """Parse a ROLLOUT document; raises its faults with their paths."""
    return rules.record(
        lambda members: RolloutRules(
            domains=members.read("domains", _domains),
            require=members.get("require", _require, Requirement()),
        ),
        "domains",
        "require",
    )


def _domains(value: Value) -> Mapping[str, RolloutMode]:
    names = (EVERY, *RolloutDomain)
    found = value.record(
        lambda members: {
            str(name): members.read(name, lambda each: each.choice(RolloutMode))
            for name in names
            if name in members.json
        },
        optional=" ".join(names),
    )
    missing = [domain for domain in RolloutDomain if domain not in found]
    if EVERY not in found and missing:
        value.refuse(f'must have a mode for {", ".join(missing)}, or "{EVERY}" for the others')
    return found


def _require(value: Value) -> Requirement:
    return value.record(
        lambda members: Requirement(
            cases=members.get("cases", lambda each: each.integer(0, CASES_MAX), 0),
            agreement=members.get("agreement", Value.rate, Decimal(0)),
        ),
        optional="cases agreement",
    )
