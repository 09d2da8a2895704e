"""The domain's enumerations as GraphQL shows them: same names, same values."""

import strawberry

from domain.access import Role
from domain.approvals import RefundKind
from domain.carriers import CarrierStatus
from domain.catalog import ChannelKind, ReasonKind
from domain.exceptions import ExceptionSeverity, ExceptionStatus
from domain.fulfillments import FulfillmentStatus
from domain.orders import OrderLineState, OrderStatus
from domain.payouts import AttemptState
from domain.policies import PolicyKind
from domain.refunds import RefundStatus
from domain.reservations import ReservationStatus
from domain.returns import ReturnItemState, ReturnStatus
from domain.rules.dispositions import ConditionGrade, Disposition
from domain.rules.refunds import Tender
from domain.stock import LocationKind, MovementKind, StockState
from domain.tasks import QueueKind, TaskStatus

__all__ = [
    "AttemptState",
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
    "RefundKind",
    "RefundStatus",
    "ReservationStatus",
    "ReturnItemState",
    "ReturnStatus",
    "Role",
    "StockState",
    "TaskStatus",
    "Tender",
]

for _enumeration in (
    AttemptState,
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
    RefundKind,
    RefundStatus,
    ReservationStatus,
    ReturnItemState,
    ReturnStatus,
    Role,
    StockState,
    TaskStatus,
    Tender,
):
    strawberry.enum(_enumeration)
