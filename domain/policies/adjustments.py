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
    """Parse an ADJUSTMENT document; raises Invalid with the path of the fault."""
    members = rules.members("approvalAbove")
    approval_above = members["approvalAbove"]
    if approval_above.json is None:
        approval_above.refuse("must be an object")
    return AdjustmentRules(limits.parse(approval_above))
