"""Enumerations of the domain in GraphQL, with the same names and values."""

import strawberry

from domain.access.callers import Role
from domain.catalog.commands import ChannelKind, ReasonKind
from domain.continuity.runs import PlaybookStatus
from domain.counts.classes import AbcClass
from domain.counts.states import CountCause, CountLineStatus, CountStatus
from domain.exceptions import ExceptionSeverity, ExceptionStatus
from domain.integrations.states import IntegrationKind, IntegrationStatus, Ordering
from domain.metrics import ExceptionGroup
from domain.orders.carriers import CarrierStatus
from domain.orders.fulfillment_holds import HoldReason
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.labels import LabelFormat, LabelStatus
from domain.orders.orders import OrderLineState, OrderStatus
from domain.policies.continuity import MeasureKind
from domain.policies.dispositions import ConditionGrade, Disposition
from domain.policies.policies import PolicyKind
from domain.policies.refunds import Tender
from domain.policies.rollout import RolloutDomain, RolloutMode
from domain.refunds.approvals import RefundKind
from domain.refunds.payouts import AttemptState
from domain.refunds.states import RefundStatus
from domain.returns.states import ReturnItemState, ReturnStatus
from domain.stock.reservations import ReservationStatus
from domain.stock.states import LocationKind, MovementKind, StockState
from domain.stock.transfers import TransferStatus
from domain.tasks import QueueKind, TaskStatus
from domain.values.sorts import ItemSort, OrderSort, RefundSort, ReturnSort
from domain.webhooks.messages import MessageDirection, MessageStatus

__all__ = [
    "AbcClass",
    "AttemptState",
    "CarrierStatus",
    "ChannelKind",
    "ConditionGrade",
    "CountCause",
    "CountLineStatus",
    "CountStatus",
    "Disposition",
    "ExceptionGroup",
    "ExceptionSeverity",
    "ExceptionStatus",
    "FulfillmentStatus",
    "HoldReason",
    "IntegrationKind",
    "IntegrationStatus",
    "ItemSort",
    "LabelFormat",
    "LabelStatus",
    "LocationKind",
    "MeasureKind",
    "MessageDirection",
    "MessageStatus",
    "MovementKind",
    "OrderLineState",
    "OrderSort",
    "OrderStatus",
    "Ordering",
    "PlaybookStatus",
    "PolicyKind",
    "QueueKind",
    "ReasonKind",
    "RefundKind",
    "RefundSort",
    "RefundStatus",
    "ReservationStatus",
    "ReturnItemState",
    "ReturnSort",
    "ReturnStatus",
    "Role",
    "RolloutDomain",
    "RolloutMode",
    "StockState",
    "TaskStatus",
    "Tender",
    "TransferStatus",
]

for _enumeration in (
    AbcClass,
    AttemptState,
    CarrierStatus,
    ChannelKind,
    ConditionGrade,
    CountCause,
    CountLineStatus,
    CountStatus,
    Disposition,
    ExceptionGroup,
    ExceptionSeverity,
    ExceptionStatus,
    FulfillmentStatus,
    HoldReason,
    IntegrationKind,
    IntegrationStatus,
    ItemSort,
    LabelFormat,
    LabelStatus,
    LocationKind,
    MeasureKind,
    MessageDirection,
    MessageStatus,
    MovementKind,
    OrderLineState,
    OrderSort,
    OrderStatus,
    Ordering,
    PlaybookStatus,
    PolicyKind,
    QueueKind,
    ReasonKind,
    RefundKind,
    RefundSort,
    RefundStatus,
    ReservationStatus,
    ReturnItemState,
    ReturnSort,
    ReturnStatus,
    Role,
    RolloutDomain,
    RolloutMode,
    StockState,
    TaskStatus,
    Tender,
    TransferStatus,
):
    strawberry.enum(_enumeration)
