"""The domain's enumerations as GraphQL shows them: same names, same values."""

import strawberry

from domain.access import Role
from domain.carriers import CarrierStatus
from domain.catalog import ChannelKind, ReasonKind
from domain.exceptions import ExceptionSeverity, ExceptionStatus
from domain.fulfillments import FulfillmentStatus
from domain.orders import OrderLineState, OrderStatus
from domain.policies import PolicyKind
from domain.reservations import ReservationStatus
from domain.returns import ReturnItemState, ReturnStatus
from domain.rules.dispositions import ConditionGrade, Disposition
from domain.stock import LocationKind, MovementKind, StockState
from domain.tasks import QueueKind, TaskStatus

__all__ = [
    "CarrierStatus",
    "ChannelKind",
    "ConditionGrade",
    "Disposition",
    "ExceptionSeverity",
    "ExceptionStatus",
    "FulfillmentStatus",
    "LocationKind",
    "MovementKind",
    "OrderLineState",
    "OrderStatus",
    "PolicyKind",
    "QueueKind",
    "ReasonKind",
    "ReservationStatus",
    "ReturnItemState",
    "ReturnStatus",
    "Role",
    "StockState",
    "TaskStatus",
]

for _enumeration in (
    CarrierStatus,
    ChannelKind,
    ConditionGrade,
    Disposition,
    ExceptionSeverity,
    ExceptionStatus,
    FulfillmentStatus,
    LocationKind,
    MovementKind,
    OrderLineState,
    OrderStatus,
    PolicyKind,
    QueueKind,
    ReasonKind,
    ReservationStatus,
    ReturnItemState,
    ReturnStatus,
    Role,
    StockState,
    TaskStatus,
):
    strawberry.enum(_enumeration)
