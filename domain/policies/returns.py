"""RETURN policy: window, accepted reasons, review limits, and fast lane."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

import domain.policies.limits as limits
from domain.policies.limits import NO_LIMITS, AmountLimits
from domain.policies.reading import Members, Value
from domain.values.codes import comparison_key
from domain.values.money import Money

ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Reasons:
    """Accepted reason codes; `*` among them accepts all."""

    codes: frozenset[str]

    def accept(self, code: str) -> bool:
        """True if a return for this reason is accepted."""
        return ANY in self.codes or comparison_key(code) in self.codes


@dataclass(frozen=True, slots=True)
class FastLane:
    """Units that are restocked without inspection: low risk, listed reasons, low value."""

    max_risk: Decimal
    reasons: Reasons
    max_unit_value: AmountLimits

    def takes(self, risk: Decimal, reason: str, unit_value: Money) -> bool:
        """True if a unit of this value, reason and risk skips inspection."""
        return (
            risk <= self.max_risk
            and self.reasons.accept(reason)
            and not self.max_unit_value.is_passed_by(unit_value)
        )


@dataclass(frozen=True, slots=True)
class ReturnRules:
    """A parsed RETURN policy; None means no limit."""

    window_days: int
    reasons: Reasons
    is_final_sale: bool
    review_above_risk: Decimal | None
    review_above_amount: AmountLimits
    fast_lane: FastLane | None
    two_inspectors_above_risk: Decimal | None


def parse(rules: Value) -> ReturnRules:
    """Parse a RETURN document; raises its faults with their paths."""
    return rules.record(
        _rules,
        "window",
        "reasons finalSale reviewAboveRisk reviewAboveAmount fastLane twoInspectorsAboveRisk",
    )


def _rules(members: Members) -> ReturnRules:
    return ReturnRules(
        window_days=members.read("window", _days),
        reasons=members.get("reasons", _reasons, Reasons(frozenset({ANY}))),
        is_final_sale=members.get("finalSale", Value.flag, False),
        review_above_risk=members.maybe("reviewAboveRisk", Value.rate),
        review_above_amount=members.get("reviewAboveAmount", limits.parse, NO_LIMITS),
        fast_lane=members.maybe("fastLane", _fast_lane),
        two_inspectors_above_risk=members.maybe("twoInspectorsAboveRisk", Value.rate),
    )


def _days(value: Value) -> int:
    window = value.duration()
    # The window ends with a day of the location, so a fraction of a day would have no effect.
    if window % timedelta(days=1):
        value.refuse("must be whole days")
    return window.days


def _reasons(value: Value) -> Reasons:
    codes = value.distinct(Value.text)
    if not codes:
        value.refuse('must name at least one reason, or "*"')
    return Reasons(frozenset(map(comparison_key, codes)))


def _fast_lane(value: Value) -> FastLane:
    return value.record(
        lambda members: FastLane(
            max_risk=members.read("maxRisk", Value.rate),
            reasons=members.get("reasons", _reasons, Reasons(frozenset({ANY}))),
            max_unit_value=members.get("maxUnitValue", limits.parse, NO_LIMITS),
        ),
        "maxRisk",
        "reasons maxUnitValue",
    )
