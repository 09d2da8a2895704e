"""Events of orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypedDict

from domain.events.payloads import (
    EventPayload,
    FulfillmentHoldId,
    FulfillmentId,
    UnitsByFulfillment,
    UnitsByOrderLine,
    UnitsBySku,
)
from domain.orders.carriers import CarrierStatus
from domain.orders.fulfillment_holds import HoldReason
from domain.orders.orders import OrderStatus


class OrderStep(TypedDict):
    """The fields that every event of an existing order has, for `**`."""

    number: str
    status: OrderStatus
    before: OrderStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPayload(EventPayload):
    """The fields that every event of an order has."""

    subject_type: ClassVar[str] = "Order"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel",)

    number: str
    """Number of the order."""
    status: OrderStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(OrderPayload):
    """An order was placed and its units were allocated or backordered."""

    type: ClassVar[str] = "order.placed"

    channel: str
    """Code of the channel."""
    units: UnitsBySku
    """Ordered units."""
    backordered: int
    """Units that wait for stock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChangedPayload(OrderPayload):
    """The fields that every event of an existing order has."""

    before: OrderStatus
    """Status before this event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAllocated(OrderChangedPayload):
    """Backordered units of an order got stock."""

    type: ClassVar[str] = "order.allocated"

    fulfillments: UnitsByFulfillment
    """Units of each new fulfillment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPicked(OrderChangedPayload):
    """A fulfillment of the order was picked."""

    type: ClassVar[str] = "order.picked"

    fulfillment: FulfillmentId


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPacked(OrderChangedPayload):
    """A fulfillment of the order was packed."""

    type: ClassVar[str] = "order.packed"

    fulfillment: FulfillmentId


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderShipped(OrderChangedPayload):
    """A fulfillment of the order was handed to a carrier."""

    type: ClassVar[str] = "order.shipped"

    fulfillment: FulfillmentId


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDelivered(OrderChangedPayload):
    """A carrier delivered a parcel of the order."""

    type: ClassVar[str] = "order.delivered"

    fulfillment: FulfillmentId
    carrier_status: CarrierStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLost(OrderChangedPayload):
    """A carrier lost a parcel of the order."""

    type: ClassVar[str] = "order.lost"

    fulfillment: FulfillmentId
    carrier_status: CarrierStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFound(OrderChangedPayload):
    """A carrier found a lost parcel of the order and returns it to its sender."""

    type: ClassVar[str] = "order.found"

    fulfillment: FulfillmentId
    carrier_status: CarrierStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChargedBack(OrderChangedPayload):
    """The customer's bank took a payment of the order back."""

    type: ClassVar[str] = "order.charged_back"

    amount_minor: int
    """Amount in minor units of `currency`."""
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRerouted(OrderChangedPayload):
    """A fulfillment of the order was moved to another location."""

    type: ClassVar[str] = "order.rerouted"

    from_: FulfillmentId
    """The cancelled fulfillment."""
    to: FulfillmentId
    """The fulfillment that replaces it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHeld(OrderChangedPayload):
    """A hold was placed on the whole order; it covers later fulfillments, too."""

    type: ClassVar[str] = "order.held"

    hold: FulfillmentHoldId
    reason: HoldReason
    until: datetime | None
    """Time at which the clock releases the hold; null: it is released by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReleased(OrderChangedPayload):
    """A hold of the whole order was released; others may be left."""

    type: ClassVar[str] = "order.released"

    hold: FulfillmentHoldId
    reason: HoldReason
    """Reason for which the hold was placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUncovered(OrderChangedPayload):
    """A count did not find units that were allocated to the order."""

    type: ClassVar[str] = "order.uncovered"

    fulfillment: FulfillmentId
    """The fulfillment that lost the units."""
    units: UnitsBySku
    """Units that were not found."""
    rerouted: tuple[FulfillmentId, ...]
    """New fulfillments at other locations for these units."""
    backordered: int
    """Units that wait for stock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(OrderChangedPayload):
    """Units of an order were cancelled before they were shipped."""

    type: ClassVar[str] = "order.cancelled"

    reason: str
    """Code of the cancellation reason."""
    lines: UnitsByOrderLine
    """Cancelled units."""
    units: UnitsBySku
    """Cancelled units."""
    refund_minor: int
    """Amount to be refunded, in minor units of `currency`."""
    currency: str | None
    """Absent in events of earlier versions: the order's currency."""
