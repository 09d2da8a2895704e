"""Requests of transfers: units are allocated at the origin, or become available again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import models.queries.catalog.lookups as lookups
import models.queries.stock.transfers as transfer_queries
import workflows.measures.active as active_measures
import workflows.reservations.expired_units as expired_units
import workflows.transfers.locked_transfers as locked_transfers
from domain.access.callers import Caller
from domain.continuity.measures import Measures
from domain.errors import (
    AlreadyExists,
    InsufficientStock,
    Invalid,
    LimitExceeded,
    NotFound,
)
from domain.events.payloads import encode
from domain.events.stock import TransferCancelled, TransferRequested
from domain.problems import Problems
from domain.stock.states import STOCK_KEEPING, StockState
from domain.stock.transfers import LINES_MAX, TransferStatus, transfer_number_of
from domain.values.codes import check_stored, comparison_key
from models.queries.catalog.lookups import ItemFacts, LocationFacts
from models.transfers import Transfer, TransferLine
from workflows.stock.scanned_items import in_skus
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Refused
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction
from workflows.transfers.commands import CancelTransfer, CreateTransfer, TransferUnitsOf


@one_by_one("transferCreate")
async def create(tx: Transaction, command: CreateTransfer, caller: Caller) -> Mapping[str, Any]:
    """Allocate units at the origin, to be sent to the destination.

    Locks the stock of the items. Raises AlreadyExists (with the existing transfer) for a reference
    that the origin has used, InsufficientStock, Invalid, LimitExceeded or NotFound; all faults of
    the command at once. Records `transfer.requested`.
    """
    if len(command.lines) > LINES_MAX:
        field = ("input", "lines")
        raise LimitExceeded("lines", LINES_MAX, len(command.lines), field=field)
    problems = Problems()
    lines_in_skus = await in_skus(tx, command.lines, problems, "input", "lines")
    command = replace(command, lines=lines_in_skus)
    origin, destination, items = await _checked(tx, command, caller, problems)
    await _refuse_used(tx, command, origin)
    lines = [(items[each.sku], each.quantity) for each in command.lines]
    await tx.stock.lock([item.id for item, _ in lines])
    measures = await active_measures.of(tx)
    await expired_units.end_if_short(tx, {(item.id, origin.id): units for item, units in lines})
    problems = Problems()
    problems.each(
        partial(_check_units, tx, item, origin, units, index, measures)
        for index, (item, units) in enumerate(lines)
    )
    problems.refuse()
    transfer_id = tx.new_id()
    number = transfer_number_of(transfer_id)
    row = {
        "id": transfer_id,
        "number": number,
        "reference": command.reference,
        "status": str(TransferStatus.REQUESTED),
        "origin_id": origin.id,
        "destination_id": destination.id,
        "requested_by": caller.actor,
        "requested_at": tx.now,
        "expected_by_at": command.expected_by,
        "updated_at": tx.now,
    }
    tx.add(Transfer, row)
    for index, (item, units) in enumerate(lines):
        line = {
            "id": tx.new_id(),
            "transfer_id": transfer_id,
            "line_no": index,
            "item_id": item.id,
            "requested": units,
            "currency": tx.terms.base_currency,
        }
        tx.add(TransferLine, line)
        states = (StockState.AVAILABLE, StockState.ALLOCATED)
        _move(tx, item.id, origin.id, states, units, caller.actor, f"Transfer:{transfer_id}")
    event = TransferRequested(
        number=number,
        status=TransferStatus.REQUESTED,
        before=None,
        origin=origin.code,
        destination=destination.code,
        units={item.sku: units for item, units in lines},
    )
    tx.outbox.record(event, transfer_id, actor=caller.actor)
    subject = ("Transfer", transfer_id)
    tx.outbox.audit(caller.actor, "transferCreate", subject, after=encode(event))
    return {"transfer": str(transfer_id)}


async def _checked(
    tx: Transaction, command: CreateTransfer, caller: Caller, problems: Problems
) -> tuple[LocationFacts, LocationFacts, Mapping[str, ItemFacts]]:
    """The two locations, and the items by SKU. Raises all faults of the command."""
    found = []
    for code, field in (
        (command.origin_code, "originCode"),
        (command.destination_code, "destinationCode"),
    ):
        place = await lookups.hold_location(tx.session, code)
        found.append(problems.attempt(partial(_open_location, place, code, caller, field)))
    origin, destination = found
    items = await lookups.items_by_sku(tx.session, [line.sku for line in command.lines])
    problems.each(_checks(tx, command, items))
    with problems.under("input", "destinationCode"):
        if origin is not None and destination is not None and origin.id == destination.id:
            raise Invalid("The destination must differ from the origin.")
    problems.refuse()
    assert origin is not None
    assert destination is not None
    return origin, destination, items


def _open_location(
    place: LocationFacts | None, code: str, caller: Caller, field: str
) -> LocationFacts:
    """The location, if the caller sees it and it takes units. Raises NotFound or Invalid."""
    if place is None or not caller.sees_location(code):
        raise NotFound("location", code, field=("input", field))
    if place.kind not in STOCK_KEEPING:
        raise Invalid(f"A location of kind {place.kind} cannot hold stock.", field=("input", field))
    if not place.active:
        raise Invalid("The location is not active.", field=("input", field))
    return place


def _checks(
    tx: Transaction, command: CreateTransfer, items: Mapping[str, ItemFacts]
) -> Iterator[Callable[[], object]]:
    """Checks of the reference, the expected time, and the lines."""
    yield partial(check_stored, command.reference, "input", "reference")
    yield partial(_check_expected, command, tx.now)
    yield partial(_check_count, len(command.lines))
    seen: set[str] = set()
    for index, line in enumerate(command.lines):
        key = comparison_key(line.sku)
        if key in seen and line.sku in items:
            yield partial(_refuse_repeated, line, index)
        seen.add(key)


def _check_expected(command: CreateTransfer, now: datetime) -> None:
    if command.expected_by is not None and command.expected_by <= now:
        raise Invalid(
            f"`expectedBy` must be after {now.isoformat()};"
            f" {command.expected_by.isoformat()} was sent.",
            field=("input", "expectedBy"),
        )


def _check_count(count: int) -> None:
    if not count:
        raise Invalid("At least one line is required; none was sent.", field=("input", "lines"))


def _refuse_repeated(line: TransferUnitsOf, index: int) -> None:
    raise Invalid(
        f"A transfer has a SKU once; {line.sku} was sent again.",
        field=("input", "lines", str(index), "sku"),
    )


async def _refuse_used(tx: Transaction, command: CreateTransfer, origin: LocationFacts) -> None:
    """Raise AlreadyExists, with the transfer, if the origin has used the reference."""
    if command.reference is None:
        return
    used = await transfer_queries.id_by_reference(tx.session, origin.id, command.reference)
    if used is not None:
        field = ("input", "reference")
        error = AlreadyExists("transfer", command.reference, str(used), field=field)
        raise Refused([error], refs={"transfer": str(used)})


def _check_units(
    tx: Transaction,
    item: ItemFacts,
    origin: LocationFacts,
    units: int,
    index: int,
    measures: Measures,
) -> None:
    """Raise InsufficientStock unless the origin has these units available, and not in quarantine.

    A playbook that has started quarantines them, although its job may not have moved them yet.
    """
    level = tx.stock.level(item.id, origin.id)
    is_quarantined = measures.quarantining(origin.code, item.sku) is not None
    available = 0 if level is None or is_quarantined else level.units[StockState.AVAILABLE]
    if available < units:
        field = ("input", "lines", str(index), "quantity")
        raise InsufficientStock(item.sku, units, available, field=field)


def _move(
    tx: Transaction,
    item_id: int,
    location_id: int,
    states: tuple[StockState, StockState],
    units: int,
    actor: str,
    reference: str,
) -> None:
    tx.stock.move(
        StockMove(
            item_id=item_id,
            location_id=location_id,
            from_state=states[0],
            to_state=states[1],
            quantity=units,
            actor=actor,
            reference=reference,
        ),
    )


@one_by_one("transferCancel")
async def cancel(tx: Transaction, command: CancelTransfer, caller: Caller) -> Mapping[str, Any]:
    """Cancel a transfer that was not shipped: its units are available at the origin again.

    Locks the transfer, then the stock of the items. Raises IllegalTransition or NotFound. Records
    `transfer.cancelled`.
    """
    locked = await locked_transfers.lock(tx, command.transfer_id, caller, "id")
    locked_transfers.check_sees(caller, locked.origin, locked.id, "id")
    locked.check_may_become(TransferStatus.CANCELLED, "id")
    await tx.stock.lock([line.item_id for line in locked.lines])
    states = (StockState.ALLOCATED, StockState.AVAILABLE)
    for line in locked.lines:
        units, place = line.units.requested, locked.origin.id
        _move(tx, line.item_id, place, states, units, caller.actor, locked.reference)
    step = await locked_transfers.write(tx, locked, TransferStatus.CANCELLED)
    event = TransferCancelled(
        **step, units={line.sku: line.units.requested for line in locked.lines}
    )
    locked_transfers.record(tx, locked, event, caller.actor)
    tx.outbox.audit(
        caller.actor,
        "transferCancel",
        ("Transfer", locked.id),
        before={"status": str(event.before)},
        after=encode(event),
    )
    return {"transfer": str(locked.id)}
