"""TRANSFER_DISCREPANCY: opened for a lost parcel, for units that do not arrive and for extra ones,
and cleared later.

It is cleared when the transfer is CLOSED, and no unit of its extra items is missing at either end:
all of them were counted. The transaction that closes a transfer has locked the levels of these
items, as a count does. So the later one of both sees the other, and clears.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import models.queries.exceptions.conditions as conditions
import models.queries.stock.transfers as transfer_queries
import workflows.exceptions.opening as exceptions
from domain.access.callers import SYSTEM
from domain.events.fulfillments import CarrierRecorded
from domain.events.stock import TransferClosed
from domain.exceptions import ExceptionKind
from domain.orders.carriers import CarrierStatus
from domain.stock.transfers import ON_THE_WAY, TransferStatus
from workflows.transactions.levels import Level
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction
from workflows.transfers.locked_transfers import LockedTransfer

KIND = ExceptionKind.TRANSFER_DISCREPANCY


async def report(
    tx: Transaction, locked: LockedTransfer, found: Sequence[str], location_id: int, actor: str
) -> None:
    """Open TRANSFER_DISCREPANCY for the differences of one receipt, if there are any."""
    if found:
        await exceptions.open_exception(
            tx,
            KIND,
            ("Transfer", locked.id),
            f"Transfer {locked.row['number']}: {'; '.join(found)}.",
            location_id=location_id,
            actor=actor,
        )


async def report_loss(tx: Transaction, event: PendingEvent[CarrierRecorded]) -> None:
    """Open TRANSFER_DISCREPANCY for a transfer whose carrier reports its parcel as LOST.

    A transfer with no unit in transit is not in doubt. The transaction holds its lock.
    """
    report = event.payload
    if report.transfer is None or report.status is not CarrierStatus.LOST:
        return
    row = await transfer_queries.lock_transfer(tx.session, report.transfer)
    assert row is not None
    if TransferStatus(row["status"]) in ON_THE_WAY:
        await exceptions.open_exception(
            tx,
            KIND,
            ("Transfer", report.transfer),
            f"Transfer {row['number']}: {report.carrier} reports its parcel as lost.",
            location_id=row["destination_id"],
            actor=event.actor,
        )


def levels_in_doubt(locked: LockedTransfer) -> list[tuple[int, int]]:
    """(item, location) of the levels whose counts settle the extra units of a transfer."""
    return [
        (line.item_id, end.id)
        for line in locked.lines
        if line.units.extra
        for end in (locked.origin, locked.destination)
    ]


async def clear_when_closed(tx: Transaction, event: PendingEvent[TransferClosed]) -> None:
    """Clear TRANSFER_DISCREPANCY of a closed transfer, unless extra units are to be counted."""
    await tx.flush()
    await _clear(tx, [UUID(event.subject_key)], event.actor)


async def clear_counted(tx: Transaction, levels: Sequence[Level]) -> None:
    """Clear TRANSFER_DISCREPANCY of transfers whose last extra units were counted."""
    if any(level.missing == 0 for level in levels):
        await tx.flush()
        watched = await conditions.subjects_of_kind(tx.session, KIND)
        await _clear(tx, map(UUID, watched), SYSTEM.actor)


async def _clear(tx: Transaction, transfer_ids: Iterable[UUID], actor: str) -> None:
    ids = sorted(transfer_ids)
    for transfer_id in await transfer_queries.settled_among(tx.session, ids) if ids else ():
        await exceptions.clear(tx, KIND, ("Transfer", transfer_id), actor=actor)
