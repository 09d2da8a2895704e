"""QUARANTINE: available units go to quarantine, later arrivals too, and come back at the end."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import domain.ledger.entries as ledger_entries
import models.queries.continuity.quarantines as quarantine_queries
import models.queries.returns.returns as return_queries
import workflows.measures.active as active_measures
from domain.access.callers import SYSTEM
from domain.ledger.entries import Occasion
from domain.policies.continuity import MeasureKind
from domain.stock.states import MovementKind, StockState
from domain.values.money import Money
from workflows.transactions.levels import Level, StockMove
from workflows.transactions.transaction import Transaction

_IN = (StockState.AVAILABLE, StockState.QUARANTINE)
_OUT = (StockState.QUARANTINE, StockState.AVAILABLE)


async def take_arrivals(tx: Transaction, item_ids: frozenset[int]) -> None:
    """Quarantine units of these items that became available where a measure asks for it.

    Their stock must be locked. Reacts to units that became available, before backorders get them.
    """
    measures = await active_measures.of(tx)
    if not measures.of(MeasureKind.QUARANTINE):
        return
    chosen: dict[UUID, list[Level]] = {}
    for item_id in sorted(item_ids):
        for level in tx.stock.of_item(item_id):
            measure = measures.quarantining(level.location, level.sku)
            if measure is not None and level.units[StockState.AVAILABLE]:
                chosen.setdefault(measure.run_id, []).append(level)
    for run_id, levels in chosen.items():
        await take(tx, run_id, levels)


async def take(tx: Transaction, run_id: UUID, levels: Iterable[Level]) -> int:
    """Quarantine all available units of these locked levels for a run. Returns their number."""
    taken = [(level, units) for level in levels if (units := level.units[StockState.AVAILABLE])]
    if not taken:
        return 0
    await tx.costs.lock({level.item_id for level, _ in taken})
    for level, units in taken:
        value = tx.costs.to_quality(level.item_id, units)
        _move(tx, run_id, level, units, _IN, value)
    rows = [(tx.new_id(), level.item_id, level.location_id, units) for level, units in taken]
    await quarantine_queries.add_taken(tx.session, run_id, rows)
    return sum(units for _, units in taken)


async def give_back(tx: Transaction, run_id: UUID, keys: Iterable[tuple[int, int]]) -> None:
    """Make the units that a run took at these locked (item, location) available again.

    Units that are no longer there are not: they were moved on, written off, or are in doubt.
    """
    rows = {
        (row["item_id"], row["location_id"]): row
        for row in await quarantine_queries.unsettled(tx.session, run_id, list(keys))
    }
    await tx.costs.lock({item_id for item_id, _ in rows})
    settled = []
    for key, row in sorted(rows.items()):
        level = tx.stock.levels[key]
        units = min(row["taken"] - row["given_back"], await _free(tx, level))
        if units:
            value = tx.costs.from_quality(level.item_id, units)
            _move(tx, run_id, level, units, _OUT, value)
        settled.append((row["id"], row["given_back"] + units))
    await quarantine_queries.settle(tx.session, settled)


async def _free(tx: Transaction, level: Level) -> int:
    """Units in quarantine that no return, no unidentified parcel and no doubt accounts for."""
    tracked = await return_queries.tracked_units(tx.session, level.item_id, level.location_id)
    units = level.units[StockState.QUARANTINE] - tracked.get(StockState.QUARANTINE, 0)
    return max(0, units - level.missing)


def _move(
    tx: Transaction,
    run_id: UUID,
    level: Level,
    units: int,
    states: tuple[StockState, StockState],
    value_minor: int,
) -> None:
    movement = tx.stock.move(
        StockMove(
            item_id=level.item_id,
            location_id=level.location_id,
            from_state=states[0],
            to_state=states[1],
            quantity=units,
            actor=SYSTEM.actor,
            reference=f"PlaybookRun:{run_id}",
            value_minor=value_minor,
            value_currency=tx.terms.base_currency,
            kind=MovementKind.MOVED,
        )
    )
    value = Money(value_minor, tx.terms.base_currency)
    occasion = Occasion(f"StockMovement:{movement}", tx.now)
    entry = ledger_entries.moved(units, *states, value, occasion)
    tx.journal.post(entry, actor=SYSTEM.actor, location_id=level.location_id)
