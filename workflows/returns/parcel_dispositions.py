"""Dispositions of units of parcels that match no return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import domain.ledger.return_entries as return_entries
import domain.returns.dispositions as disposition_rules
import models.queries.catalog.lookups as lookups
import models.queries.returns.unidentified_parcels as parcel_queries
import workflows.returns.locked_returns as locked_returns
import workflows.returns.unidentified_parcels as unidentified_parcels
from domain.access.callers import Caller
from domain.errors import InsufficientStock, Invalid, NotFound
from domain.events.payloads import encode
from domain.events.returns import ReturnUnidentifiedDisposed, UnidentifiedUnits
from domain.ledger.entries import Occasion
from domain.policies.dispositions import Disposition
from domain.problems import Problems
from domain.returns.dispositions import DispositionMove
from domain.returns.states import ReturnItemState
from domain.stock.states import StockState, check_quantity
from domain.values.codes import store_codes
from domain.values.money import Money
from domain.values.texts import NOTE_MAX, check_text
from models.queries.catalog.lookups import ItemFacts, LocationFacts
from workflows.returns.locked_returns import LockedReturn
from workflows.transactions.actions import one_by_one
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class DisposeUnidentified:
    """Dispose of units of a quarantined parcel. `note` gives the reason."""

    exception_id: UUID
    sku: str
    quantity: int
    disposition: Disposition
    note: str

    def __post_init__(self) -> None:
        store_codes(self, "sku")


@dataclass(frozen=True, slots=True)
class _Units:
    """The units meant: their item, the location of their parcel, and the return that it names."""

    item: ItemFacts
    place: LocationFacts
    ended_return: LockedReturn | None


@one_by_one("unidentifiedUnitsDispose")
async def dispose(
    tx: Transaction, command: DisposeUnidentified, caller: Caller
) -> Mapping[str, Any]:
    """Move units of an unmatched parcel out of quarantine; the last one resolves the exception.

    Locks the ended return that the parcel names, if any, then the stock and the item costs. Raises
    IllegalTransition (QUARANTINE), ApprovalRequired (RESTOCK), InsufficientStock, Invalid or
    NotFound. Records `return.unidentified_disposed`.
    """
    problems = Problems()
    with problems.under():
        check_quantity(command.quantity)
    with problems.under():
        check_text(command.note, "note", longest=NOTE_MAX)
    problems.refuse()
    effect = disposition_rules.check_unidentified(command.disposition, caller)
    units = await _find(tx, command, caller)
    await tx.stock.open_levels([(units.item.id, units.place.id)])
    await tx.costs.lock([units.item.id])
    await _check_quantity(tx, command, units)
    removed = await unidentified_parcels.remove_units(
        tx, command.exception_id, units.place, {units.item.id: command.quantity}, caller.actor
    )
    value = Money(removed.pools[units.item.id].value_minor, tx.terms.base_currency)
    _move(tx, command, units, effect, value, caller)
    _record(tx, command, units, caller)
    return {"exception": str(command.exception_id)}


async def _find(tx: Transaction, command: DisposeUnidentified, caller: Caller) -> _Units:
    """Find the units, and lock the return that their parcel names. Raises NotFound."""
    missing = NotFound("exception", str(command.exception_id), field=("exceptionId",))
    rows = await parcel_queries.contents_of_exception(tx.session, command.exception_id)
    seen = [row for row in rows if caller.sees_location(row["location"])]
    if not seen:
        raise missing
    ended_return = None
    return_id = await parcel_queries.return_of_exception(tx.session, command.exception_id)
    if return_id is not None:
        ended_return = await locked_returns.lock(tx, return_id, caller, ("exceptionId",))
    item = (await lookups.items_by_sku(tx.session, [command.sku])).get(command.sku)
    places = [row["location_id"] for row in seen if item and row["item_id"] == item.id]
    if item is None or not places:
        raise NotFound("item of the parcel", command.sku, field=("sku",))
    found = await lookups.locations_by_id(tx.session, places)
    return _Units(item, found[places[0]], ended_return)


async def _check_quantity(tx: Transaction, command: DisposeUnidentified, units: _Units) -> None:
    """Raise InsufficientStock if fewer units are left, Invalid if they are those of the return."""
    left = sum(
        row["quantity"]
        for row in await parcel_queries.units_of_exception(tx.session, command.exception_id)
        if (row["item_id"], row["location_id"]) == (units.item.id, units.place.id)
    )
    if command.quantity > left:
        raise InsufficientStock(units.item.sku, command.quantity, left, field=("quantity",))
    if units.ended_return is None:
        return
    of_return = sum(
        group.quantity
        for group in units.ended_return.groups
        if group.item_id == units.item.id
        and group.state is ReturnItemState.EXPECTED
        and group.disposition in (None, Disposition.QUARANTINE)
    )
    if command.quantity > left - of_return:
        raise Invalid(
            f"{min(left, of_return)} units belong to the return {units.ended_return.number}:"
            " dispose of them with returnItemDispose.",
            field=("quantity",),
            details={"available": max(0, left - of_return)},
        )


def _move(
    tx: Transaction,
    command: DisposeUnidentified,
    units: _Units,
    effect: DispositionMove,
    value: Money,
    caller: Caller,
) -> None:
    """Move the units and post their value."""
    item_id, quantity, ended_return = units.item.id, command.quantity, units.ended_return
    channel_id = None if ended_return is None else ended_return.channel.id
    if effect.to_state is StockState.AVAILABLE:
        tx.costs.receive(item_id, quantity, value.minor)
    elif effect.to_state is not None:
        tx.costs.receive_quality(item_id, quantity, value.minor)
    reference = f"OperationalException:{command.exception_id}"
    tx.stock.move(
        StockMove(
            item_id=item_id,
            location_id=units.place.id,
            from_state=effect.from_state,
            to_state=effect.to_state,
            quantity=quantity,
            actor=caller.actor,
            channel_id=channel_id,
            reference=reference,
            note=command.note,
            value_minor=value.minor,
            value_currency=value.currency,
            kind=effect.kind,
        )
    )
    number = str(command.exception_id) if ended_return is None else ended_return.number
    entry = return_entries.disposed_unidentified(
        command.disposition, quantity, value, Occasion(number, tx.now)
    )
    tx.journal.post(entry, actor=caller.actor, channel_id=channel_id, location_id=units.place.id)


def _record(tx: Transaction, command: DisposeUnidentified, units: _Units, caller: Caller) -> None:
    ended_return = units.ended_return
    event = ReturnUnidentifiedDisposed(
        return_=None if ended_return is None else ended_return.id,
        location=units.place.code,
        disposition=command.disposition,
        items=(UnidentifiedUnits(sku=units.item.sku, quantity=command.quantity),),
    )
    tx.outbox.record(
        event,
        command.exception_id,
        actor=caller.actor,
        channel_id=None if ended_return is None else ended_return.channel.id,
        location_id=units.place.id,
    )
    subject = ("OperationalException", command.exception_id)
    after = {**encode(event), "note": command.note}
    tx.outbox.audit(caller.actor, "unidentifiedUnitsDispose", subject, after=after)
