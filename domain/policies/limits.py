"""Limits of amounts, one per currency."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.policies.reading import Value
from domain.values.money import Money


@dataclass(frozen=True, slots=True)
class AmountLimits:
    """Minor units per currency; empty means no limit."""

    minor: Mapping[str, int]

    def is_passed_by(self, amount: Money) -> bool:
        """True if `amount` is above its currency's limit; a missing currency counts as above."""
        if not self.minor:
            return False
        limit = self.minor.get(amount.currency)
        return limit is None or amount.minor > limit


NO_LIMITS: Final = AmountLimits({})


def parse(value: Value) -> AmountLimits:
    """Parse an object of currency → amount with at least one entry; null is no limit."""
    return NO_LIMITS if value.json is None else parse_some(value)


def parse_some(value: Value) -> AmountLimits:
    """Parse an object of currency → amount with at least one entry."""
    limits = AmountLimits(value.amounts())
    if not limits.minor:
        value.refuse("must name at least one currency")
    return limits
