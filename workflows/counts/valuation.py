"""The value of a difference, and the policies that it is compared with.

The value is at cost; without a cost, at price. It is unknown without both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import models.queries.stock.stock as stock_queries
import workflows.policies.publishing as policies
from domain.policies.adjustments import AdjustmentRules
from domain.policies.counts import CountRules, RecountLimits
from domain.policies.policies import Facts, PolicyKind, PolicyVersion, choose
from domain.stock.item_costs import CostPool
from domain.values.money import Money
from models.queries.catalog.lookups import ItemFacts, LocationFacts
from workflows.transactions.item_costs import average_costs
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class CountPolicies:
    """The COUNT and ADJUSTMENT policies in force for a location, and the costs of items."""

    location: str
    base_currency: str
    counts: tuple[PolicyVersion[CountRules], ...]
    adjustments: tuple[PolicyVersion[AdjustmentRules], ...]
    costs: Mapping[int, CostPool]

    def recount_limits(self, item: ItemFacts, now: datetime) -> RecountLimits:
        """The largest difference of an item that one attempt may book."""
        facts = Facts(location=self.location, category=item.category)
        return choose(self.counts, facts, now).rules.recount_above

    def value_of(self, item: ItemFacts, units: int) -> Money | None:
        """The value of units at cost, else at price; None: unknown."""
        pool = self.costs.get(item.id, CostPool(0, 0))
        if pool.value_minor or item.unit_cost_minor is not None:
            minor = pool.value_of(units, item.unit_cost_minor or 0)
            return Money(minor, self.base_currency)
        if item.price_minor is None or item.price_currency is None:
            return None
        return Money(item.price_minor * units, item.price_currency)

    async def needs_approval(
        self, tx: Transaction, item: ItemFacts, difference: int, actor: str
    ) -> bool:
        """True if a difference is above the ADJUSTMENT policy.

        Write-downs of the item by the actor on this day count together, as those by hand do.
        """
        if not difference:
            return False
        units = abs(difference)
        if difference < 0:
            start = tx.now.replace(hour=0, minute=0, second=0, microsecond=0)
            units += await stock_queries.written_down(tx.session, item.id, actor, start)
        facts = Facts(location=self.location, category=item.category)
        rules = choose(self.adjustments, facts, tx.now).rules
        return rules.needs_approval(self.value_of(item, units))


async def read(tx: Transaction, location: LocationFacts, item_ids: Iterable[int]) -> CountPolicies:
    """The policies in force for a location, and the costs of items whose stock is locked."""
    return CountPolicies(
        location.code,
        tx.terms.base_currency,
        await policies.in_force(tx.session, PolicyKind.COUNT, tx.now),
        await policies.in_force(tx.session, PolicyKind.ADJUSTMENT, tx.now),
        await average_costs(tx.session, item_ids),
    )
