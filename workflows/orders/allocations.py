"""Allocation of an order: units of its hold first, others by routing, the rest backordered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import orjson

import models.queries.orders.reservations as reservation_queries
import workflows.availability.atp_context as atp_context
import workflows.availability.caps as caps
import workflows.availability.routing as routing
import workflows.availability.routing_shadows as routing_shadows
import workflows.orders.fulfillments as fulfillments
import workflows.reservations.expired_units as expired_units
import workflows.reservations.expiry as reservation_expiry
from domain.access.callers import Caller
from domain.errors import IllegalTransition, NotFound
from domain.events.reservations import ReservationCommitted
from domain.orders.fulfillment_holds import status_under
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderLineState, distribute
from domain.stock.reservations import RESERVATION_TRANSITIONS, ReservationStatus
from domain.stock.states import StockState
from models.queries.catalog.lookups import ChannelFacts, ItemFacts
from models.queries.orders.reservations import HeldLineRow
from models.reservations import ReservationRow
from workflows.access.visibility import sees_hold
from workflows.availability.atp_context import AtpContext
from workflows.availability.demands import Demand
from workflows.availability.routing import Plan
from workflows.orders.commands import PlaceOrder
from workflows.orders.fulfillments import ParcelContents, ParcelLine, PromisedOrder
from workflows.orders.open_demands import OpenDemand, Wanted
from workflows.reservations.expired_units import ExpiredUnits
from workflows.rollout.modes import Switch
from workflows.transactions.lock_order import LockClass
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction

_FROM_AVAILABLE = (StockState.AVAILABLE, StockState.ALLOCATED)
_FROM_HOLD = (StockState.HELD, StockState.ALLOCATED)
_BACK_TO_AVAILABLE = (StockState.HELD, StockState.AVAILABLE)


@dataclass(slots=True)
class OrderAllocation:
    """The allocated (location, units) of each order line; the other units are backordered."""

    places_by_line: list[list[tuple[int, int]]]
    units_by_line: list[dict[OrderLineState, int]]
    decision: Mapping[str, Any]
    ship_by: datetime | None = None
    deliver_by: datetime | None = None

    @property
    def location_ids(self) -> frozenset[int]:
        """The locations that have units for the order."""
        return frozenset(place for line in self.places_by_line for place, _ in line)

    @property
    def backordered_units(self) -> int:
        return sum(units[OrderLineState.BACKORDERED] for units in self.units_by_line)


@dataclass(slots=True)
class Supply:
    """Supply of orders: locked stock, its expired holds, their own holds, and the ATP context.

    `backordered` is the context's mapping: open backordered units by (channel, item). It includes
    orders that this transaction has placed. `committed`: (hold, order) of the holds turned into
    orders, not yet written.
    """

    holds: dict[UUID, ReservationRow]
    lines: Mapping[UUID, Sequence[HeldLineRow]]
    expired: ExpiredUnits
    context: atp_context.AtpContext
    backordered: dict[tuple[int, int], int]
    committed: list[tuple[UUID, UUID]] = field(default_factory=list)


async def lock(
    tx: Transaction, item_ids: Collection[int], reservation_ids: Collection[UUID]
) -> Supply:
    """Lock the stock of these items and of these holds, then the holds, then caps of locations."""
    ids = sorted(reservation_ids)
    lines: dict[UUID, list[HeldLineRow]] = {}
    for line in await reservation_queries.lines_of(tx.session, ids) if ids else ():
        lines.setdefault(line["reservation_id"], []).append(line)
    wanted = {line["item_id"] for of_hold in lines.values() for line in of_hold} | set(item_ids)
    expired = await expired_units.lock_stock(tx, wanted, ids)
    rows: Sequence[ReservationRow] = ()
    if ids:
        tx.locking(LockClass.HOLDS)
        rows = await reservation_queries.lock_holds(tx.session, ids)
    context = await caps.lock(tx, await atp_context.read(tx.session, wanted, tx.now))
    tx.measures = context.measures
    backordered = dict(context.backordered)
    return Supply(
        {row["id"]: row for row in rows},
        lines,
        expired,
        replace(context, backordered=backordered),
        backordered,
    )


async def allocate(
    tx: Transaction,
    supply: Supply,
    channel: ChannelFacts,
    demands: Sequence[Demand],
    order_id: UUID,
    command: PlaceOrder,
    *,
    caller: Caller,
) -> OrderAllocation:
    """Allocate the demanded units to an order, those of its hold first. Ends the hold.

    Raises InsufficientStock unless the order may be backordered. Raises NotFound for a hold of
    another channel, and IllegalTransition for one that was released or committed. If it raises,
    nothing is allocated. Records `reservation.committed`.
    """
    context = supply.context
    held = await _live_hold(tx, supply, channel, command.reservation_id, caller)
    open_demand = OpenDemand.of(demands, channel)
    moves = []
    if held is not None:
        items_by_id = {demand.item.id: demand.item for demand in demands}
        usable = partial(_is_usable, context, channel, items_by_id)
        moves = _held_portions(open_demand, supply.lines.get(held["id"], ()), usable)
    missing = open_demand.missing(demands)
    country = None if command.ship_to is None else command.ship_to.country_code
    terms = (country, command.service_level)
    decision: dict[str, Any] = {} if held is None else orjson.loads(held["routing"])
    switch = context.switch(channel) if held is None else routing.switch_of(decision)
    plan, would = None, None
    if missing:
        plan = await _plan(tx, supply, channel, missing, terms, switch, command)
    if plan is not None:
        would = await routing_shadows.decide(tx, context, channel, plan.demands, terms, switch)
        decision = dict(plan.decision)
        for item_id, location_id, quantity in plan.allocation:
            open_demand.take(item_id, location_id, quantity)
            moves.append((item_id, location_id, _FROM_AVAILABLE, quantity))
    elif not decision:
        decision = routing.undecided(context, channel, [demand.item for demand in demands], switch)
    chosen = [] if plan is None else plan.decision["chosen"]
    subject = ("Order", order_id)
    routing_shadows.store(tx, channel, subject, switch, would, chosen, caller.actor)
    # No refusal is possible from here on.
    for item_id, location_id, states, quantity in moves:
        _move(tx, channel, item_id, location_id, states, quantity, order_id, caller.actor)
    if held is not None:
        _commit(tx, supply, held, order_id, caller.actor)
    for (item_id, _), quantity in open_demand.wanted.items():
        if quantity:
            key = (channel.id, item_id)
            supply.backordered[key] = supply.backordered.get(key, 0) + quantity
    allocation = _per_line(demands, open_demand, decision)
    places = allocation.location_ids
    caps.take(context, places)
    decision["chosen"] = [each.code for each in channel.locations if each.id in places]
    items = [demand.item for demand in demands]
    dates = await routing.promise_from(tx, context, channel, items, places, *terms)
    if not allocation.backordered_units:
        allocation.ship_by, allocation.deliver_by = dates
    return allocation


async def _plan(
    tx: Transaction,
    supply: Supply,
    channel: ChannelFacts,
    missing: Sequence[Demand],
    terms: tuple[str | None, str],
    switch: Switch | None,
    command: PlaceOrder,
) -> Plan | None:
    """The locations of units that no hold has; None if the order is backordered without any."""
    context, expired = supply.context, supply.expired
    if command.backorder:
        return await expired_units.plan_part(tx, expired, context, channel, missing, terms, switch)
    work = partial(routing.plan, tx, context, channel, missing, *terms, switch)
    return await expired.attempt(tx, work)


async def _live_hold(
    tx: Transaction,
    supply: Supply,
    channel: ChannelFacts,
    reservation_id: UUID | None,
    caller: Caller,
) -> ReservationRow | None:
    """The order's locked hold; None if it has expired: the order then needs other units."""
    if reservation_id is None:
        return None
    row = supply.holds.get(reservation_id)
    if (
        row is None
        or row["channel_id"] != channel.id
        or not (caller.locations is None or await sees_hold(tx.session, caller, row["id"]))
    ):
        field = ("input", "reservationId")
        raise NotFound("reservation", str(reservation_id), field=field)
    status = ReservationStatus(row["status"])
    if status is ReservationStatus.EXPIRED or row["expires_at"] <= tx.now:
        return None
    if status is not ReservationStatus.HELD:
        raise IllegalTransition(
            "reservation",
            status,
            ReservationStatus.COMMITTED,
            RESERVATION_TRANSITIONS[status],
            field=("input", "reservationId"),
        )
    return row


def _is_usable(
    context: AtpContext,
    channel: ChannelFacts,
    items: Mapping[int, ItemFacts],
    item_id: int,
    location_id: int,
) -> bool:
    """True unless a measure forbids the channel to sell held units from where they are."""
    item = items.get(item_id)
    return item is not None and context.may_use_held(channel, location_id, item)


def _held_portions(
    open_demand: OpenDemand,
    lines: Sequence[HeldLineRow],
    is_usable: Callable[[int, int], bool],
) -> list[tuple[int, int, tuple[StockState, StockState], int]]:
    """Stock moves of the held units: wanted units to the order, the surplus back to AVAILABLE.

    Units that a measure stops are surplus: others are wanted in their place.
    """
    moves = []
    for line in lines:
        item_id, location_id = line["item_id"], line["location_id"]
        taken = 0
        if is_usable(item_id, location_id):
            taken = open_demand.take(item_id, location_id, line["quantity"])
        if taken:
            moves.append((item_id, location_id, _FROM_HOLD, taken))
        if surplus := line["quantity"] - taken:
            moves.append((item_id, location_id, _BACK_TO_AVAILABLE, surplus))
    return moves


def _commit(
    tx: Transaction, supply: Supply, hold: ReservationRow, order_id: UUID, actor: str
) -> None:
    version, status = hold["version"] + 1, str(ReservationStatus.COMMITTED)
    supply.committed.append((hold["id"], order_id))
    supply.holds[hold["id"]] = {**hold, "status": status, "version": version}
    event = ReservationCommitted(expires_at=hold["expires_at"], order=order_id)
    reservation_expiry.record(tx, hold, event, actor, version)


async def commit_holds(tx: Transaction, supply: Supply) -> None:
    """Write the holds that were turned into orders."""
    await reservation_queries.commit_holds(tx.session, supply.committed)


def _move(
    tx: Transaction,
    channel: ChannelFacts,
    item_id: int,
    location_id: int,
    states: tuple[StockState, StockState],
    quantity: int,
    order_id: UUID,
    actor: str,
) -> None:
    tx.stock.move(
        StockMove(
            item_id=item_id,
            location_id=location_id,
            from_state=states[0],
            to_state=states[1],
            quantity=quantity,
            actor=actor,
            channel_id=channel.id,
            reference=f"Order:{order_id}",
        ),
    )


def _per_line(
    demands: Sequence[Demand], open_demand: OpenDemand, decision: Mapping[str, Any]
) -> OrderAllocation:
    """Assign the found units to the lines that asked for them, in line order."""
    places: list[list[tuple[int, int]]] = [[] for _ in demands]
    by_wanted: dict[Wanted, list[int]] = {}
    for index, demand in enumerate(demands):
        by_wanted.setdefault((demand.item.id, demand.location), []).append(index)
    for key, indexes in by_wanted.items():
        portions = [portion for portion in open_demand.portions if portion.wanted == key]
        wanted = [demands[index].quantity for index in indexes]
        shares = distribute(wanted, [portion.quantity for portion in portions])
        for index, shares_of_line in zip(indexes, shares, strict=True):
            places[index] = [
                (portions[position].location_id, units) for position, units in shares_of_line
            ]
    units_by_line = []
    for demand, shares_of_line in zip(demands, places, strict=True):
        units = dict.fromkeys(OrderLineState, 0)
        units[OrderLineState.ALLOCATED] = sum(quantity for _, quantity in shares_of_line)
        units[OrderLineState.BACKORDERED] = demand.quantity - units[OrderLineState.ALLOCATED]
        units_by_line.append(units)
    return OrderAllocation(places, units_by_line, decision)


def add_fulfillments(
    tx: Transaction,
    order: PromisedOrder,
    lines: Sequence[tuple[UUID, int]],
    allocation: OrderAllocation,
    *,
    actor: str,
    held_at: Collection[int],
) -> dict[int, UUID]:
    """Add one fulfillment per location that has units for the (line, item) pairs.

    `held_at`: locations whose fulfillment a hold covers. Returns the ids by location.
    """
    parcels: dict[int, dict[int, int]] = {}
    for index, places in enumerate(allocation.places_by_line):
        for location_id, quantity in places:
            parcel = parcels.setdefault(location_id, {})
            parcel[index] = parcel.get(index, 0) + quantity
    contents = [
        ParcelContents(
            location_id, [ParcelLine(*lines[index], quantity) for index, quantity in parcel.items()]
        )
        for location_id, parcel in sorted(parcels.items())
    ]
    return {
        each.location_id: fulfillments.add(
            tx,
            order,
            place,
            each,
            actor=actor,
            status=status_under(FulfillmentStatus.OPEN, is_held=each.location_id in held_at),
        )
        for place, each in enumerate(contents, 1)
    }
