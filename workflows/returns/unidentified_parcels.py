"""Parcels without a matching return: kept in quarantine and in the ledger until identified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import domain.ledger.return_entries as return_entries
import models.queries.catalog.lookups as lookups
import models.queries.returns.unidentified_parcels as parcel_queries
import workflows.exceptions.opening as exceptions
from domain.access.callers import Caller
from domain.errors import AlreadyExists, IllegalTransition, InsufficientStock, Invalid, NotFound
from domain.events.payloads import encode
from domain.events.returns import ReturnUnidentified, UnidentifiedUnits
from domain.exceptions import ExceptionKind
from domain.ledger.entries import Occasion
from domain.stock.item_costs import CostPool
from domain.stock.states import MovementKind, StockState
from domain.values.money import Money
from models.queries.catalog.lookups import ItemFacts, LocationFacts
from models.returns import UnidentifiedParcel, UnidentifiedParcelRow, UnidentifiedUnit
from workflows.returns.locked_returns import LockedReturn
from workflows.transactions.outcomes import Refused
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction

EXCEPTION_FIELD = ("input", "exceptionId")


@dataclass(frozen=True, slots=True)
class QuarantinedParcel:
    """Contents of an unmatched parcel, and the numbers on its label."""

    location: LocationFacts
    contents: Sequence[tuple[ItemFacts, int]]
    tracking_number: str | None = None
    rma_number: str | None = None


async def quarantine(
    tx: Transaction, parcel: QuarantinedParcel, ended_return: LockedReturn | None, caller: Caller
) -> Mapping[str, Any]:
    """Put a parcel's units into quarantine and open an exception.

    `ended_return`: the return that it belongs to, if that has ended. Locks the stock levels, then
    the item costs. Raises Refused with ALREADY_EXISTS for a tracking number whose parcel is already
    in quarantine. Records `return.unidentified`.
    """
    await _check_tracking(tx, parcel)
    units: dict[int, int] = {}
    for item, quantity in parcel.contents:
        units[item.id] = units.get(item.id, 0) + quantity
    facts = {item.id: item for item, _ in parcel.contents}
    await tx.stock.open_levels([(item_id, parcel.location.id) for item_id in units])
    await tx.costs.lock(units)
    parcel_id = tx.new_id()
    values = {
        item_id: tx.costs.value_of_found(item_id, quantity, facts[item_id].unit_cost_minor)
        for item_id, quantity in units.items()
    }
    exception_id = await _open(tx, parcel, ended_return, parcel_id, caller)
    row: UnidentifiedParcelRow = {
        "id": parcel_id,
        "exception_id": exception_id,
        "return_id": None if ended_return is None else ended_return.id,
        "location_id": parcel.location.id,
        "tracking_number": parcel.tracking_number,
        "rma_number": parcel.rma_number,
        "received_at": tx.now,
        "received_by": caller.actor,
        "emptied_at": None,
    }
    tx.add(UnidentifiedParcel, row)
    for item_id, quantity in units.items():
        _quarantine_units(tx, row, item_id, quantity, values[item_id], caller.actor)
    number = str(exception_id) if ended_return is None else ended_return.number
    value = Money(sum(values.values()), tx.terms.base_currency)
    entry = return_entries.received_unexpected(sum(units.values()), value, Occasion(number, tx.now))
    tx.journal.post(entry, actor=caller.actor, location_id=parcel.location.id)
    _record_event(tx, parcel, ended_return, exception_id, caller)
    refs = {"exception": str(exception_id)}
    return refs if ended_return is None else {**refs, "return": str(ended_return.id)}


async def _check_tracking(tx: Transaction, parcel: QuarantinedParcel) -> None:
    if parcel.tracking_number is None:
        return
    existing = await parcel_queries.open_parcel(tx.session, parcel.tracking_number)
    if existing is not None:
        field = ("input", "trackingNumber")
        error = AlreadyExists("parcel", parcel.tracking_number, str(existing), field=field)
        raise Refused([error], refs={"exception": str(existing)})


async def _open(
    tx: Transaction,
    parcel: QuarantinedParcel,
    ended_return: LockedReturn | None,
    parcel_id: UUID,
    caller: Caller,
) -> UUID:
    if ended_return is None:
        opened = await exceptions.open_exception(
            tx,
            ExceptionKind.UNIDENTIFIED_PARCEL,
            ("UnidentifiedParcel", parcel_id),
            "A parcel was received that matches no return. Its units are in quarantine.",
            location_id=parcel.location.id,
            actor=caller.actor,
        )
    else:
        opened = await exceptions.open_exception(
            tx,
            ExceptionKind.RETURN_DISCREPANCY,
            ("Return", ended_return.id),
            f"A parcel was received for return {ended_return.number}, which is"
            f" {ended_return.status}. Its units are in quarantine.",
            location_id=parcel.location.id,
            channel_id=ended_return.channel.id,
            actor=caller.actor,
        )
    assert opened is not None  # no policy switches these kinds off
    return opened


def _quarantine_units(
    tx: Transaction,
    parcel: UnidentifiedParcelRow,
    item_id: int,
    quantity: int,
    value: int,
    actor: str,
) -> None:
    tx.costs.receive_returned(item_id, quantity, value)
    change = StockMove(
        item_id=item_id,
        location_id=parcel["location_id"],
        from_state=None,
        to_state=StockState.QUARANTINE,
        quantity=quantity,
        actor=actor,
        reference=f"OperationalException:{parcel['exception_id']}",
        value_minor=value,
        value_currency=tx.terms.base_currency,
        kind=MovementKind.RETURNED,
    )
    tx.stock.move(change)
    row = {
        "id": tx.new_id(),
        "parcel_id": parcel["id"],
        "item_id": item_id,
        "quantity": quantity,
        "value_minor": value,
    }
    tx.add(UnidentifiedUnit, row)


def _record_event(
    tx: Transaction,
    parcel: QuarantinedParcel,
    ended_return: LockedReturn | None,
    exception_id: UUID,
    caller: Caller,
) -> None:
    subject = ("OperationalException", exception_id)
    event = ReturnUnidentified(
        return_=None if ended_return is None else ended_return.id,
        location=parcel.location.code,
        items=tuple(
            UnidentifiedUnits(sku=item.sku, quantity=quantity) for item, quantity in parcel.contents
        ),
    )
    tx.outbox.record(
        event,
        exception_id,
        actor=caller.actor,
        channel_id=None if ended_return is None else ended_return.channel.id,
        location_id=parcel.location.id,
    )
    tx.outbox.audit(caller.actor, "returnReceive", subject, after=encode(event))


@dataclass(frozen=True, slots=True)
class IdentifiedUnits:
    """Units taken out of quarantined parcels: quantity and recorded value per item."""

    exception_id: UUID
    pools: Mapping[int, CostPool]


async def items_of(
    tx: Transaction, exception_id: UUID, location: LocationFacts
) -> Sequence[ItemFacts]:
    """The items of the quarantined parcels of an exception; they must be at `location`.

    Raises NotFound for an exception without a parcel, Invalid for a parcel at another location.
    """
    rows = await parcel_queries.contents_of_exception(tx.session, exception_id)
    if not rows:
        raise NotFound("exception", str(exception_id), field=EXCEPTION_FIELD)
    here = [row["item_id"] for row in rows if row["location_id"] == location.id]
    if not here:
        raise Invalid(
            f"The parcel is at {rows[0]['location']}, not at {location.code}.",
            field=("input", "locationCode"),
            details={"allowed": sorted({row["location"] for row in rows})},
        )
    return list((await lookups.items_by_id(tx.session, here)).values())


async def remaining_units(
    tx: Transaction, exception_id: UUID, location: LocationFacts
) -> list[tuple[str, int]]:
    """(SKU, units) left in the quarantined parcels of an exception. Their stock must be locked.

    Raises IllegalTransition if none are left: all were identified before.
    """
    left = [
        (row["sku"], row["quantity"])
        for row in await parcel_queries.units_of_exception(tx.session, exception_id)
        if row["quantity"] and row["location_id"] == location.id
    ]
    if not left:
        raise IllegalTransition("parcel", "IDENTIFIED", "RECEIVED", (), field=EXCEPTION_FIELD)
    return left


async def remove_units(
    tx: Transaction,
    exception_id: UUID,
    location: LocationFacts,
    wanted: Mapping[int, int],
    actor: str,
) -> IdentifiedUnits:
    """Take units (by item) out of the quarantined parcels of an exception; clear it when empty.

    Their stock and cost must be locked. Raises InsufficientStock if the parcels hold fewer units.
    """
    rows = [
        row
        for row in await parcel_queries.units_of_exception(tx.session, exception_id)
        if row["location_id"] == location.id
    ]
    changes, pools = [], {}
    for item_id, units in wanted.items():
        rest, value = units, 0
        for row in rows:
            taken = min(rest, row["quantity"]) if row["item_id"] == item_id else 0
            if taken:
                pool, part = CostPool(row["quantity"], row["value_minor"]).issue(taken)
                changes.append((row["id"], pool.quantity, pool.value_minor))
                rest, value = rest - taken, value + part
        if rest:
            sku = (await lookups.items_by_id(tx.session, [item_id]))[item_id].sku
            raise InsufficientStock(sku, units, units - rest, field=("input", "items"))
        pools[item_id] = CostPool(units, value)
        tx.costs.issue_returned(item_id, units, value)
    await parcel_queries.write_units(tx.session, changes)
    if not await parcel_queries.mark_empty(tx.session, exception_id, tx.now):
        await _clear(tx, exception_id, actor)
    return IdentifiedUnits(exception_id, pools)


async def _clear(tx: Transaction, exception_id: UUID, actor: str) -> None:
    row = await parcel_queries.exception(tx.session, exception_id)
    assert row is not None
    subject_type, _, key = row["subject_key"].partition(":")
    if subject_type == "Return" and await parcel_queries.has_discrepancies(tx.session, UUID(key)):
        return  # The return keeps its exception for its other units.
    await exceptions.clear(tx, ExceptionKind(row["kind"]), (subject_type, key), actor=actor)
