"""The domain's enumerations as GraphQL shows them: same names, same values."""

import strawberry

from domain.access import Role
from domain.catalog import ChannelKind, ReasonKind
from domain.exceptions import ExceptionSeverity, ExceptionStatus
from domain.fulfillments import FulfillmentStatus
from domain.orders import OrderLineState, OrderStatus
from domain.policies import PolicyKind
from domain.reservations import ReservationStatus
from domain.stock import LocationKind, MovementKind, StockState

__all__ = [
    "ChannelKind",
    "ExceptionSeverity",
    "ExceptionStatus",
    "FulfillmentStatus",
    "LocationKind",
    "MovementKind",
    "OrderLineState",
    "OrderStatus",
    "PolicyKind",
    "ReasonKind",
    "ReservationStatus",
    "Role",
    "StockState",
]

for _enumeration in (
    ChannelKind,
    ExceptionSeverity,
    ExceptionStatus,
    FulfillmentStatus,
    LocationKind,
    MovementKind,
    OrderLineState,
    OrderStatus,
    PolicyKind,
    ReasonKind,
    ReservationStatus,
    Role,
    StockState,
):
    strawberry.enum(_enumeration)
