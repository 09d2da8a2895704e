"""What the units of an item cost: a pool of units and their value, averaged as units move.

Each item has two, in minor units of the base currency: inventory (AVAILABLE, HELD, ALLOCATED) and
inventory in quality control (the other states). Values only ever move with units, so that a pool's
value is exactly what the journal has on its account.
"""

from dataclasses import dataclass
from typing import Final

from domain.values.money import share


@dataclass(frozen=True, slots=True)
class CostPool:
    """`quantity` units that cost `value_minor` together; neither is ever negative."""

    quantity: int
    value_minor: int

    def __post_init__(self) -> None:
        if self.quantity < 0 or self.value_minor < 0 or (self.value_minor and not self.quantity):
            raise ValueError(f"no such pool: {self.quantity} units worth {self.value_minor}")

    def receive(self, units: int, value_minor: int) -> "CostPool":
        """The pool with `units` more that cost `value_minor` together."""
        return CostPool(self.quantity + units, self.value_minor + value_minor)

    def issue(self, units: int) -> tuple["CostPool", int]:
        """The pool without `units`, and what they cost.

        round(value × units ÷ quantity), half-even; the last unit takes the rest. ValueError when
        the pool has fewer units: the stock columns are checked before.
        """
        if not 0 <= units <= self.quantity:
            raise ValueError(f"{units} units of a pool of {self.quantity}")
        value_minor = self.value_of(units)
        return CostPool(self.quantity - units, self.value_minor - value_minor), value_minor

    def value_of(self, units: int, unit_cost_minor: int = 0) -> int:
        """What `units` are worth at the pool's unit cost; an empty pool's is `unit_cost_minor`."""
        if not self.quantity:
            return units * unit_cost_minor
        return share(self.value_minor, units, self.quantity)


EMPTY: Final = CostPool(0, 0)
