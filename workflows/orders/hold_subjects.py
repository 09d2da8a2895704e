"""Subjects of holds that people place: a whole order or one fulfillment, under the order's lock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import workflows.orders.fulfillments as fulfillments
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import Caller
from domain.errors import IllegalTransition, Invalid, NotFound
from domain.orders.fulfillment_holds import UNSHIPPED, NewHold
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import CANCELLABLE
from models.fulfillments import FulfillmentRow
from models.queries.catalog.lookups import LocationFacts
from workflows.access.visibility import sees_order
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class HoldFulfillment:
    """Place a hold on a whole order or on one fulfillment; exactly one of them is given."""

    order_id: UUID | None
    fulfillment_id: UUID | None
    hold: NewHold


class HeldParcel(NamedTuple):
    """A locked fulfillment, and its location."""

    row: FulfillmentRow
    location: LocationFacts


async def lock(
    tx: Transaction, command: HoldFulfillment, caller: Caller
) -> tuple[LockedOrder, HeldParcel | None]:
    """The locked order, and the fulfillment if the command names one. Raises Invalid, NotFound."""
    order_id, fulfillment_id, field = command.order_id, command.fulfillment_id, ("orderId",)
    if (order_id is None) == (fulfillment_id is None):
        raise Invalid("Exactly one of `orderId` and `fulfillmentId` is required.", field=field)
    if fulfillment_id is not None:
        path = ("fulfillmentId",)
        order, row, location = await fulfillments.lock_with_order(tx, fulfillment_id, caller, path)
        return order, HeldParcel(row, location)
    assert order_id is not None
    order = await locked_orders.lock(tx, order_id, field)
    if not await sees_order(tx.session, caller, order.id):
        raise NotFound("order", str(order_id), field=field)
    return order, None


def check_unshipped(order: LockedOrder, parcel: HeldParcel | None) -> None:
    """Raise IllegalTransition if nothing is left to ship that a hold could cover."""
    held = FulfillmentStatus.ON_HOLD
    if parcel is None:
        if not is_left(order):
            status = order.recorded_status
            raise IllegalTransition("order", status, held, (), field=("orderId",))
        return
    status = FulfillmentStatus(parcel.row["status"])
    if status not in UNSHIPPED:
        allowed = fulfillments.next_steps(status, parcel.location)
        raise IllegalTransition("fulfillment", status, held, allowed, field=("fulfillmentId",))


def is_left(order: LockedOrder) -> bool:
    """True if a unit of the order has neither shipped nor been cancelled."""
    return any(line.units[state] for line in order.lines for state in CANCELLABLE)
