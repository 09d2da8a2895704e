"""Fulfillments: creation for allocated units, and shipment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

import domain.ledger.entries as ledger_entries
import models.queries.catalog.lookups as lookups
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.orders.locked_orders as locked_orders
import workflows.tasks.claims as tasks
from domain.access.callers import Caller
from domain.errors import IllegalTransition, Invalid, NotFound
from domain.events.fulfillments import (
    FulfillmentCreated,
    FulfillmentPayload,
    FulfillmentShipped,
    FulfillmentStep,
    FulfillmentWorkStep,
)
from domain.events.orders import OrderShipped
from domain.events.payloads import encode
from domain.ledger.entries import Occasion, Sale, covered_by
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderLineState, check_cause, check_client_time
from domain.stock.states import StockState
from domain.values.codes import check_stored, store_codes
from domain.values.money import Money
from models.fulfillments import Fulfillment, FulfillmentLine, FulfillmentLineRow, FulfillmentRow
from models.queries.catalog.lookups import LocationFacts
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.actions import one_by_one
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction

# The state of an order line's units while their fulfillment has this status.
LINE_STATE: Mapping[FulfillmentStatus, OrderLineState] = {
    FulfillmentStatus.ON_HOLD: OrderLineState.ALLOCATED,
    FulfillmentStatus.OPEN: OrderLineState.ALLOCATED,
    FulfillmentStatus.PICKED: OrderLineState.PICKED,
    FulfillmentStatus.PACKED: OrderLineState.PACKED,
}


@dataclass(frozen=True, slots=True)
class ShipFulfillment:
    """Record that a parcel was handed to a carrier."""

    fulfillment_id: UUID
    carrier: str
    tracking_number: str
    shipped_at: datetime | None = None

    def __post_init__(self) -> None:
        store_codes(self, "carrier", "tracking_number")


class PromisedOrder(TypedDict):
    """Facts of an order that its fulfillments need: channel, service level, promised date."""

    id: UUID
    channel_id: int
    service_level: str
    ship_by_at: datetime | None


class LocatedFulfillment(TypedDict):
    """Id and location of a fulfillment, for its events."""

    id: UUID
    location_id: int


def add(
    tx: Transaction,
    order: PromisedOrder,
    location_id: int,
    lines: Sequence[tuple[UUID, int, int]],
    *,
    actor: str,
) -> UUID:
    """Add an OPEN fulfillment for (order line, item, units) at a location. Returns its id."""
    fulfillment_id = tx.new_id()
    row = {
        "id": fulfillment_id,
        "order_id": order["id"],
        "location_id": location_id,
        "status": str(FulfillmentStatus.OPEN),
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    tx.add(Fulfillment, row)
    for line_id, item_id, quantity in lines:
        line = {
            "id": tx.new_id(),
            "fulfillment_id": fulfillment_id,
            "order_line_id": line_id,
            "item_id": item_id,
            "quantity": quantity,
        }
        tx.add(FulfillmentLine, line)
    created = FulfillmentCreated(**work_step(order, FulfillmentStatus.OPEN, None))
    located: LocatedFulfillment = {"id": fulfillment_id, "location_id": location_id}
    record(tx, created, located, 1, order, actor)
    return fulfillment_id


def step(order: PromisedOrder, status: FulfillmentStatus, before: str | None) -> FulfillmentStep:
    """The fields that every event of a fulfillment of this order has."""
    return {
        "order": order["id"],
        "status": status,
        "before": None if before is None else FulfillmentStatus(before),
    }


def work_step(
    order: PromisedOrder, status: FulfillmentStatus, before: str | None
) -> FulfillmentWorkStep:
    """The fields of `step`, with the order's promise, which sets the priority of tasks."""
    return {
        **step(order, status, before),
        "service_level": order["service_level"],
        "ship_by": order["ship_by_at"],
    }


def record(
    tx: Transaction,
    event: FulfillmentPayload,
    fulfillment: LocatedFulfillment,
    version: int,
    order: PromisedOrder,
    actor: str,
) -> None:
    """Record an event of a fulfillment."""
    tx.outbox.record(
        event,
        fulfillment["id"],
        actor=actor,
        version=version,
        channel_id=order["channel_id"],
        location_id=fulfillment["location_id"],
    )


@one_by_one("fulfillmentShip")
async def ship(tx: Transaction, command: ShipFulfillment, caller: Caller) -> Mapping[str, Any]:
    """Hand a parcel to its carrier: the units leave the stock and the sale is posted.

    From OPEN or PICKED this completes pick and pack in full, unless the location requires packing.
    Locks the order, the tasks, the items' stock, then their costs. Raises IllegalTransition,
    Invalid (texts, times), NotFound, or TaskNotClaimed if another worker holds the task. Records
    `fulfillment.shipped` and `order.shipped`.
    """
    check_stored(command.carrier, "input", "carrier")
    check_stored(command.tracking_number, "input", "trackingNumber")
    try:
        shipped_at = check_client_time(
            command.shipped_at, tx.now, may_backdate=caller.may("backdate"), field="shippedAt"
        )
    except Invalid as error:
        raise error.under("input") from None
    field = ("input", "fulfillmentId")
    order, row, location = await lock_with_order(tx, command.fulfillment_id, caller, field)
    shipped_at = _not_before_order(command, shipped_at, order)
    before = _check_may_ship(row, location, field)
    await tasks.admit(tx, ("Fulfillment", row["id"]), caller, field)
    lines = [
        line
        for line in await fulfillment_queries.lines_of(tx.session, [row["id"]])
        if line["quantity"]
    ]
    item_ids = [line["item_id"] for line in lines]
    await tx.stock.lock(item_ids)
    await tx.costs.lock(item_ids)
    cost_minor = await _send_units(tx, order, row, lines, caller, shipped_at)
    units = {line["order_line_id"]: line["quantity"] for line in lines}
    sale = _sell(order, units, LINE_STATE[before], Money(cost_minor, tx.terms.base_currency))
    occasion = Occasion(order.number, shipped_at)
    entry = ledger_entries.shipment(sum(units.values()), sale, occasion)
    tx.journal.post(
        entry,
        actor=caller.actor,
        channel_id=order.channel_id,
        location_id=row["location_id"],
    )
    version = row["version"] + 1
    await fulfillment_queries.write_shipment(
        tx.session,
        row["id"],
        command.carrier,
        command.tracking_number,
        shipped_at,
        version,
        tx.now,
    )
    event = FulfillmentShipped(
        **work_step(order.row, FulfillmentStatus.SHIPPED, before), carrier=command.carrier
    )
    record(tx, event, row, version, order.row, caller.actor)
    tx.outbox.audit(
        caller.actor,
        "fulfillmentShip",
        ("Fulfillment", row["id"]),
        before={"status": str(before)},
        after={**encode(event), "completedPickAndPack": before is not FulfillmentStatus.PACKED},
    )
    shipped = OrderShipped(**await locked_orders.write(tx, order), fulfillment=row["id"])
    locked_orders.record(tx, order, shipped, caller.actor)
    return {"fulfillment": str(row["id"])}


def _not_before_order(
    command: ShipFulfillment, shipped_at: datetime, order: LockedOrder
) -> datetime:
    cause = (order.placed_at, "The order was placed")
    try:
        return check_cause(command.shipped_at, shipped_at, *cause, field="shippedAt")
    except Invalid as error:
        raise error.under("input") from None


async def lock_with_order(
    tx: Transaction, fulfillment_id: UUID, caller: Caller, field: tuple[str, ...]
) -> tuple[LockedOrder, FulfillmentRow, LocationFacts]:
    """Lock a fulfillment's order and read both. Raises NotFound outside the caller's scope."""
    found = await fulfillment_queries.fulfillment(tx.session, fulfillment_id)
    if found is not None:
        order = await locked_orders.lock(tx, found["order_id"], field)
        channels = await lookups.channels_by_id(tx.session, [order.channel_id])
        places = await lookups.locations_by_id(tx.session, [found["location_id"]])
        location = places[found["location_id"]]
        sees_channel = caller.sees_channel(channels[order.channel_id].code)
        row = await fulfillment_queries.fulfillment(tx.session, fulfillment_id)
        if row is not None and sees_channel and caller.sees_location(location.code):
            return order, row, location
    raise NotFound("fulfillment", str(fulfillment_id), field=field)


def _check_may_ship(
    row: FulfillmentRow, location: LocationFacts, field: tuple[str, ...]
) -> FulfillmentStatus:
    status = FulfillmentStatus(row["status"])
    ready = {FulfillmentStatus.PACKED}
    if not location.pack_required:
        ready |= {FulfillmentStatus.OPEN, FulfillmentStatus.PICKED}
    if status not in ready:
        allowed = next_steps(status, location)
        raise IllegalTransition("fulfillment", status, "SHIPPED", allowed, field=field)
    return status


def next_steps(status: FulfillmentStatus, location: LocationFacts) -> frozenset[FulfillmentStatus]:
    """Statuses that a fulfillment at this location may take next."""
    match status:
        case FulfillmentStatus.ON_HOLD:
            return frozenset({FulfillmentStatus.OPEN, FulfillmentStatus.CANCELLED})
        case FulfillmentStatus.OPEN:
            steps = {FulfillmentStatus.PICKED, FulfillmentStatus.CANCELLED}
        case FulfillmentStatus.PICKED:
            steps = {FulfillmentStatus.PACKED, FulfillmentStatus.CANCELLED}
        case FulfillmentStatus.PACKED:
            return frozenset({FulfillmentStatus.SHIPPED, FulfillmentStatus.CANCELLED})
        case FulfillmentStatus.SHIPPED:
            return frozenset({FulfillmentStatus.DELIVERED, FulfillmentStatus.LOST})
        case FulfillmentStatus.LOST:
            return frozenset({FulfillmentStatus.DELIVERED})
        case _:
            return frozenset()
    return frozenset(steps if location.pack_required else steps | {FulfillmentStatus.SHIPPED})


async def _send_units(
    tx: Transaction,
    order: LockedOrder,
    row: FulfillmentRow,
    lines: Sequence[FulfillmentLineRow],
    caller: Caller,
    shipped_at: datetime,
) -> int:
    """Move the units out of the stock, and store the cost of each line. Returns the total cost."""
    costs = []
    for line in lines:
        cost_minor = tx.costs.issue(line["item_id"], line["quantity"])
        costs.append((line["id"], cost_minor))
        tx.stock.move(
            StockMove(
                item_id=line["item_id"],
                location_id=row["location_id"],
                from_state=StockState.ALLOCATED,
                to_state=None,
                quantity=line["quantity"],
                actor=caller.actor,
                channel_id=order.channel_id,
                reference=f"Order:{order.id}",
                occurred_at=shipped_at,
                value_minor=cost_minor,
                value_currency=tx.terms.base_currency,
            ),
        )
    await fulfillment_queries.write_costs(tx.session, costs)
    return sum(cost for _, cost in costs)


def _sell(
    order: LockedOrder, units: Mapping[UUID, int], state: OrderLineState, cost: Money
) -> Sale:
    """Mark units as shipped. Returns their sale; the first parcel carries the shipping fee."""
    is_first = not order.has_shipped
    goods = tax = 0
    for line_id, quantity in units.items():
        line = order.line(line_id)
        assert line is not None
        net_part, tax_part = line.money.part(line.left, quantity)
        goods, tax = goods + net_part, tax + tax_part
        line.shift(state, OrderLineState.SHIPPED, quantity)
    shipping = order.shipping_minor if is_first else 0
    tax += order.shipping_tax_minor if is_first else 0
    owed = goods + tax + shipping
    deposit = covered_by(order.account.deposit_minor, owed)
    order.account = order.account.credited(-owed)
    return Sale(order.currency, goods, tax, shipping, deposit, cost)
