"""Events of fulfillments, and of the carriers that deliver them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypedDict

from domain.events.payloads import (
    EventPayload,
    FulfillmentHoldId,
    FulfillmentId,
    OrderId,
    ReturnId,
    TransferId,
    UnitsByFulfillment,
    UnitsByOrderLine,
    UnitsBySku,
)
from domain.orders.carriers import CarrierStatus
from domain.orders.fulfillment_holds import HoldReason
from domain.orders.fulfillments import FulfillmentStatus
from domain.tasks import QueueKind


class FulfillmentStep(TypedDict):
    """The fields that every event of a fulfillment has, for `**`."""

    order: OrderId
    status: FulfillmentStatus
    before: FulfillmentStatus | None


class FulfillmentWorkStep(FulfillmentStep):
    """The fields that every event of warehouse work has, for `**`."""

    service_level: str
    ship_by: datetime | None


class ShortPick(TypedDict):
    """Units that a picker did not find, and their replacement, for `**`."""

    shortages: UnitsByOrderLine
    rerouted: tuple[FulfillmentId, ...]
    backordered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentPayload(EventPayload):
    """The fields that every event of a fulfillment has."""

    subject_type: ClassVar[str] = "Fulfillment"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel", "location")

    order: OrderId
    status: FulfillmentStatus
    before: FulfillmentStatus | None
    """Status before this event; null for a new fulfillment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentWorkPayload(FulfillmentPayload):
    """The fields that every event of warehouse work has: its tasks are ordered by the promise."""

    service_level: str
    """Service level of the order."""
    ship_by: datetime | None
    """Promised time of shipping; null while units of the order are backordered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentCreated(FulfillmentWorkPayload):
    """Units of an order were assigned to a location."""

    type: ClassVar[str] = "fulfillment.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentHeld(FulfillmentWorkPayload):
    """A hold was placed on the fulfillment or on its order; no step is allowed under it."""

    type: ClassVar[str] = "fulfillment.held"

    hold: FulfillmentHoldId
    reason: HoldReason
    until: datetime | None
    """Time at which the clock releases the hold; null: it is released by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentReleased(FulfillmentWorkPayload):
    """A hold of the fulfillment or of its order was released; others may be left."""

    type: ClassVar[str] = "fulfillment.released"

    hold: FulfillmentHoldId
    reason: HoldReason
    """Reason for which the hold was placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentPicked(FulfillmentWorkPayload):
    """The units were picked; some may be short."""

    type: ClassVar[str] = "fulfillment.picked"

    shortages: UnitsByOrderLine
    """Units that were not found."""
    rerouted: tuple[FulfillmentId, ...]
    """New fulfillments at other locations for units that were not found."""
    backordered: int
    """Units that were not found and wait for stock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentScanned(FulfillmentPayload):
    """Units of it were scanned while it was picked or packed: one event per call."""

    type: ClassVar[str] = "fulfillment.scanned"

    queue: QueueKind
    """PICK or PACK."""
    units: UnitsBySku
    """Units that were counted; below 0: put back."""
    remaining: int
    """Units of the fulfillment that this step still asks for."""
    tote: str | None
    """Tote that holds its units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentSplit(FulfillmentPayload):
    """Some of its units moved to other parcels of the same order and location."""

    type: ClassVar[str] = "fulfillment.split"

    siblings: UnitsByFulfillment
    """Units that each new fulfillment took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentPacked(FulfillmentWorkPayload):
    """The units were packed."""

    type: ClassVar[str] = "fulfillment.packed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentShipped(FulfillmentWorkPayload):
    """The parcel was handed to a carrier."""

    type: ClassVar[str] = "fulfillment.shipped"

    carrier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentDelivered(FulfillmentPayload):
    """The carrier delivered the parcel."""

    type: ClassVar[str] = "fulfillment.delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentLost(FulfillmentPayload):
    """The carrier lost the parcel."""

    type: ClassVar[str] = "fulfillment.lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentFound(FulfillmentPayload):
    """The carrier found a lost parcel and returns it to its sender."""

    type: ClassVar[str] = "fulfillment.found"


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentReduced(FulfillmentPayload):
    """Some of its units were cancelled."""

    type: ClassVar[str] = "fulfillment.reduced"


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentCancelled(FulfillmentPayload):
    """None of its units is left: they were cancelled, moved to other locations, or not found."""

    type: ClassVar[str] = "fulfillment.cancelled"

    shortages: UnitsByOrderLine | None
    """Units that were not found; null where nothing was picked."""
    rerouted: tuple[FulfillmentId, ...] | None
    """Fulfillments at other locations that replace it; null where units were cancelled."""
    backordered: int | None
    """Units that were not found and wait for stock; null where nothing was picked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierRecorded(EventPayload):
    """A carrier reported about a parcel: to or from a customer, or between two locations."""

    type: ClassVar[str] = "carrier.recorded"
    subject_type: ClassVar[str] = "CarrierEvent"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel", "location")

    carrier: str
    status: CarrierStatus
    order: OrderId | None
    """The order of the parcel; null for a transfer."""
    fulfillment: FulfillmentId | None
    """The parcel on its way to the customer, or returned to its sender; else null."""
    return_: ReturnId | None
    """The return whose parcel it is; null for other parcels."""
    transfer: TransferId | None
    """The transfer whose parcel it is; null for other parcels."""
