"""Parcels that no return takes: kept in quarantine and on the books until somebody knows better."""

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
class KeptParcel:
    """What somebody unpacked, and what was written on it."""

    location: LocationFacts
    contents: Sequence[tuple[ItemFacts, int]]
    tracking_number: str | None = None
    rma_number: str | None = None


async def keep(
    tx: Transaction, parcel: KeptParcel, off: LockedReturn | None, caller: Caller
) -> Mapping[str, Any]:
    """Put a parcel's units into quarantine behind an exception; `off`: its return, that is over.

    Raises Refused with ALREADY_EXISTS for a tracking number whose parcel is kept already.
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
    exception_id = await _open(tx, parcel, off, parcel_id, caller)
    row: UnidentifiedParcelRow = {
        "id": parcel_id,
        "exception_id": exception_id,
        "return_id": None if off is None else off.id,
        "location_id": parcel.location.id,
        "tracking_number": parcel.tracking_number,
        "rma_number": parcel.rma_number,
        "received_at": tx.now,
        "received_by": caller.actor,
        "emptied_at": None,
    }
    tx.add(UnidentifiedParcel, row)
    for item_id, quantity in units.items():
        _keep_units(tx, row, item_id, quantity, values[item_id], caller.actor)
    number = str(exception_id) if off is None else off.number
    value = Money(sum(values.values()), tx.terms.base_currency)
    entry = return_entries.received_unexpected(sum(units.values()), value, Occasion(number, tx.now))
    tx.journal.post(entry, actor=caller.actor, location_id=parcel.location.id)
    _tell(tx, parcel, off, exception_id, caller)
    refs = {"exception": str(exception_id)}
    return refs if off is None else {**refs, "return": str(off.id)}


async def _check_tracking(tx: Transaction, parcel: KeptParcel) -> None:
    if parcel.tracking_number is None:
        return
    kept = await parcel_queries.open_parcel(tx.session, parcel.tracking_number)
    if kept is not None:
        field = ("input", "trackingNumber")
        error = AlreadyExists("parcel", parcel.tracking_number, str(kept), field=field)
        raise Refused([error], refs={"exception": str(kept)})


async def _open(
    tx: Transaction, parcel: KeptParcel, off: LockedReturn | None, parcel_id: UUID, caller: Caller
) -> UUID:
    if off is None:
        return await exceptions.open(
            tx,
            ExceptionKind.UNIDENTIFIED_PARCEL,
            ("UnidentifiedParcel", parcel_id),
            "A parcel came that no return can be found for; its units are in quarantine.",
            location_id=parcel.location.id,
            actor=caller.actor,
        )
    return await exceptions.open(
        tx,
        ExceptionKind.RETURN_DISCREPANCY,
        ("Return", off.id),
        f"A parcel came for return {off.number}, which is {off.status}; its units are in"
        " quarantine.",
        location_id=parcel.location.id,
        channel_id=off.channel.id,
        actor=caller.actor,
    )


def _keep_units(
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


def _tell(
    tx: Transaction,
    parcel: KeptParcel,
    off: LockedReturn | None,
    exception_id: UUID,
    caller: Caller,
) -> None:
    subject = ("OperationalException", exception_id)
    event = ReturnUnidentified(
        return_=None if off is None else off.id,
        location=parcel.location.code,
        items=tuple(
            UnidentifiedUnits(sku=item.sku, quantity=quantity) for item, quantity in parcel.contents
        ),
    )
    tx.outbox.record(
        event,
        exception_id,
        actor=caller.actor,
        channel_id=None if off is None else off.channel.id,
        location_id=parcel.location.id,
    )
    tx.outbox.audit(caller.actor, "returnReceive", subject, after=encode(event))


@dataclass(frozen=True, slots=True)
class Found:
    """Units taken out of kept parcels: per item how many, and what they are on the books at."""

    exception_id: UUID
    pools: Mapping[int, CostPool]


async def items_of(
    tx: Transaction, exception_id: UUID, location: LocationFacts
) -> dict[str, ItemFacts]:
    """The items, by SKU, of the parcels behind an exception, which must lie at `location`.

    Raises NotFound for an exception without a parcel, Invalid for one that lies elsewhere.
    """
    rows = await parcel_queries.contents_of_exception(tx.session, exception_id)
    if not rows:
        raise NotFound("exception", str(exception_id), field=EXCEPTION_FIELD)
    here = [row["item_id"] for row in rows if row["location_id"] == location.id]
    if not here:
        raise Invalid(
            f"The parcel lies at {rows[0]['location']}.",
            field=("input", "locationCode"),
            details={"allowed": sorted({row["location"] for row in rows})},
        )
    return {item.sku: item for item in (await lookups.items_by_id(tx.session, here)).values()}


async def left_in(
    tx: Transaction, exception_id: UUID, location: LocationFacts
) -> list[tuple[str, int]]:
    """(sku, units) that are left in the parcels behind an exception; their stock is locked.

    Raises IllegalTransition where nothing is: they were identified before.
    """
    left = [
        (row["sku"], row["quantity"])
        for row in await parcel_queries.units_of_exception(tx.session, exception_id)
        if row["quantity"] and row["location_id"] == location.id
    ]
    if not left:
        raise IllegalTransition("parcel", "IDENTIFIED", "RECEIVED", (), field=EXCEPTION_FIELD)
    return left


async def take_out(
    tx: Transaction,
    exception_id: UUID,
    location: LocationFacts,
    wanted: Mapping[int, int],
    actor: str,
) -> Found:
    """Take units (by item) out of the parcels behind an exception, which is cleared when empty.

    Their stock and cost are locked. Raises InsufficientStock where the parcels hold fewer.
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
    return Found(exception_id, pools)


async def _clear(tx: Transaction, exception_id: UUID, actor: str) -> None:
    row = await parcel_queries.exception(tx.session, exception_id)
    assert row is not None
    subject_type, _, key = row["subject_key"].partition(":")
    await exceptions.clear(tx, ExceptionKind(row["kind"]), (subject_type, key), actor=actor)
