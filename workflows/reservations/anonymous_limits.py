"""Limits of holds by callers without an API key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import models.queries.orders.reservations as reservation_queries
from domain.access.callers import Caller
from domain.errors import LimitExceeded
from domain.stock.reservations import check_anonymous_address, check_anonymous_units
from models.queries.catalog.lookups import ChannelFacts
from workflows.availability.atp_context import AtpContext
from workflows.availability.demands import Demand, promised
from workflows.transactions.transaction import Transaction


@dataclass(slots=True)
class AnonymousUsage:
    """Live holds by network address, and the units in them by (item, address)."""

    holds: dict[str, int]
    units: dict[tuple[int, str], int]

    def check(
        self,
        tx: Transaction,
        context: AtpContext,
        channel: ChannelFacts,
        caller: Caller,
        demands: Sequence[Demand],
    ) -> None:
        """Raise LimitExceeded if another hold of these units would exceed the limits."""
        address = caller.address or ""
        check_anonymous_address(self.holds.get(address, 0), tx.terms.holds)
        wanted: dict[int, int] = {}
        for demand in demands:
            item_id = demand.item.id
            wanted[item_id] = wanted.get(item_id, 0) + demand.quantity
            by_all = sum(units for (item, _), units in self.units.items() if item == item_id)
            by_address = self.units.get((item_id, address), 0)
            atp = promised(tx, context, channel, demand.item)
            try:
                check_anonymous_units(wanted[item_id], by_address, by_all, atp, tx.terms.holds)
            except LimitExceeded as error:
                raise error.under(*demand.field) from None

    def add(self, caller: Caller, demands: Iterable[Demand]) -> None:
        """Add a hold that was made in this transaction."""
        address = caller.address or ""
        self.holds[address] = self.holds.get(address, 0) + 1
        for demand in demands:
            key = (demand.item.id, address)
            self.units[key] = self.units.get(key, 0) + demand.quantity


async def read_usage(tx: Transaction, callers: Iterable[Caller]) -> AnonymousUsage:
    """Read the live anonymous holds of these addresses and of the items whose stock is locked."""
    addresses = {caller.address or "" for caller in callers if caller.is_anonymous}
    if not addresses:
        return AnonymousUsage({}, {})
    return AnonymousUsage(
        await reservation_queries.holds_by_address(tx.session, sorted(addresses), tx.now),
        await reservation_queries.anonymous_units(tx.session, sorted(tx.stock.item_ids), tx.now),
    )
