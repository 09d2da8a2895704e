"""ADJUSTMENT policy: the value up to which stock is written down without approval."""

from dataclasses import dataclass

import domain.policies.limits as limits
from domain.policies.limits import AmountLimits
from domain.policies.reading import Value
from domain.values.money import Money


@dataclass(frozen=True, slots=True)
class AdjustmentRules:
    """A parsed ADJUSTMENT policy."""

    approval_above: AmountLimits

    def needs_approval(self, written_down: Money | None) -> bool:
        """True if write-downs of this total need approval; None: of unknown value, always."""
        return written_down is None or self.approval_above.is_passed_by(written_down)


def parse(rules: Value) -> AdjustmentRules:
    """Parse an ADJUSTMENT document; raises its faults with their paths."""
    return rules.record(
        lambda members: AdjustmentRules(members.read("approvalAbove", limits.parse_some)),
        "approvalAbove",
    )
