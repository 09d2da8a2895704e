"""Receipts of transfers: units arrive at the destination, or come back to the origin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import domain.ledger.entries as ledger_entries
import models.queries.catalog.item_codes as code_queries
import models.queries.catalog.lookups as lookups
import models.queries.stock.bins as bin_queries
import workflows.tasks.claims as tasks
import workflows.transfers.discrepancies as discrepancies
import workflows.transfers.locked_transfers as locked_transfers
import workflows.transfers.shipments as shipments
from domain.access.callers import Caller
from domain.errors import Invalid, LimitExceeded
from domain.events.payloads import encode
from domain.events.stock import TransferReceived
from domain.problems import Problems
from domain.stock.states import MovementKind, StockState, check_quantity
from domain.stock.transfers import LINES_MAX, Arrival, TransferStatus, TransferUnits, status_after
from domain.values.codes import ByCode, same_code
from domain.values.money import Money
from models.queries.catalog.item_codes import ScannedItem
from models.queries.catalog.lookups import ItemFacts, LocationFacts
from models.queries.stock.bins import BinFacts
from models.transfers import TransferLine
from workflows.stock.goods_receipts import open_bin
from workflows.stock.scanned_items import scanned_item
from workflows.tasks.claims import Subject
from workflows.transactions.actions import one_by_one
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction
from workflows.transfers.commands import ReceiveTransfer, TransferArrival
from workflows.transfers.locked_transfers import LockedTransfer, LockedTransferLine

_ID = ("input", "transferId")


@dataclass(frozen=True, slots=True)
class _Arrived:
    """Units of a line that arrived together, and the bin of the good ones."""

    line: LockedTransferLine
    item: ItemFacts
    units: Arrival
    into: BinFacts | None
    extra_minor: int


@one_by_one("transferReceive")
async def receive(tx: Transaction, command: ReceiveTransfer, caller: Caller) -> Mapping[str, Any]:
    """Record units that arrived: good ones are AVAILABLE, damaged ones DAMAGED.

    Units beyond those in transit are extra: in doubt, in QUARANTINE, and both locations are to be
    counted. They open TRANSFER_DISCREPANCY, as units do that are left when the command says that
    nothing more is coming. The transfer is closed when no unit is in transit. Locks the transfer,
    the task, the stock, then the costs. Raises IllegalTransition, Invalid, LimitExceeded, NotFound
    or TaskNotClaimed. Records `transfer.received`, and `transfer.closed` with the last unit.
    """
    locked, place, command, items, bins = await _checked(tx, command, caller)
    locked.check_may_become(TransferStatus.PARTIALLY_RECEIVED, *_ID)
    subject: Subject = ("Transfer", locked.id)
    live = await tasks.admit(tx, subject, caller, _ID)
    item_ids = [items[each.sku].id for each in command.lines]
    ends = (locked.origin.id, locked.destination.id)
    named = [(item_id, end) for item_id in item_ids for end in ends]
    await tx.stock.open_levels({*named, *discrepancies.levels_in_doubt(locked)})
    await tx.stock.read_bins(
        tx.stock.levels[items[each.sku].id, place.id]
        for each, into in zip(command.lines, bins, strict=True)
        if into is not None
    )
    await tx.costs.lock(item_ids)
    in_transit = {line.item_id: line.units.in_transit for line in locked.lines}
    arrived = [
        _arrive(tx, locked, place, each, items[each.sku], into)
        for each, into in zip(command.lines, bins, strict=True)
    ]
    for each in arrived:
        _take_in(tx, locked, place, each, caller.actor)
    _post(tx, locked, place, arrived, caller.actor)
    await _report_extra(tx, locked, arrived, caller.actor)
    if place.id == locked.destination.id:
        await tasks.progress(tx, live, caller.actor)
    taken = {
        line.item_id: line.units.in_transit - in_transit.get(line.item_id, 0)
        for line in locked.lines
    }
    locked_transfers.expect(tx, locked, taken, caller.actor)
    status = status_after(line.units for line in locked.lines)
    step = await locked_transfers.write(tx, locked, status)
    event = TransferReceived(
        **step,
        location=place.code,
        good=_by_sku(arrived, lambda units: units.good),
        damaged=_by_sku(arrived, lambda units: units.damaged),
        extra=_by_sku(arrived, lambda units: units.extra),
    )
    locked_transfers.record(tx, locked, event, caller.actor)
    found = _differences(locked, arrived, command)
    await discrepancies.report(tx, locked, found, place.id, caller.actor)
    tx.outbox.audit(
        caller.actor,
        "transferReceive",
        subject,
        before={"status": str(event.before)},
        after={**encode(event), "complete": command.is_complete},
    )
    return {"transfer": str(locked.id)}


def _place(locked: LockedTransfer, command: ReceiveTransfer, caller: Caller) -> LocationFacts:
    """The end of the transfer at which the units arrived. Raises Invalid or NotFound."""
    for place in (locked.destination, locked.origin):
        if same_code(place.code, command.location_code):
            locked_transfers.check_sees(caller, place, locked.id, *_ID)
            return place
    allowed = [locked.destination.code, locked.origin.code]
    raise Invalid(
        f"Units of this transfer arrive at {allowed[0]}, or come back to {allowed[1]};"
        f" {command.location_code} was sent.",
        field=("input", "locationCode"),
        details={"allowed": allowed},
    )


async def _checked(
    tx: Transaction, command: ReceiveTransfer, caller: Caller
) -> tuple[
    LockedTransfer, LocationFacts, ReceiveTransfer, ByCode[ItemFacts], list[BinFacts | None]
]:
    """The locked transfer, the place, the command in SKUs and units, its items, and its bins.

    Raises all faults of the command. Bins of a place that is not found are not checked.
    """
    if len(command.lines) > LINES_MAX:
        raise LimitExceeded("lines", LINES_MAX, len(command.lines), field=("input", "lines"))
    problems, place = Problems(), None
    with problems.under():
        locked = await locked_transfers.lock(tx, command.transfer_id, caller, *_ID)
        place = _place(locked, command, caller)
    with problems.under("input", "lines"):
        if not command.lines and not command.is_complete:
            raise Invalid("At least one line is required, unless `complete` is true.")
    found = await code_queries.scanned(tx.session, [each.sku for each in command.lines])
    codes = {each.bin_code for each in command.lines if each.bin_code is not None}
    bins = await bin_queries.hold_bins(tx.session, codes) if codes else None
    lines: list[TransferArrival] = []
    into: list[BinFacts | None] = []
    for index, each in enumerate(command.lines):
        with problems.under("input", "lines", str(index)):
            line, at = _line(each, found, bins, place)
            lines.append(line)
            into.append(at)
    problems.refuse()
    assert place is not None
    items = await lookups.items_by_sku(tx.session, [each.sku for each in lines])
    return locked, place, replace(command, lines=tuple(lines)), items, into


def _line(
    each: TransferArrival,
    found: Mapping[str, Sequence[ScannedItem]],
    bins: ByCode[BinFacts] | None,
    place: LocationFacts | None,
) -> tuple[TransferArrival, BinFacts | None]:
    """The line with a SKU instead of a code and units instead of scans, and its bin.

    Raises all its faults.
    """
    problems, into = Problems(), None
    with problems.under():
        check_quantity(each.quantity, least=0)
        check_quantity(each.quantity + max(0, each.damaged))
    with problems.under("damaged"):
        if each.damaged < 0:
            raise Invalid("Damaged units must not be negative.")
    with problems.under():
        scanned = scanned_item(found, each.sku, "sku")
    with problems.under():
        if each.bin_code is not None and bins is not None and place is not None:
            into = open_bin(bins, each.bin_code, place, "binCode")
    problems.refuse()
    units, damaged = each.quantity * scanned.units, each.damaged * scanned.units
    check_quantity(units + damaged)
    return replace(each, sku=scanned.item.sku, quantity=units, damaged=damaged), into


def _arrive(
    tx: Transaction,
    locked: LockedTransfer,
    place: LocationFacts,
    each: TransferArrival,
    item: ItemFacts,
    into: BinFacts | None,
) -> _Arrived:
    """Take units of a SKU out of transit. A SKU that was not sent gets a line of its own."""
    line = locked.by_sku.get(item.sku)
    if line is None:
        line = LockedTransferLine(tx.new_id(), item.id, item.sku, TransferUnits(requested=0))
        row = {
            "id": line.id,
            "transfer_id": locked.id,
            "line_no": len(locked.lines),
            "item_id": item.id,
            "requested": 0,
            "currency": tx.terms.base_currency,
        }
        tx.add(TransferLine, row)
        locked.lines.append(line)
    is_back = place.id == locked.origin.id
    units = line.units.arrive(each.quantity, each.damaged, is_back=is_back)
    return _Arrived(line, item, units, into, (item.unit_cost_minor or 0) * units.extra)


def _take_in(
    tx: Transaction, locked: LockedTransfer, place: LocationFacts, each: _Arrived, actor: str
) -> None:
    """Add the units to the stock, and their cost to the pools of the item."""
    item_id, units = each.item.id, each.units
    if units.good:
        tx.costs.receive(item_id, units.good, units.good_minor)
    for count, value_minor in (
        (units.damaged, units.damaged_minor),
        (units.extra, each.extra_minor),
    ):
        if count:
            tx.costs.receive_quality(item_id, count, value_minor)
    for state, count, value_minor in (
        (StockState.AVAILABLE, units.good, units.good_minor),
        (StockState.DAMAGED, units.damaged, units.damaged_minor),
        (StockState.QUARANTINE, units.extra, each.extra_minor),
    ):
        if count:
            change = StockMove(
                item_id=item_id,
                location_id=place.id,
                from_state=None,
                to_state=state,
                quantity=count,
                actor=actor,
                reference=locked.reference,
                value_minor=value_minor,
                value_currency=tx.terms.base_currency,
                kind=MovementKind.TRANSFERRED,
                missing=count if state is StockState.QUARANTINE else 0,
                bin=each.into if state is StockState.AVAILABLE else None,
            )
            tx.stock.move(change)


def _post(
    tx: Transaction,
    locked: LockedTransfer,
    place: LocationFacts,
    arrived: Sequence[_Arrived],
    actor: str,
) -> None:
    """Post the cost of the units: out of transit, and of extra ones as found."""
    currency, occasion = tx.terms.base_currency, locked_transfers.occasion(tx, locked)
    entries = (
        ledger_entries.transfer_received(
            sum(each.units.good + each.units.damaged for each in arrived),
            Money(sum(each.units.good_minor for each in arrived), currency),
            Money(sum(each.units.damaged_minor for each in arrived), currency),
            occasion,
        ),
        ledger_entries.adjusted_up(
            sum(each.units.extra for each in arrived),
            StockState.QUARANTINE,
            Money(sum(each.extra_minor for each in arrived), currency),
            occasion,
        ),
    )
    for entry in entries:
        tx.journal.post(entry, actor=actor, location_id=place.id)


async def _report_extra(
    tx: Transaction, locked: LockedTransfer, arrived: Sequence[_Arrived], actor: str
) -> None:
    """Open COUNT_VARIANCE at both ends for units beyond those in transit."""
    for each in arrived:
        if each.units.extra:
            why = f"{each.units.extra} units of {each.item.sku} came beyond a transfer"
            for place in (locked.origin, locked.destination):
                await shipments.report_doubt(tx, each.line, place, why, actor)


def _differences(
    locked: LockedTransfer, arrived: Sequence[_Arrived], command: ReceiveTransfer
) -> list[str]:
    """Differences from the transfer, in words: extra units, and those that are not coming."""
    found = [
        f"{units} units of {sku} came beyond it"
        for sku, units in _by_sku(arrived, lambda each: each.extra).items()
    ]
    if command.is_complete:
        found += [
            f"{line.units.in_transit} units of {line.sku} did not arrive"
            for line in locked.lines
            if line.units.in_transit
        ]
    return found


def _by_sku(arrived: Sequence[_Arrived], count: Callable[[Arrival], int]) -> dict[str, int]:
    """Units of each SKU, without those of which there are none."""
    found: dict[str, int] = {}
    for each in arrived:
        if units := count(each.units):
            found[each.item.sku] = found.get(each.item.sku, 0) + units
    return found
