"""The job that moves what playbooks move when they start and when they end.

A run goes STARTING → ACTIVE and ENDING → ENDED. Each step is one transaction under the lock of the
run, and finds what is left by looking: so it may be killed at any point, and goes on from there.

1. Transactions that were under way when the run started, or ended, may not have seen it. The first
step stores a barrier; the others wait until all older transactions have ended.
2. Each step moves at most UNITS_MAX levels, or at most PARCELS_MAX parcels.
3. With nothing left, the run takes its next status.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

import structlog

import models.queries.continuity.parcels as parcel_queries
import models.queries.continuity.quarantines as quarantine_queries
import models.queries.continuity.runs as run_queries
import models.queries.orders.fulfillment_holds as hold_queries
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.continuity.closures as closures
import workflows.measures.quarantines as quarantines
import workflows.orders.fulfillment_holds as fulfillment_holds
import workflows.orders.locked_orders as locked_orders
import workflows.orders.measure_holds as measure_holds
from domain.access.callers import SYSTEM
from domain.continuity.runs import PlaybookStatus
from domain.policies.continuity import MeasureKind
from models.database.errors import unforeseen
from models.policies import PlaybookRunRow
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

UNITS_MAX: Final = 200
PARCELS_MAX: Final = 50


class Moves:
    """Brings runs on, one step at a time. A run that cannot go on does not delay the others."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def work(self) -> int:
        """Take one step of each run that moves. Returns how many of them moved something."""
        async with self._transactions.database.reading() as session:
            run_ids = await run_queries.moving(session)
        moved = 0
        for run_id in run_ids:
            moved += await self._step(run_id)
        return moved

    async def _step(self, run_id: UUID) -> bool:
        try:
            return await self._transactions.run(lambda tx: _step(tx, run_id))
        except Exception as error:  # the other runs can go on
            logger.warning(
                "playbooks.not_moved",
                run=str(run_id),
                error=repr(error),
                exc_info=unforeseen(error),
            )
            return False


async def _step(tx: Transaction, run_id: UUID) -> bool:
    """One step of a run. False if it has to wait, or nothing is left to do."""
    run = await run_queries.try_lock_run(tx.session, run_id)
    if run is None:
        return False
    status = PlaybookStatus(run["status"])
    if status not in (PlaybookStatus.STARTING, PlaybookStatus.ENDING):
        return False
    if run["barrier"] is None:
        await run_queries.set_barrier(tx.session, run_id)
        return True
    if not await run_queries.is_passed(tx.session, run["barrier"]):
        return False
    kinds = {MeasureKind(row["kind"]) for row in await run_queries.measures_of(tx.session, run_id)}
    if status is PlaybookStatus.STARTING:
        moved, left = await _start(tx, run, kinds)
        done = PlaybookStatus.ACTIVE
    else:
        moved, left = await _end(tx, run)
        done = PlaybookStatus.ENDED
    if not left:
        await run_queries.write_status(tx.session, run_id, done)
    return moved or not left


async def _start(
    tx: Transaction, run: PlaybookRunRow, kinds: Collection[MeasureKind]
) -> tuple[bool, bool]:
    """Move the next things of a run that starts: (something was moved, something is left).

    Parcels come first: their orders are locked before any stock.
    """
    if MeasureKind.HOLD_PARCELS in kinds:
        rows = await parcel_queries.to_hold(tx.session, run, PARCELS_MAX)
        if rows:
            return await _hold(tx, run, rows), True
    if MeasureKind.CLOSE_LOCATION in kinds:
        rows = await parcel_queries.to_move(tx.session, run, 1)
        if rows:
            return await closures.move_or_hold(tx, run, rows[0]), True
    if MeasureKind.QUARANTINE in kinds:
        keys = await quarantine_queries.next_to_take(
            tx.session, run["id"], UNITS_MAX, at_named_locations=run["locations"] is not None
        )
        if keys:
            await tx.stock.lock({item_id for item_id, _ in keys})
            await quarantines.take(tx, run["id"], [tx.stock.levels[key] for key in keys])
            return True, True
    return False, False


async def _hold(
    tx: Transaction, run: PlaybookRunRow, rows: Collection[parcel_queries.ConcernedParcelRow]
) -> bool:
    """Hold parcels whose orders no other transaction has locked. The others are left."""
    orders = {
        order.id: order
        for order in await locked_orders.try_lock(tx, {row["order_id"] for row in rows})
    }
    held = False
    for row in rows:
        order = orders.get(row["order_id"])
        parcel = await fulfillment_queries.fulfillment(tx.session, row["id"])
        if order is not None and parcel is not None:
            held |= await measure_holds.place(tx, order, parcel, run["id"])
    return held


async def _end(tx: Transaction, run: PlaybookRunRow) -> tuple[bool, bool]:
    """Move back the next things of a run that ends: (something was moved, something is left)."""
    holds = await parcel_queries.holds_to_release(tx.session, run["id"], PARCELS_MAX)
    if holds:
        return await _release(tx, holds), True
    keys = await quarantine_queries.next_unsettled(tx.session, run["id"], UNITS_MAX)
    if keys:
        await tx.stock.lock({item_id for item_id, _ in keys})
        await quarantines.give_back(tx, run["id"], keys)
        return True, True
    return False, False


async def _release(tx: Transaction, holds: Collection[parcel_queries.RunHoldRow]) -> bool:
    orders = {
        order.id: order
        for order in await locked_orders.try_lock(tx, {hold["order_id"] for hold in holds})
    }
    released = False
    for hold in holds:
        order = orders.get(hold["order_id"])
        row = await hold_queries.hold(tx.session, hold["id"])
        if order is not None and row is not None:
            released |= await fulfillment_holds.end(tx, order, row, SYSTEM.actor)
    return released
