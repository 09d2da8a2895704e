"""The ADJUSTMENT document: up to what value stock is written down without a supervisor."""

from dataclasses import dataclass

import domain.policies.limits as limits
from domain.policies.limits import AmountLimits
from domain.policies.reading import Value
from domain.values.money import Money


@dataclass(frozen=True, slots=True)
class AdjustmentRules:
    """One ADJUSTMENT policy, read."""

    approval_above: AmountLimits

    def needs_approval(self, written_down: Money | None) -> bool:
        """Whether write-downs that add up to this need approval; None: of unknown value."""
        return written_down is None or self.approval_above.is_passed_by(written_down)


def parse(rules: Value) -> AdjustmentRules:
    """Read an ADJUSTMENT document; Invalid with the path of what is wrong with it."""
    members = rules.members("approvalAbove")
    approval_above = members["approvalAbove"]
    if approval_above.json is None:
        approval_above.refuse("must be an object")
    return AdjustmentRules(limits.parse(approval_above))
