"""Deductions and the restocking fee: of the exact value of units, rounded once.

A unit's share of its line is rounded, and depends on the units that were refunded before. What is
kept of it does not: the same units in any order are refunded with the same deductions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class GradedValue:
    """`quantity` of the `units` of an order line; `rate` of their value is deducted.

    `net_minor` and `tax_minor` are of the whole line.
    """

    net_minor: int
    tax_minor: int
    units: int
    quantity: int
    rate: Decimal

    def net_kept(self, share_minor: int) -> int:
        """The deduction from the units' net price; at most their share of it."""
        return self._kept(self.net_minor, share_minor)

    def tax_kept(self, share_minor: int) -> int:
        """The deduction from the units' tax; at most their share of it."""
        return self._kept(self.tax_minor, share_minor)

    @property
    def net_left(self) -> Fraction:
        """The exact net price of the units after the deduction."""
        return Fraction(self.net_minor * self.quantity, self.units) * (1 - Fraction(self.rate))

    def _kept(self, total_minor: int, share_minor: int) -> int:
        if self.rate == 1:
            return share_minor
        exact = Fraction(total_minor * self.quantity, self.units) * Fraction(self.rate)
        return min(share_minor, round(exact))


def restocking_fee(values: Iterable[GradedValue], rate: Decimal, goods_minor: int) -> int:
    """The fee on goods after deductions, rounded half-even; at most `goods_minor`, their price."""
    exact = sum((each.net_left for each in values), Fraction()) * Fraction(rate)
    return min(goods_minor, round(exact))
