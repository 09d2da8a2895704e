"""RETURN_SPIKE: more units of an item are asked back in a week than its history leads to expect."""

from dataclasses import dataclass
from datetime import timedelta
from math import sqrt
from typing import Final

WEEK: Final = timedelta(days=7)
# The history whose rate is expected: it ends where the week begins.
HISTORY: Final = timedelta(weeks=8)
# Units shipped in this time may come back in the week.
SHIPPED_WITHIN: Final = timedelta(days=30)
UNITS_MIN: Final = 5


@dataclass(frozen=True, slots=True)
class AskedUnits:
    """Units of an item: asked back in the week, and asked back and shipped before."""

    asked: int
    asked_before: int
    shipped_before: int
    shipped_lately: int

    @property
    def expected(self) -> float:
        """Units expected in a week: the rate of the history, of what was shipped in 30 days."""
        rate = self.asked_before / self.shipped_before if self.shipped_before else 0.0
        return max(1.0, rate * self.shipped_lately * (WEEK / SHIPPED_WITHIN))

    @property
    def is_spike(self) -> bool:
        """True if the units are far more than expected: by more than three standard deviations."""
        expected = self.expected
        return self.asked >= UNITS_MIN and self.asked > expected + 3 * sqrt(expected)

    @property
    def is_over(self) -> bool:
        """True if the units are as expected again: within two standard deviations."""
        expected = self.expected
        return self.asked <= expected + 2 * sqrt(expected)
