"""Fulfillments: creation for allocated units, events, and the steps that each may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypedDict
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import Caller
from domain.errors import NotFound
from domain.events.fulfillments import (
    FulfillmentCreated,
    FulfillmentPayload,
    FulfillmentStep,
    FulfillmentWorkStep,
)
from domain.orders.fulfillments import FulfillmentStatus, number_of
from domain.orders.orders import OrderLineState
from models.fulfillments import Fulfillment, FulfillmentLine, FulfillmentRow
from models.queries.catalog.lookups import LocationFacts
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.transaction import Transaction

# The state of an order line's units while their fulfillment has this status.
LINE_STATE: Mapping[FulfillmentStatus, OrderLineState] = {
    FulfillmentStatus.ON_HOLD: OrderLineState.ALLOCATED,
    FulfillmentStatus.OPEN: OrderLineState.ALLOCATED,
    FulfillmentStatus.PICKED: OrderLineState.PICKED,
    FulfillmentStatus.PACKED: OrderLineState.PACKED,
}


class PromisedOrder(TypedDict):
    """Facts of an order that its fulfillments need: number, channel, and the promise."""

    id: UUID
    number: str
    channel_id: int
    service_level: str
    ship_by_at: datetime | None


class ParcelLine(NamedTuple):
    """Units of an order line for a parcel, and those that were picked and packed before."""

    order_line_id: UUID
    item_id: int
    quantity: int
    picked: int = 0
    packed: int = 0


@dataclass(frozen=True, slots=True)
class ParcelContents:
    """Units for one parcel at a location."""

    location_id: int
    lines: Sequence[ParcelLine]


class LocatedFulfillment(TypedDict):
    """Id and location of a fulfillment, for its events."""

    id: UUID
    location_id: int


def add(
    tx: Transaction,
    order: PromisedOrder,
    place: int,
    contents: ParcelContents,
    *,
    actor: str,
    status: FulfillmentStatus = FulfillmentStatus.OPEN,
) -> UUID:
    """Add a fulfillment. Returns its id.

    `place`: its place among the order's fulfillments, from 1, which is part of its number.
    """
    fulfillment_id = tx.new_id()
    row = {
        "id": fulfillment_id,
        "order_id": order["id"],
        "number": number_of(order["number"], place),
        "location_id": contents.location_id,
        "status": str(status),
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    tx.add(Fulfillment, row)
    for each in contents.lines:
        line = {"id": tx.new_id(), "fulfillment_id": fulfillment_id, **each._asdict()}
        tx.add(FulfillmentLine, line)
    created = FulfillmentCreated(**work_step(order, status, None))
    located: LocatedFulfillment = {"id": fulfillment_id, "location_id": contents.location_id}
    record(tx, created, located, 1, order, actor)
    return fulfillment_id


async def add_to_order(
    tx: Transaction,
    order: LockedOrder,
    parcels: Sequence[ParcelContents],
    *,
    actor: str,
    status: FulfillmentStatus = FulfillmentStatus.OPEN,
) -> list[UUID]:
    """Add fulfillments to a locked order, numbered after those that it has. Returns their ids."""
    if not parcels:
        return []
    await tx.flush()
    before = await fulfillment_queries.count_of_order(tx.session, order.id)
    return [
        add(tx, order.row, place, contents, actor=actor, status=status)
        for place, contents in enumerate(parcels, before + 1)
    ]


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
