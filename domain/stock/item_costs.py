"""Moving-average cost of an item: a pool of units and their total value.

Each item has two pools, in minor units of the base currency: inventory (AVAILABLE, HELD,
ALLOCATED), and inventory in quality control (the other states). Value moves only together with
units. So a pool's value always equals the balance of its account in the journal.
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
            raise ValueError(f"invalid pool: {self.quantity} units worth {self.value_minor}")

    def receive(self, units: int, value_minor: int) -> "CostPool":
        """The pool after receiving `units` that cost `value_minor` together."""
        return CostPool(self.quantity + units, self.value_minor + value_minor)

    def issue(self, units: int) -> tuple["CostPool", int]:
        """The pool after issuing `units`, and the cost of those units.

        The cost is round(value × units ÷ quantity), half-even; the last unit takes the remainder.
        Raises ValueError if the pool has fewer units: callers check the stock columns first.
        """
        if not 0 <= units <= self.quantity:
            raise ValueError(f"cannot issue {units} units from a pool of {self.quantity}")
        value_minor = self.value_of(units)
        return CostPool(self.quantity - units, self.value_minor - value_minor), value_minor

    def value_of(self, units: int, unit_cost_minor: int = 0) -> int:
        """The value of `units` at the pool's unit cost, or at `unit_cost_minor` if it is empty."""
        if not self.quantity:
            return units * unit_cost_minor
        return share(self.value_minor, units, self.quantity)


EMPTY: Final = CostPool(0, 0)
