"""Missing units of an order: replacement from other locations, or backorder.

The location where units are missing is left out: its stock figures are in doubt until it is
counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.exceptions.conditions as conditions
import models.queries.orders.fulfillment_holds as hold_queries
import models.queries.orders.orders as order_queries
import workflows.availability.atp_context as atp_context
import workflows.availability.caps as caps
import workflows.exceptions.opening as exceptions
import workflows.orders.fulfillment_holds as fulfillment_holds
import workflows.orders.fulfillments as fulfillments
import workflows.orders.held_steps as held_steps
import workflows.reservations.expired_units as expired_units
import workflows.rollout.cases as cases
from domain.events.orders import OrderAllocated, OrderCancelled
from domain.exceptions import ExceptionKind
from domain.orders.fulfillment_holds import status_under
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderLineState, distribute
from domain.stock.states import StockState
from domain.values.totals import totals
from models.queries.catalog.lookups import LocationFacts
from workflows.availability.demands import Demand
from workflows.orders.fulfillments import LocatedFulfillment, ParcelContents, ParcelLine
from workflows.orders.locked_orders import Line, LockedOrder
from workflows.reservations.expired_units import ExpiredUnits
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction

Missing = Sequence[tuple[Line, int]]


@dataclass(frozen=True, slots=True)
class Replacement:
    """Result for missing units: new fulfillments, backordered units, and the routing decision."""

    fulfillment_ids: Sequence[UUID]
    backordered: int
    decision: Mapping[str, Any] | None


async def replace_units(
    tx: Transaction,
    order: LockedOrder,
    missing: Missing,
    origin: LocationFacts,
    expired: ExpiredUnits,
    fulfillment_id: UUID,
    actor: str,
) -> Replacement:
    """Replace units that a picker did not find, as `replace_elsewhere` does.

    Opens SHORT_PICK about the fulfillment that was picked if the other locations have too few
    units.
    """
    found = await replace_elsewhere(tx, order, missing, origin, expired, fulfillment_id, actor)
    if found.backordered:
        message = f"{found.backordered} units of order {order.number} are missing at {origin.code}."
        await exceptions.open_exception(
            tx,
            ExceptionKind.SHORT_PICK,
            ("Fulfillment", fulfillment_id),
            message,
            location_id=origin.id,
            channel_id=order.channel_id,
            actor=actor,
        )
    return found


async def replace_elsewhere(
    tx: Transaction,
    order: LockedOrder,
    missing: Missing,
    origin: LocationFacts,
    expired: ExpiredUnits,
    fulfillment_id: UUID,
    actor: str,
) -> Replacement:
    """Allocate units at the channel's other locations for missing ones; backorder the rest.

    `expired`: expired holds of the items, whose stock must be locked. The new fulfillments are
    ON_HOLD if the one that lost the units is. If all units are replaced, they get copies of its
    holds. Holds of playbooks do not count.
    """
    found = await atp_context.read(tx.session, [line.item_id for line, _ in missing], tx.now)
    context = await caps.try_lock(tx, found)
    tx.measures = context.measures
    channel = next(each for each in context.channels if each.id == order.channel_id)
    others = tuple(place for place in channel.locations if place.id != origin.id)
    elsewhere = replace(channel, locations=others)
    items = await lookups.items_by_id(tx.session, [line.item_id for line, _ in missing])
    demands = [
        Demand(items[item_id], units, None, ("shortages",))
        for item_id, units in _units_by_item(_free(missing)).items()
    ]
    terms = (await order_queries.country_of(tx.session, order.id), order.service_level)
    case = await cases.case_of(tx, ("Order", order.id))
    switch = None if case is None else cases.switch_of(case)
    plan = None
    if demands:
        plan = await expired_units.plan_part(
            tx, expired, context, elsewhere, demands, terms, switch
        )
    portions = [] if plan is None else plan.allocation
    waiting = sum(units for _, units in missing) - sum(units for *_, units in portions)
    contents = _allocate_portions(tx, order, missing, portions, actor)
    fulfillment_ids = await _add(
        tx, order, contents, fulfillment_id, actor, copies_holds=not waiting
    )
    return Replacement(fulfillment_ids, waiting, None if plan is None else plan.decision)


def _free(missing: Missing) -> Missing:
    """The units of lines that name no location. The others come from nowhere else."""
    return [(line, units) for line, units in missing if line.location_id is None]


def _units_by_item(missing: Missing) -> dict[int, int]:
    return totals((line.item_id, units) for line, units in missing)


def _allocate_portions(
    tx: Transaction,
    order: LockedOrder,
    missing: Missing,
    portions: Iterable[tuple[int, int, int]],
    actor: str,
) -> list[ParcelContents]:
    """Allocate (item, location, units) to the lines in line order. Returns the new parcels."""
    parcels: dict[int, list[ParcelLine]] = {}
    by_item: dict[int, list[tuple[int, int]]] = {}
    for item_id, location_id, units in portions:
        by_item.setdefault(item_id, []).append((location_id, units))
        allocate(tx, order, item_id, location_id, units, actor)
    for item_id in _units_by_item(missing):
        places = by_item.get(item_id, [])
        lines = [(line, units) for line, units in _free(missing) if line.item_id == item_id]
        shares = distribute([units for _, units in lines], [units for _, units in places])
        for (line, units), shares_of_line in zip(lines, shares, strict=True):
            for index, taken in shares_of_line:
                parcel = parcels.setdefault(places[index][0], [])
                parcel.append(ParcelLine(line.id, item_id, taken))
            waiting = units - sum(taken for _, taken in shares_of_line)
            line.shift(OrderLineState.ALLOCATED, OrderLineState.BACKORDERED, waiting)
    for line, units in missing:
        if line.location_id is not None:
            line.shift(OrderLineState.ALLOCATED, OrderLineState.BACKORDERED, units)
    return [ParcelContents(location_id, parcels[location_id]) for location_id in sorted(parcels)]


async def _add(
    tx: Transaction,
    order: LockedOrder,
    contents: Sequence[ParcelContents],
    source_id: UUID,
    actor: str,
    *,
    copies_holds: bool,
) -> list[UUID]:
    """Add fulfillments that replace units of another one, and hold them if it is held."""
    if not contents:
        return []
    # A count takes units of held orders, too; a picker does not. Holds of playbooks stay behind:
    # the new parcels are elsewhere, and a playbook holds those that it concerns by itself.
    live = [
        each
        for each in await hold_queries.live_of_order(tx.session, order.id)
        if each["run_id"] is None and held_steps.covers(each, source_id)
    ]
    is_held = bool(live)
    status = status_under(FulfillmentStatus.OPEN, is_held=is_held)
    added = await fulfillments.add_to_order(tx, order, contents, actor=actor, status=status)
    if copies_holds and is_held:
        siblings: list[LocatedFulfillment] = [
            {"id": new_id, "location_id": parcel.location_id}
            for new_id, parcel in zip(added, contents, strict=True)
        ]
        own = [each for each in live if each["fulfillment_id"] == source_id]
        await fulfillment_holds.follow_units(tx, order, own, siblings, status, actor)
    return added


def allocate(
    tx: Transaction, order: LockedOrder, item_id: int, location_id: int, units: int, actor: str
) -> None:
    """Allocate AVAILABLE units of a locked level to an order."""
    tx.stock.move(
        StockMove(
            item_id=item_id,
            location_id=location_id,
            from_state=StockState.AVAILABLE,
            to_state=StockState.ALLOCATED,
            quantity=units,
            actor=actor,
            channel_id=order.channel_id,
            reference=f"Order:{order.id}",
        ),
    )


async def settle(tx: Transaction, event: PendingEvent[OrderAllocated | OrderCancelled]) -> None:
    """Clear SHORT_PICK and OVERSOLD of an order if none of its units is backordered any more."""
    order_id = UUID(event.subject_key)
    await tx.flush()
    if await order_queries.has_backorders(tx.session, order_id):
        return
    order, short_pick = ("Order", order_id), ExceptionKind.SHORT_PICK
    await exceptions.clear(tx, ExceptionKind.OVERSOLD, order, actor=event.actor)
    # Earlier versions opened SHORT_PICK about the order.
    await exceptions.clear(tx, short_pick, order, actor=event.actor)
    for each in await conditions.open_of_parcels(tx.session, short_pick, order_id):
        await exceptions.clear(tx, short_pick, ("Fulfillment", each), actor=event.actor)
