"""RETURN_SPIKE: opened for items of which many units are asked back, cleared when that is over.

1. One range of an index gives the units of each item that were asked back within a week.
2. The history of an item is read only if these units have grown since it was read last, so popular
   items cost nothing while their returns are as usual.
3. Items with an open or silenced exception are read each time: their figures fall with time.
"""

from __future__ import annotations

from functools import partial

import models.queries.exceptions.conditions as conditions
import models.queries.exceptions.spikes as spike_queries
import workflows.exceptions.opening as exceptions
from domain.exceptions import ExceptionKind
from domain.returns.spikes import AskedUnits
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

KIND = ExceptionKind.RETURN_SPIKE


class ReturnSpikes:
    """The units of each item that were usual when its history was read last."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._usual: dict[int, int] = {}

    async def step(self) -> int:
        """Open and clear exceptions of all items. Always returns 0: nothing is left."""
        database, now = self._transactions.database, self._transactions.clock()
        async with database.reading() as session:
            asked = await spike_queries.asked_often(session, now)
            watched = set(map(int, await conditions.subjects_of_kind(session, KIND)))
            grown = {item for item, units in asked.items() if units > self._usual.get(item, 0)}
            found = {
                item_id: await spike_queries.units_of(session, item_id, now)
                for item_id in sorted(grown | watched)
            }
        self._usual = {item: units for item, units in self._usual.items() if item in asked}
        for item_id, units in found.items():
            if item_id in watched:
                if units.is_over:
                    await self._transactions.run(partial(_clear, item_id=item_id))
            elif units.is_spike:
                await self._transactions.run(partial(_open, item_id=item_id, units=units))
            else:
                self._usual[item_id] = units.asked
        return 0


async def _open(tx: Transaction, item_id: int, units: AskedUnits) -> None:
    sku = await spike_queries.sku_of(tx.session, item_id)
    await exceptions.open_exception(
        tx,
        KIND,
        ("Item", item_id),
        f"{units.asked} units of {sku} were asked back within a week;"
        f" {units.expected:.1f} are usual.",
    )


async def _clear(tx: Transaction, item_id: int) -> None:
    await exceptions.clear(tx, KIND, ("Item", item_id))
