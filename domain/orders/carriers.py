"""Carrier statuses of a parcel, and the fulfillment transition that each causes.

A parcel never moves back to an earlier state, except from LOST: then it was found.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderLineState


class CarrierStatus(StrEnum):
    """A carrier's report about a parcel."""

    ACCEPTED = "ACCEPTED"
    """The carrier has the parcel."""
    IN_TRANSIT = "IN_TRANSIT"
    OUT_FOR_DELIVERY = "OUT_FOR_DELIVERY"
    DELIVERY_FAILED = "DELIVERY_FAILED"
    """The parcel could not be handed over; opens the exception CARRIER_DELAY."""
    DELIVERED = "DELIVERED"
    """At its destination. A lost parcel was found."""
    RETURNED_TO_SENDER = "RETURNED_TO_SENDER"
    """On its way back to the sender; opens a return. A lost parcel was found."""
    LOST = "LOST"
    """It will not arrive; the units are written off."""


_F, _C = FulfillmentStatus, CarrierStatus

# The only reports that change a parcel's state. All other reports, and these in other states, are
# recorded without effect. From LOST: the parcel was found, at its destination or on its way back.
PARCEL_STEPS: Final[Mapping[tuple[FulfillmentStatus, CarrierStatus], FulfillmentStatus]] = (
    MappingProxyType(
        {
            (_F.SHIPPED, _C.DELIVERED): _F.DELIVERED,
            (_F.SHIPPED, _C.LOST): _F.LOST,
            (_F.LOST, _C.DELIVERED): _F.DELIVERED,
            (_F.LOST, _C.RETURNED_TO_SENDER): _F.SHIPPED,
        }
    )
)

# The state of an order line's units after their parcel has shipped.
UNIT_STATE: Final[Mapping[FulfillmentStatus, OrderLineState]] = MappingProxyType(
    {
        _F.SHIPPED: OrderLineState.SHIPPED,
        _F.DELIVERED: OrderLineState.DELIVERED,
        _F.LOST: OrderLineState.LOST,
    }
)

# Reports that end a CARRIER_DELAY exception: the parcel is not expected any more.
ENDS_DELAY: Final = frozenset({_C.DELIVERED, _C.RETURNED_TO_SENDER, _C.LOST})


def parcel_after(
    status: FulfillmentStatus, reported: CarrierStatus, *, was_sent_back: bool = False
) -> FulfillmentStatus | None:
    """The parcel's new state after a carrier's report; None if it does not change.

    `was_sent_back`: the carrier has reported RETURNED_TO_SENDER. Then a report of its loss is an
    older one that arrives late: the parcel was found since.
    """
    if was_sent_back and reported is CarrierStatus.LOST:
        return None
    return PARCEL_STEPS.get((status, reported))
