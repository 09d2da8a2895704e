"""Expiry of overdue returns: without any receipt they expire, else the rest is missing."""

from __future__ import annotations

from uuid import UUID

import models.queries.returns.returns as return_queries
import workflows.returns.discrepancies as discrepancies
import workflows.returns.locked_returns as locked_returns
import workflows.returns.records as return_records
from domain.access.callers import SYSTEM
from domain.events.returns import ReturnExpired, ReturnReceived
from domain.returns.receipts import Discrepancy, DiscrepancyKind, mark_missing
from domain.returns.states import MISSING_AFTER, ReturnItemState, ReturnStatus, overdue_status
from workflows.returns.locked_returns import LockedReturn
from workflows.returns.return_units import ReturnUnits
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

EXPIRED_MAX = 50


async def expire_returns(transactions: Transactions) -> int:
    """End overdue returns, each in its own transaction; returns their number.

    At most EXPIRED_MAX. Locks the order, then the return. Records `return.expired` or
    `return.received`, and opens RETURN_DISCREPANCY for missing units.
    """

    async def find(tx: Transaction) -> list[UUID]:
        return await return_queries.overdue(tx.session, tx.now - MISSING_AFTER, EXPIRED_MAX)

    ended = 0
    for return_id in await transactions.run(find):

        async def end(tx: Transaction, overdue_id: UUID = return_id) -> bool:
            return await _end(tx, overdue_id)

        ended += await transactions.run(end)
    return ended


async def _end(tx: Transaction, return_id: UUID) -> bool:
    locked = await locked_returns.lock(tx, return_id, None, ())
    before = locked.status
    next_status = overdue_status(before, locked.expected_by_at, tx.now)
    if next_status is None:
        return False
    missing = _mark_missing(tx, locked) if next_status is ReturnStatus.RECEIVED else []
    locked.set_status(next_status)
    await return_records.write(tx, locked)
    event = ReturnExpired if next_status is ReturnStatus.EXPIRED else ReturnReceived
    ended = event(**return_records.step(locked, missing or locked.groups, before))
    return_records.record(tx, ended, locked, SYSTEM.actor)
    return_records.audit(tx, SYSTEM.actor, event.type, locked, before=before)
    found = [
        Discrepancy(
            DiscrepancyKind.MISSING,
            f"{group.quantity} units of {group.sku} were not received.",
            group.sku,
            group.quantity,
        )
        for group in missing
    ]
    place = locked.destination_id
    await discrepancies.open_exception(tx, locked, found, SYSTEM.actor, location_id=place)
    return True


def _mark_missing(tx: Transaction, locked: LockedReturn) -> list[ReturnUnits]:
    """Mark all units that are still EXPECTED as MISSING."""
    missing = []
    for each in mark_missing([group.units for group in locked.groups]):
        group = locked.group(each.item_id)
        assert group is not None
        group.state = ReturnItemState.MISSING
        missing.append(group)
    return missing
