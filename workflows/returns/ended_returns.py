"""Dispositions of units that came for a declined or cancelled return: from quarantine, no refund.

The units stay with their parcel (workflows/returns/unidentified_parcels.py) until they leave. Their
return items stay EXPECTED, because the return did not receive them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import domain.ledger.return_entries as return_entries
import domain.returns.dispositions as disposition_rules
import models.queries.catalog.lookups as lookups
import models.queries.returns.unidentified_parcels as parcel_queries
import workflows.policies.publishing as policies
import workflows.returns.records as return_records
import workflows.returns.unidentified_parcels as unidentified_parcels
from domain.access.callers import Caller
from domain.errors import IllegalTransition
from domain.events.returns import ReturnDisposed
from domain.ledger.entries import Occasion
from domain.policies.decisions import Decision, decided
from domain.policies.dispositions import Disposition
from domain.policies.policies import PolicyKind
from domain.returns.receipts import TooFewUnits
from domain.returns.states import ReturnAction
from domain.values.money import Money
from models.queries.catalog.lookups import LocationFacts
from models.queries.returns.unidentified_parcels import QuarantinedRow
from workflows.returns.locked_returns import LockedReturn, Ruling
from workflows.returns.return_units import ReturnUnits
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class QuarantinedUnits:
    """Units of a group to dispose of; they are in quarantine with the parcel that brought them."""

    group: ReturnUnits
    quantity: int
    disposition: Disposition
    note: str | None


async def dispose(
    tx: Transaction, locked: LockedReturn, units: QuarantinedUnits, caller: Caller
) -> Mapping[str, Any]:
    """Dispose of units that came for a return which is DECLINED or CANCELLED. No refund follows.

    QUARANTINE records that they stay there. Locks the stock, then the item costs. Raises
    IllegalTransition (no such units, or another disposition). Records `return.disposed`.
    """
    found = await _find(tx, locked, units)
    part = locked.split(tx, units.group, units.quantity)
    before, part.disposition = part.disposition, units.disposition
    places = await lookups.locations_by_id(tx.session, [found["location_id"]])
    place = places[found["location_id"]]
    decision = await _decision(tx, locked, part, place, caller)
    if units.disposition is not Disposition.QUARANTINE:
        movement_id = await _leave(tx, locked, part, found["exception_id"], place, caller)
        ruling = Ruling(units.disposition, caller.actor, decision, None, units.note)
        locked.record_disposition(tx, part, movement_id, ruling)
    await return_records.write(tx, locked)
    disposed = ReturnDisposed(**return_records.step(locked, [part]))
    return_records.record(tx, disposed, locked, caller.actor, location_id=place.id)
    facts = {"item": part.facts, "before": before, "policy": decision, "note": units.note}
    return_records.audit(
        tx, caller.actor, "returnItemDispose", locked, before=locked.status, facts=facts
    )
    return {"return": str(locked.id)}


async def _find(tx: Transaction, locked: LockedReturn, units: QuarantinedUnits) -> QuarantinedRow:
    """The parcel whose units are meant. Raises IllegalTransition."""
    group = units.group
    rows = await parcel_queries.units_of_return(tx.session, locked.id, group.item_id)
    if not rows:
        locked.check(ReturnAction.DISPOSE, "returnItemId")
    try:
        disposition_rules.check_ended_return(group.disposition, units.disposition)
    except IllegalTransition as error:
        raise error.under("returnItemId") from None
    available = min(group.quantity, int(rows[0]["quantity"]))
    if units.quantity > available:
        raise TooFewUnits("QUARANTINE", units.disposition, units.quantity, available)
    return rows[0]


async def _decision(
    tx: Transaction,
    locked: LockedReturn,
    part: ReturnUnits,
    place: LocationFacts,
    caller: Caller,
) -> Decision:
    policy = await policies.decide(
        tx.session,
        PolicyKind.DISPOSITION,
        tx.now,
        location=place.code,
        category=part.category,
    )
    reason = (
        f"{caller.actor} chose {part.disposition}: the return is {locked.status}, and its units"
        " were not inspected."
    )
    return decided(policy, str(part.disposition), (reason,))


async def _leave(
    tx: Transaction,
    locked: LockedReturn,
    part: ReturnUnits,
    exception_id: UUID,
    place: LocationFacts,
    caller: Caller,
) -> UUID:
    """Move the units out of the stock, at the value of their parcel. Returns the movement's id."""
    assert part.disposition is not None
    effect = disposition_rules.leave_quarantine(part.disposition)
    await tx.stock.open_levels([(part.item_id, place.id)])
    await tx.costs.lock([part.item_id])
    removed = await unidentified_parcels.remove_units(
        tx, exception_id, place, {part.item_id: part.quantity}, caller.actor
    )
    value = Money(removed.pools[part.item_id].value_minor, tx.terms.base_currency)
    entry = return_entries.disposed_unidentified(
        part.disposition, part.quantity, value, Occasion(locked.number, tx.now)
    )
    tx.journal.post(entry, actor=caller.actor, channel_id=locked.channel.id, location_id=place.id)
    return tx.stock.move(
        StockMove(
            item_id=part.item_id,
            location_id=place.id,
            from_state=effect.from_state,
            to_state=effect.to_state,
            quantity=part.quantity,
            actor=caller.actor,
            channel_id=locked.channel.id,
            reference=locked.reference,
            reason_id=part.reason_id,
            value_minor=value.minor,
            value_currency=value.currency,
            kind=effect.kind,
        )
    )
