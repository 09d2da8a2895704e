"""Parts of an order's value, and how an amount is split over what is left of them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Parts:
    """Goods, tax on goods, shipping and tax on shipping, in minor units."""

    items_minor: int = 0
    tax_minor: int = 0
    shipping_minor: int = 0
    shipping_tax_minor: int = 0

    @property
    def total_minor(self) -> int:
        return sum(self.minors)

    @property
    def minors(self) -> tuple[int, int, int, int]:
        """The four amounts, in the order of the fields."""
        return (self.items_minor, self.tax_minor, self.shipping_minor, self.shipping_tax_minor)

    @property
    def has_shipping(self) -> bool:
        """True if shipping or its tax is part of it."""
        return self.shipping_minor > 0 or self.shipping_tax_minor > 0

    def __add__(self, other: "Parts") -> "Parts":
        return Parts(*(a + b for a, b in zip(self.minors, other.minors, strict=True)))

    def __sub__(self, other: "Parts") -> "Parts":
        return Parts(*(a - b for a, b in zip(self.minors, other.minors, strict=True)))

    def at_least_zero(self) -> "Parts":
        """The same parts; a negative one becomes 0."""
        return Parts(*(max(0, each) for each in self.minors))

    def without_shipping(self) -> "Parts":
        """Goods and their tax alone."""
        return Parts(self.items_minor, self.tax_minor)


NOTHING: Final = Parts()


def in_proportion(amount_minor: int, left: Parts) -> Parts:
    """Split an amount over `left` in proportion to it, by the largest remainder.

    1. Each part gets `amount × part ÷ total`, rounded down.
    2. The minor units that remain go to the largest remainders; of equal ones, to the earlier part.

    No part exceeds what is left of it. Raises ValueError for more than is left in all.
    """
    total = left.total_minor
    if not 0 <= amount_minor <= total or min(left.minors) < 0:
        raise ValueError("an amount must be within what is left")
    if not amount_minor:
        return NOTHING
    shares = [divmod(amount_minor * each, total) for each in left.minors]
    parts = [quotient for quotient, _ in shares]
    by_remainder = sorted(range(len(parts)), key=lambda place: -shares[place][1])
    for place in by_remainder[: amount_minor - sum(parts)]:
        parts[place] += 1
    return Parts(*parts)


def within(value: Parts, left: Parts) -> Parts:
    """The value, or the part of it that is left on the order.

    An earlier refund by amount may have taken some of a part. What the value cannot have of that
    part is split over what is left of the others, in proportion. A part that is left because of a
    deduction is therefore still goods or tax, and never becomes shipping. Shipping is left out
    unless the value has some.
    """
    usable = left.at_least_zero()
    if not value.has_shipping:
        usable = usable.without_shipping()
    fitting = Parts(*(min(a, b) for a, b in zip(value.minors, usable.minors, strict=True)))
    total_minor = min(value.total_minor, usable.total_minor)
    return fitting + in_proportion(total_minor - fitting.total_minor, usable - fitting)


@dataclass(frozen=True, slots=True)
class RefundValue:
    """The value that a refund takes back from its order, and what becomes of it.

    `fee_minor` stays with the retailer. `unpaid_minor` was never paid: it lowers what the order
    owes. `owed_minor` was owed by a cancellation before, and is paid in addition.
    """

    parts: Parts
    fee_minor: int = 0
    unpaid_minor: int = 0
    owed_minor: int = 0

    @property
    def net_minor(self) -> int:
        """The value that leaves the order: the parts less the fee."""
        return self.parts.total_minor - self.fee_minor

    @property
    def amount_minor(self) -> int:
        """The amount to pay."""
        return self.net_minor - self.unpaid_minor + self.owed_minor
