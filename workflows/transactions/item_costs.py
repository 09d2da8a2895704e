"""The item costs that a transaction has locked, changed in memory and written together.

Each item has two pools (domain/stock/item_costs.py). AVAILABLE, HELD and ALLOCATED units are
inventory; units in the other states are inventory in quality control. Units of returns and
unidentified parcels keep their own cost; the other units in quality control share the rest. An
issue of more units than a pool has is a ValueError: the stock columns are checked before, so the
costs must have been wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import models.queries.ledger as ledger_queries
from domain.errors import Invalid
from domain.stock.item_costs import CostPool
from domain.values.money import MINOR_MAX
from models.database.database import Database
from models.database.sessions import Session
from models.database.sql import WriteStatement
from workflows.transactions.lock_order import LockClass
from workflows.transactions.unit_of_work import Restore, UnitOfWork


class CostsInAnotherCurrency(Exception):
    """Costs are stored in another currency; it cannot change after the first goods receipt."""

    def __init__(self, wanted: str, kept: str) -> None:
        super().__init__(f"it is {wanted}, but costs are kept in {kept} since stock was received")


async def check_base_currency(database: Database, wanted: str) -> None:
    """Raise CostsInAnotherCurrency if costs are stored in another currency than `wanted`."""
    async with database.reading() as session:
        kept = await ledger_queries.kept_currency(session)
    if kept not in (None, wanted):
        assert kept is not None
        raise CostsInAnotherCurrency(wanted, kept)


async def average_costs(session: Session, item_ids: Iterable[int]) -> dict[int, CostPool]:
    """The pool that gives the cost of units of each item, as `value_of_found` chooses it.

    The stock of the items must be locked: only then no other transaction changes their costs.
    """
    found = {}
    for row in await ledger_queries.costs_of(session, sorted(set(item_ids))):
        inventory = CostPool(row["quantity"], row["value_minor"])
        quality = CostPool(row["quality_quantity"], row["quality_value_minor"])
        found[row["item_id"]] = inventory if inventory.quantity else quality
    return found


@dataclass(slots=True)
class ItemPools:
    """An item's locked cost row."""

    id: int
    inventory: CostPool
    quality: CostPool
    returned: CostPool
    is_dirty: bool = False

    @property
    def untracked(self) -> CostPool:
        """Units in quality control that belong to no return and no parcel."""
        return CostPool(
            self.quality.quantity - self.returned.quantity,
            self.quality.value_minor - self.returned.value_minor,
        )


class LockedCosts:
    """Locked cost rows by item. All methods but `lock` need the item's row to be locked."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._pools: dict[int, ItemPools] = {}

    async def lock(self, item_ids: Iterable[int]) -> None:
        """Lock the cost rows of these items in order; insert missing rows."""
        wanted = sorted(set(item_ids) - self._pools.keys())
        if not wanted:
            return
        self._unit.locking(LockClass.COST)
        rows = await ledger_queries.lock_costs(self._unit.session, wanted)
        if len(rows) < len(wanted):
            await ledger_queries.ensure_costs(
                self._unit.session, wanted, self._unit.terms.base_currency
            )
            rows = await ledger_queries.lock_costs(self._unit.session, wanted)
        for row in rows:
            self._pools[row["item_id"]] = ItemPools(
                row["id"],
                CostPool(row["quantity"], row["value_minor"]),
                CostPool(row["quality_quantity"], row["quality_value_minor"]),
                CostPool(row["returned_quantity"], row["returned_value_minor"]),
            )

    def receive(self, item_id: int, quantity: int, value_minor: int) -> None:
        """Add units with a total cost of `value_minor` to inventory. Raises Invalid."""
        pools = self._changing(item_id)
        pools.inventory = _within_bounds(pools.inventory.receive(quantity, value_minor))

    def issue(self, item_id: int, quantity: int) -> int:
        """Remove units from inventory; returns their cost."""
        pools = self._changing(item_id)
        pools.inventory, value_minor = pools.inventory.issue(quantity)
        return value_minor

    def receive_quality(self, item_id: int, quantity: int, value_minor: int) -> None:
        """Add units with a total cost of `value_minor` to quality control. Raises Invalid."""
        pools = self._changing(item_id)
        pools.quality = _within_bounds(pools.quality.receive(quantity, value_minor))

    def scrap(self, item_id: int, quantity: int) -> int:
        """Remove units without a return from quality control and the stock; returns their cost."""
        pools = self._changing(item_id)
        _, value_minor = pools.untracked.issue(quantity)
        pools.quality = _without(pools.quality, quantity, value_minor)
        return value_minor

    def receive_returned(self, item_id: int, quantity: int, value_minor: int) -> None:
        """Add units of a return or parcel with a total cost of `value_minor`. Raises Invalid."""
        self.receive_quality(item_id, quantity, value_minor)
        pools = self._pools[item_id]
        pools.returned = pools.returned.receive(quantity, value_minor)

    def issue_returned(self, item_id: int, quantity: int, value_minor: int) -> None:
        """Remove units of a return or parcel from quality control, at their own cost."""
        pools = self._changing(item_id)
        pools.quality = _without(pools.quality, quantity, value_minor)
        pools.returned = _without(pools.returned, quantity, value_minor)

    def to_quality(self, item_id: int, quantity: int) -> int:
        """Move units from inventory to quality control; returns the cost moved."""
        value_minor = self.issue(item_id, quantity)
        self.receive_quality(item_id, quantity, value_minor)
        return value_minor

    def from_quality(self, item_id: int, quantity: int) -> int:
        """Move units from quality control to inventory; returns the cost moved."""
        value_minor = self.scrap(item_id, quantity)
        self.receive(item_id, quantity, value_minor)
        return value_minor

    def value_of_found(self, item_id: int, quantity: int, unit_cost_minor: int | None) -> int:
        """Value of units without a receipt: at the item's average cost.

        The cost comes from the pool that has units, inventory first; if both are empty, from
        `unit_cost_minor`, else 0.
        """
        pools = self._pools[item_id]
        pool = pools.inventory if pools.inventory.quantity else pools.quality
        return pool.value_of(quantity, unit_cost_minor or 0)

    def inventory_value(self, item_id: int) -> int:
        """Cost of the item's units in inventory, in minor units."""
        return self._pools[item_id].inventory.value_minor

    def take_changes(self) -> WriteStatement:
        """The pools that changed since they were written, in item order."""
        dirty = [self._pools[i] for i in sorted(self._pools) if self._pools[i].is_dirty]
        rows = [
            (
                pools.id,
                pools.inventory.quantity,
                pools.inventory.value_minor,
                pools.quality.quantity,
                pools.quality.value_minor,
                pools.returned.quantity,
                pools.returned.value_minor,
            )
            for pools in dirty
        ]
        for pools in dirty:
            pools.is_dirty = False
        return ledger_queries.changed_costs(rows)

    def snapshot(self) -> Restore:
        """Return a function that undoes, in memory, all locks and moves from now on."""
        pools = {item_id: replace(pools) for item_id, pools in self._pools.items()}

        def restore() -> None:
            self._pools = pools

        return restore

    def _changing(self, item_id: int) -> ItemPools:
        pools = self._pools[item_id]
        pools.is_dirty = True
        return pools


def _without(pool: CostPool, quantity: int, value_minor: int) -> CostPool:
    return CostPool(pool.quantity - quantity, pool.value_minor - value_minor)


def _within_bounds(pool: CostPool) -> CostPool:
    if pool.value_minor > MINOR_MAX:
        raise Invalid(
            f"The value of the units must be at most {MINOR_MAX} minor units.",
            field=("input",),
            details={"maximumMinor": MINOR_MAX},
        )
    return pool
