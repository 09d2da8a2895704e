"""Shipment of transfers: units leave the origin and are in transit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import domain.ledger.entries as ledger_entries
import workflows.exceptions.opening as exceptions
import workflows.orders.parcel_numbers as parcel_numbers
import workflows.tasks.claims as tasks
import workflows.transfers.locked_transfers as locked_transfers
from domain.access.callers import Caller
from domain.events.payloads import encode
from domain.events.stock import TransferCancelled, TransferShipped
from domain.exceptions import ExceptionKind
from domain.problems import Problems
from domain.stock.states import MovementKind, StockState
from domain.stock.transfers import EXPECTED_AFTER, TransferStatus
from domain.values.codes import check_stored
from domain.values.money import Money
from models.queries.catalog.lookups import LocationFacts
from workflows.transactions.actions import one_by_one
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction
from workflows.transfers.commands import ShipTransfer
from workflows.transfers.locked_transfers import LockedTransfer, LockedTransferLine

_ID = ("input", "transferId")


@one_by_one("transferShip")
async def ship(tx: Transaction, command: ShipTransfer, caller: Caller) -> Mapping[str, Any]:
    """Send the units of a transfer on their way; the destination expects them.

    Units that were not found go to QUARANTINE until they are counted. If none was found, the
    transfer is cancelled. With a bought label it ships under its number. Locks the transfer, the
    task, the stock, then the costs. Raises IllegalTransition, Invalid, NotFound or TaskNotClaimed.
    Records `transfer.shipped`.
    """
    locked, named = await _checked(tx, command, caller)
    locked.check_may_become(TransferStatus.IN_TRANSIT, *_ID)
    labeled = (locked.row["carrier"], locked.row["tracking_number"])
    carrier, number = command.carrier or labeled[0], command.tracking_number or labeled[1]
    parcel_numbers.check_label(labeled, carrier, number)
    field = ("input", "shortages")
    locked_transfers.check_at_most(
        ((line, units, line.units.requested) for line, units in named), "can be missing", *field
    )
    short = {line.id: units for line, units in named}
    await tasks.admit(tx, ("Transfer", locked.id), caller, _ID)
    await tx.stock.open_levels((line.item_id, locked.destination.id) for line in locked.lines)
    await tx.costs.lock([line.item_id for line in locked.lines])
    await _quarantine(tx, locked, short, caller.actor)
    _send(tx, locked, short, caller.actor)
    shipped = {line.item_id: line.units.shipped for line in locked.lines}
    is_empty = not any(shipped.values())
    if not is_empty:
        shipped_at = locked_transfers.time_of(tx, locked)
        locked.row = {
            **locked.row,
            "carrier": carrier,
            "tracking_number": number,
            "shipped_at": shipped_at,
            "expected_by_at": locked.row["expected_by_at"] or shipped_at + EXPECTED_AFTER,
        }
    status = TransferStatus.CANCELLED if is_empty else TransferStatus.IN_TRANSIT
    locked_transfers.expect(tx, locked, shipped, caller.actor)
    step = await locked_transfers.write(tx, locked, status)
    event = (
        TransferCancelled(**step, units={})
        if is_empty
        else TransferShipped(
            **step,
            units={line.sku: line.units.shipped for line in locked.lines if line.units.shipped},
            shortages={line.sku: units for line, units in named},
        )
    )
    locked_transfers.record(tx, locked, event, caller.actor)
    tx.outbox.audit(
        caller.actor,
        "transferShip",
        ("Transfer", locked.id),
        before={"status": str(event.before)},
        after={**encode(event), "carrier": locked.row["carrier"]},
    )
    return {"transfer": str(locked.id)}


async def _checked(
    tx: Transaction, command: ShipTransfer, caller: Caller
) -> tuple[LockedTransfer, Sequence[tuple[LockedTransferLine, int]]]:
    """The locked transfer, and its lines with missing units. Raises all faults of the command."""
    problems, locked = Problems(), None
    with problems.under("input"):
        check_stored(command.carrier, "carrier")
    with problems.under("input"):
        check_stored(command.tracking_number, "trackingNumber")
    with problems.under():
        found = await locked_transfers.lock(tx, command.transfer_id, caller, *_ID)
        locked_transfers.check_sees(caller, found.origin, found.id, *_ID)
        locked = found
    field = ("input", "shortages")
    named = await locked_transfers.named_lines(tx, locked, command.shortages, problems, *field)
    problems.refuse()
    assert locked is not None
    return locked, named


def _send(tx: Transaction, locked: LockedTransfer, short: Mapping[UUID, int], actor: str) -> None:
    """Move the found units out of the origin, and post their cost as inventory in transit."""
    total = sent = 0
    for line in locked.lines:
        units = line.units.requested - short.get(line.id, 0)
        if not units:
            continue
        value_minor = tx.costs.issue(line.item_id, units)
        line.units.ship(units, value_minor)
        total, sent = total + value_minor, sent + units
        _move(tx, locked, line, (StockState.ALLOCATED, None), units, value_minor, actor)
    entry = ledger_entries.transfer_shipped(
        sent, Money(total, tx.terms.base_currency), locked_transfers.occasion(tx, locked)
    )
    tx.journal.post(entry, actor=actor, location_id=locked.origin.id)


async def _quarantine(
    tx: Transaction, locked: LockedTransfer, short: Mapping[UUID, int], actor: str
) -> None:
    """Move units that were not found to QUARANTINE, in doubt, and have their levels counted."""
    total = 0
    for line in locked.lines:
        units = short.get(line.id, 0)
        if units:
            value_minor = tx.costs.to_quality(line.item_id, units)
            total += value_minor
            states = (StockState.ALLOCATED, StockState.QUARANTINE)
            _move(tx, locked, line, states, units, value_minor, actor, missing=units)
            why = f"{units} units of {line.sku} were not found"
            await report_doubt(tx, line, locked.origin, why, actor)
    if short:
        entry = ledger_entries.moved(
            sum(short.values()),
            StockState.ALLOCATED,
            StockState.QUARANTINE,
            Money(total, tx.terms.base_currency),
            locked_transfers.occasion(tx, locked),
        )
        tx.journal.post(entry, actor=actor, location_id=locked.origin.id)


def _move(
    tx: Transaction,
    locked: LockedTransfer,
    line: LockedTransferLine,
    states: tuple[StockState, StockState | None],
    units: int,
    value_minor: int,
    actor: str,
    missing: int = 0,
) -> None:
    """Move allocated units of a line at the origin; `missing`: those that were not found."""
    tx.stock.move(
        StockMove(
            item_id=line.item_id,
            location_id=locked.origin.id,
            from_state=states[0],
            to_state=states[1],
            quantity=units,
            missing=missing,
            actor=actor,
            reference=locked.reference,
            value_minor=value_minor,
            value_currency=tx.terms.base_currency,
            kind=MovementKind.TRANSFERRED if states[1] is None else None,
        ),
    )


async def report_doubt(
    tx: Transaction, line: LockedTransferLine, place: LocationFacts, why: str, actor: str
) -> None:
    """Open COUNT_VARIANCE for a level whose units are in doubt. It must be locked."""
    level = tx.stock.levels[line.item_id, place.id]
    await exceptions.open_exception(
        tx,
        ExceptionKind.COUNT_VARIANCE,
        ("StockLevel", level.id),
        f"{why} at {place.code}.",
        location_id=place.id,
        actor=actor,
    )
