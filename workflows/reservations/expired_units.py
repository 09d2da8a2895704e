"""Units of expired holds that the sweep has not ended yet: they are available to every request.

Ending a hold takes half a millisecond, in which other requests for the same stock wait. So:
1. a request that locks stock also ends the few oldest expired holds of its items;
2. if the units do not suffice, it ends all of them, and decides again;
3. a request that takes available units by hand ends none unless they do not suffice;
4. the sweep ends the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

import models.queries.orders.reservations as reservation_queries
import models.queries.stock.stock as stock_queries
import workflows.availability.routing as routing
import workflows.reservations.expiry as expiry
from domain.errors import InsufficientStock, LimitExceeded
from domain.stock.states import StockState
from models.database.locked_reads import FromLock
from models.database.sql import Question
from models.queries.catalog.lookups import ChannelFacts
from models.queries.orders.reservations import ExpiredHoldRow
from models.queries.stock.stock import LockedLevelRow
from workflows.availability.atp_context import AtpContext
from workflows.availability.demands import Demand, promised_part
from workflows.availability.routing import Plan
from workflows.rollout.modes import Switch
from workflows.transactions.levels import Key
from workflows.transactions.transaction import Transaction

# Lines of the items whose holds are ended without need.
ENDED_AT_ONCE_MAX = 50
# Lines of these holds whose items a new hold locks. A hold with other items waits for a later step.
LOCKED_LINES_MAX = 200
# Lines of the items whose holds are ended at a time if the units do not suffice.
STEP_MAX = 500

ResultT = TypeVar("ResultT")


class ExpiredUnits:
    """Expired holds of locked items: the oldest were ended, the others are ended when needed."""

    def __init__(self, item_ids: Iterable[int], *, may_be_more: bool) -> None:
        self._item_ids = sorted(item_ids)
        self._may_be_more = may_be_more

    async def attempt(self, tx: Transaction, work: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Return the result of `work`. If units lack, end all expired holds, and call it again."""
        try:
            return await work()
        except (InsufficientStock, LimitExceeded):
            if not await self.end_all(tx):
                raise
        return await work()

    async def end_all(self, tx: Transaction) -> bool:
        """End the others; False if none was left."""
        ended = 0
        while self._may_be_more:
            found = await reservation_queries.holds_over(
                tx.session, self._item_ids, tx.now, STEP_MAX
            )
            count = await self._end(tx, found) if found else 0
            ended += count
            self._may_be_more = count > 0
        return ended > 0

    @staticmethod
    async def _end(tx: Transaction, ids: Collection[UUID]) -> int:
        """End these holds. Their other items may come before the locked ones: no lock waits."""
        lines = await reservation_queries.lines_of(tx.session, sorted(ids))
        await tx.stock.try_lock({line["item_id"] for line in lines})
        return await expiry.expire(tx, lines)


async def lock_stock(
    tx: Transaction, item_ids: Iterable[int], also_expired: Iterable[UUID] = ()
) -> ExpiredUnits:
    """Lock all stock of these items and end their oldest expired holds.

    A hold with other items is ended if these are few; they are locked together, in lock order.
    `also_expired`: further holds of these items to end if they have expired.
    """
    wanted, named = set(item_ids), set(also_expired)
    found = await reservation_queries.holds_over(
        tx.session, sorted(wanted), tx.now, ENDED_AT_ONCE_MAX
    )
    ids = found | named
    lines = await reservation_queries.lines_of(tx.session, sorted(ids)) if ids else []
    others = sorted({line["item_id"] for line in lines} - wanted)[:LOCKED_LINES_MAX]
    locked = wanted.union(others)
    await tx.stock.lock(locked)
    left_out = {line["reservation_id"] for line in lines if line["item_id"] not in locked}
    chosen = [line for line in lines if line["reservation_id"] not in left_out]
    if chosen:
        await expiry.expire(tx, chosen)
    return ExpiredUnits(wanted, may_be_more=bool(found))


async def end_if_short(tx: Transaction, wanted: Mapping[Key, int]) -> None:
    """End all expired holds of the items that lack available units at a location.

    `wanted`: units by (item, location), of locked items. Sends no statement if none lacks.
    """
    short = set()
    for (item_id, location_id), units in wanted.items():
        level = tx.stock.level(item_id, location_id)
        if level is not None and level.units[StockState.AVAILABLE] < units:
            short |= {item_id} if level.units[StockState.HELD] else set()
    if short:
        await ExpiredUnits(short, may_be_more=True).end_all(tx)


def supply_lock(
    tx: Transaction, skus: Sequence[str], references: Sequence[str]
) -> Question[Sequence[LockedLevelRow]]:
    """Lock for new holds: the stock of the SKUs, and of the oldest expired holds on them."""
    return stock_queries.supply_lock(skus, references, tx.now, ENDED_AT_ONCE_MAX, LOCKED_LINES_MAX)


def oldest(
    tx: Transaction, locked: FromLock, skus: Sequence[str], references: Sequence[str]
) -> Question[Sequence[ExpiredHoldRow]]:
    """The expired holds that `supply_lock` looks for, after its lock."""
    return reservation_queries.over_of(locked, skus, references, tx.now, ENDED_AT_ONCE_MAX)


async def end_oldest(
    tx: Transaction, item_ids: Iterable[int], found: Sequence[ExpiredHoldRow]
) -> ExpiredUnits:
    """End those of the found holds of these items that `supply_lock` has covered."""
    covered = [row["id"] for row in found if row["covered"]]
    if covered:
        await expiry.expire(tx, await reservation_queries.lines_of(tx.session, sorted(covered)))
    return ExpiredUnits(item_ids, may_be_more=bool(found))


async def plan_part(
    tx: Transaction,
    expired: ExpiredUnits,
    context: AtpContext,
    channel: ChannelFacts,
    demands: Sequence[Demand],
    terms: tuple[str | None, str],
    switch: Switch | None,
) -> Plan | None:
    """Allocate what the channel may sell of these demands; None if nothing.

    Each item has one demand for each location that it names, and one for any. `terms`: country and
    service level. `switch`: that of the order. Units of expired holds are used before any lack.
    """
    try:
        return await expired.attempt(
            tx, lambda: routing.plan(tx, context, channel, demands, *terms, switch)
        )
    except InsufficientStock:
        part = promised_part(tx, context, channel, demands)
    return await routing.plan(tx, context, channel, part, *terms, switch) if part else None
