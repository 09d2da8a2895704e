"""Every type of event, by area. docs/events.md is written from it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import domain.events.access as access
import domain.events.catalog as catalog
import domain.events.counts as counts
import domain.events.exceptions as exceptions
import domain.events.fulfillments as fulfillments
import domain.events.integrations.messages as messages
import domain.events.integrations.systems as integrations
import domain.events.labels as labels
import domain.events.ledger as ledger
import domain.events.orders as orders
import domain.events.policies as policies
import domain.events.refunds as refunds
import domain.events.reservations as reservations
import domain.events.returns as returns
import domain.events.stock as stock
import domain.events.tasks as tasks
from domain.access.permissions import EVENT_NOUNS
from domain.events.payloads import EventPayload

AREAS: Final[Mapping[str, tuple[type[EventPayload], ...]]] = MappingProxyType(
    {
        "Stock": (stock.StockChanged, stock.StockPutAway),
        "Counts": (
            counts.CountCreated,
            counts.CountRecorded,
            counts.CountPosted,
            counts.CountCancelled,
        ),
        "Reservations": (
            reservations.ReservationCreated,
            reservations.ReservationExtended,
            reservations.ReservationCommitted,
            reservations.ReservationReleased,
            reservations.ReservationExpired,
        ),
        "Orders": (
            orders.OrderPlaced,
            orders.OrderAllocated,
            orders.OrderPicked,
            orders.OrderPacked,
            orders.OrderShipped,
            orders.OrderDelivered,
            orders.OrderLost,
            orders.OrderFound,
            orders.OrderChargedBack,
            orders.OrderRerouted,
            orders.OrderUncovered,
            orders.OrderHeld,
            orders.OrderReleased,
            orders.OrderCancelled,
        ),
        "Fulfillments and carriers": (
            fulfillments.FulfillmentCreated,
            fulfillments.FulfillmentHeld,
            fulfillments.FulfillmentReleased,
            fulfillments.FulfillmentPicked,
            fulfillments.FulfillmentScanned,
            fulfillments.FulfillmentSplit,
            fulfillments.FulfillmentPacked,
            fulfillments.FulfillmentShipped,
            fulfillments.FulfillmentDelivered,
            fulfillments.FulfillmentLost,
            fulfillments.FulfillmentFound,
            fulfillments.FulfillmentReduced,
            fulfillments.FulfillmentCancelled,
            fulfillments.CarrierRecorded,
        ),
        "Shipping labels": (
            labels.LabelRequested,
            labels.LabelBought,
            labels.LabelFailed,
            labels.LabelUnknown,
            labels.LabelVoiding,
            labels.LabelVoided,
        ),
        "Transfers": (
            stock.TransferRequested,
            stock.TransferShipped,
            stock.TransferReceived,
            stock.TransferWrittenOff,
            stock.TransferClosed,
            stock.TransferCancelled,
        ),
        "Tasks": (
            tasks.TaskCreated,
            tasks.TaskClaimed,
            tasks.TaskRenewed,
            tasks.TaskReleased,
            tasks.TaskChanged,
            tasks.TaskDone,
            tasks.TaskCancelled,
        ),
        "Returns": (
            returns.ReturnRequested,
            returns.ReturnAuthorized,
            returns.ReturnDeclined,
            returns.ReturnCancelled,
            returns.ReturnTracked,
            returns.ReturnInTransit,
            returns.ReturnReceived,
            returns.ReturnInspectionRecorded,
            returns.ReturnInspected,
            returns.ReturnDisposed,
            returns.ReturnExpired,
            returns.ReturnClosed,
            returns.ReturnUnidentified,
            returns.ReturnUnidentifiedDisposed,
        ),
        "Refunds": (
            refunds.RefundOpened,
            refunds.RefundEstimated,
            refunds.RefundNeedsApproval,
            refunds.RefundApprovalRecorded,
            refunds.RefundApproved,
            refunds.RefundRejected,
            refunds.RefundProcessing,
            refunds.RefundSucceeded,
            refunds.RefundFailed,
            refunds.RefundUnknown,
            refunds.RefundReversed,
            refunds.RefundCancelled,
        ),
        "Exceptions": (
            exceptions.ExceptionOpened,
            exceptions.ExceptionReopened,
            exceptions.ExceptionRepeated,
            exceptions.ExceptionAssigned,
            exceptions.ExceptionStarted,
            exceptions.ExceptionWaiting,
            exceptions.ExceptionResumed,
            exceptions.ExceptionCommented,
            exceptions.ExceptionEscalated,
            exceptions.ExceptionResolved,
        ),
        "Policies": (policies.PolicyPublished, policies.PolicyEffective),
        "Continuity": (policies.PlaybookStarted, policies.PlaybookEnded),
        "Ledger": (ledger.PeriodClosed,),
        "Master data": (
            catalog.ItemUpserted,
            catalog.SupplierUpserted,
            catalog.ReasonUpserted,
            catalog.LocationUpserted,
            catalog.ChannelChanged,
        ),
        "Integrations": (
            integrations.IntegrationUpserted,
            integrations.IntegrationSecretRotated,
            *integrations.STATUS_EVENTS.values(),
            messages.MessageParked,
            messages.MessageSkipped,
        ),
        "API keys": (access.KeyCreated, access.KeyRotated, access.KeyRevoked),
    }
)

EVENTS: Final[Mapping[str, type[EventPayload]]] = MappingProxyType(
    {payload.type: payload for payloads in AREAS.values() for payload in payloads}
)


def permission_of(payload: type[EventPayload]) -> str:
    """The permission that a caller needs beside `events.read` to see events of this type."""
    return EVENT_NOUNS[payload.type.partition(".")[0]]
