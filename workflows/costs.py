"""What the units of items cost: the locked pools of a transaction, moved in memory (6.3).

Each item has two pools in the base currency. AVAILABLE, HELD and ALLOCATED units are inventory;
units in the other states are inventory in quality control. A pool's unit cost is its value ÷ its
quantity: part of it takes round(value × part ÷ quantity), the last unit takes the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import models.queries.ledger as queries
from domain.errors import Invalid
from domain.money import MINOR_MAX, share
from models.sessions import Session

if TYPE_CHECKING:
    from workflows.transactions import Transaction


class CostsDiffer(RuntimeError):
    """A pool holds fewer units than the stock columns do: the books were wrong before."""


@dataclass(slots=True)
class Pool:
    """Units and what they cost together, in minor units."""

    quantity: int
    value_minor: int

    def put(self, quantity: int, value_minor: int) -> None:
        """Add units of this value. Raises Invalid where the value is beyond what is kept."""
        if self.value_minor + value_minor > MINOR_MAX:
            raise Invalid(
                "The units are worth more than this system keeps.",
                field=("quantity",),
                details={"maximumMinor": MINOR_MAX},
            )
        self.quantity += quantity
        self.value_minor += value_minor

    def take(self, quantity: int) -> int:
        """Take units out and return their part of the value. Raises CostsDiffer."""
        if quantity > self.quantity:
            raise CostsDiffer(f"{quantity} units asked for, {self.quantity} on the books")
        value_minor = share(self.value_minor, quantity, self.quantity)
        self.put(-quantity, -value_minor)
        return value_minor


@dataclass(slots=True)
class ItemPools:
    """An item's locked cost row."""

    id: int
    inventory: Pool
    quality: Pool
    is_dirty: bool = False

    def copy(self) -> ItemPools:
        """The same pools, apart."""
        return ItemPools(self.id, replace(self.inventory), replace(self.quality), self.is_dirty)


class CostBook:
    """Locked cost rows by item. Everything but `lock` needs the item's row locked before."""

    def __init__(self) -> None:
        self._pools: dict[int, ItemPools] = {}

    async def lock(self, tx: Transaction, item_ids: Iterable[int]) -> None:
        """Lock the cost rows of these items in order, making those that do not exist yet."""
        wanted = sorted(set(item_ids) - self._pools.keys())
        if not wanted:
            return
        tx.locking_costs()
        rows = await queries.lock_costs(tx.session, wanted)
        if len(rows) < len(wanted):
            await queries.ensure_costs(tx.session, wanted, tx.terms.base_currency)
            rows = await queries.lock_costs(tx.session, wanted)
        for row in rows:
            self._pools[row["item_id"]] = ItemPools(
                row["id"],
                Pool(row["quantity"], row["value_minor"]),
                Pool(row["quality_quantity"], row["quality_value_minor"]),
            )

    def receive(self, item_id: int, quantity: int, value_minor: int) -> None:
        """Units that cost `value_minor` together came into inventory."""
        self._changing(item_id).inventory.put(quantity, value_minor)

    def issue(self, item_id: int, quantity: int) -> int:
        """Units left inventory; what they cost."""
        return self._changing(item_id).inventory.take(quantity)

    def receive_quality(self, item_id: int, quantity: int, value_minor: int) -> None:
        """Units that cost `value_minor` together came into quality control from outside."""
        self._changing(item_id).quality.put(quantity, value_minor)

    def scrap(self, item_id: int, quantity: int) -> int:
        """Units left quality control for the outside; what they cost."""
        return self._changing(item_id).quality.take(quantity)

    def to_quality(self, item_id: int, quantity: int) -> int:
        """Units went from inventory into quality control; the cost that went with them."""
        pools = self._changing(item_id)
        value_minor = pools.inventory.take(quantity)
        pools.quality.put(quantity, value_minor)
        return value_minor

    def from_quality(self, item_id: int, quantity: int) -> int:
        """Units went from quality control into inventory; the cost that went with them."""
        pools = self._changing(item_id)
        value_minor = pools.quality.take(quantity)
        pools.inventory.put(quantity, value_minor)
        return value_minor

    def value_of_found(self, item_id: int, quantity: int, unit_cost_minor: int | None) -> int:
        """What units without a receipt are booked at: the item's unit cost, else 0.

        By the pool that has units, inventory first; where neither has, by `unit_cost_minor`.
        """
        pools = self._pools[item_id]
        for pool in (pools.inventory, pools.quality):
            if pool.quantity:
                return share(pool.value_minor, quantity, pool.quantity)
        return quantity * (unit_cost_minor or 0)

    async def flush(self, session: Session) -> None:
        """Write the pools that changed, in item order."""
        dirty = [self._pools[i] for i in sorted(self._pools) if self._pools[i].is_dirty]
        if not dirty:
            return
        rows = [
            (
                pools.id,
                pools.inventory.quantity,
                pools.inventory.value_minor,
                pools.quality.quantity,
                pools.quality.value_minor,
            )
            for pools in dirty
        ]
        await queries.write_costs(session, rows)
        for pools in dirty:
            pools.is_dirty = False

    def mark(self) -> dict[int, ItemPools]:
        """What to restore when a savepoint is rolled back."""
        return {item_id: pools.copy() for item_id, pools in self._pools.items()}

    def restore(self, mark: dict[int, ItemPools]) -> None:
        """Forget what was locked and moved since the mark."""
        self._pools = mark

    def _changing(self, item_id: int) -> ItemPools:
        pools = self._pools[item_id]
        pools.is_dirty = True
        return pools
