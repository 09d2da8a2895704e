"""Operational exceptions: kinds and their handling, states, and due times."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.access.callers import Caller, Role


class ExceptionStatus(StrEnum):
    """Progress of handling an exception."""

    OPEN = "OPEN"
    """Not assigned yet."""
    ASSIGNED = "ASSIGNED"
    """It has an owner."""
    IN_PROGRESS = "IN_PROGRESS"
    """Its owner works on it."""
    WAITING = "WAITING"
    """Paused until `waitUntil`; the waiting time does not count toward `dueAt`."""
    ESCALATED = "ESCALATED"
    """Past `dueAt`: passed to the next role, which must assign it."""
    RESOLVED = "RESOLVED"
    """Resolved by a person, with a text. Final."""
    AUTO_RESOLVED = "AUTO_RESOLVED"
    """Resolved automatically: its cause no longer exists. Final."""


class ExceptionSeverity(StrEnum):
    """Urgency of an exception."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class ExceptionKind(StrEnum):
    """Kind of deviation from the plan."""

    OVERSOLD = "OVERSOLD"
    SHORT_PICK = "SHORT_PICK"
    COUNT_VARIANCE = "COUNT_VARIANCE"
    RESERVATION_EXPIRED_AFTER_PAYMENT = "RESERVATION_EXPIRED_AFTER_PAYMENT"
    ORDER_LATE = "ORDER_LATE"
    CARRIER_DELAY = "CARRIER_DELAY"
    PARCEL_LOST = "PARCEL_LOST"
    CARRIER_CONFLICT = "CARRIER_CONFLICT"
    HOLD_OVERDUE = "HOLD_OVERDUE"
    LABEL_FAILED = "LABEL_FAILED"
    PUTAWAY_OVERDUE = "PUTAWAY_OVERDUE"
    RETURN_OVERDUE = "RETURN_OVERDUE"
    RETURN_DISCREPANCY = "RETURN_DISCREPANCY"
    UNIDENTIFIED_PARCEL = "UNIDENTIFIED_PARCEL"
    INSPECTION_OVERDUE = "INSPECTION_OVERDUE"
    REFUND_OVERDUE = "REFUND_OVERDUE"
    REFUND_UNKNOWN = "REFUND_UNKNOWN"
    REFUND_RECOVERY = "REFUND_RECOVERY"
    RETURN_SPIKE = "RETURN_SPIKE"
    TRANSFER_OVERDUE = "TRANSFER_OVERDUE"
    TRANSFER_DISCREPANCY = "TRANSFER_DISCREPANCY"
    LEDGER_DRIFT = "LEDGER_DRIFT"
    INTEGRATION_DOWN = "INTEGRATION_DOWN"
    MESSAGE_PARKED = "MESSAGE_PARKED"
    WEBHOOK_DISABLED = "WEBHOOK_DISABLED"


@dataclass(frozen=True, slots=True)
class HandlingRule:
    """Handling of one kind of exception: owner, due time, and the role to escalate to.

    `after`: time for which a condition must hold before the exception is opened; None for kinds
    that the clock does not delay. `is_off`: the kind is not opened at all.
    """

    severity: ExceptionSeverity
    owner_role: Role
    due: timedelta
    escalate_to: Role
    after: timedelta | None = None
    is_off: bool = False

    def due_at(self, opened_at: datetime) -> datetime:
        """The due time of an exception opened at `opened_at`."""
        return opened_at + self.due


@dataclass(frozen=True, slots=True)
class KindRow:
    """A kind of exception: its handling, and the conditions that open and clear it, in words.

    `subject`: the type of the object that it is about. `may_be_off`: a policy may switch it off.
    The others hold units or money that can be settled only through the exception. `is_swept`: the
    clock opens it, so that one that a person resolved must stay silent while its condition holds.
    `is_of_shop`: it states figures of the whole shop, so it is for keys without a limit. `reads`:
    the permission that its figures need.
    """

    subject: str
    opens: str
    clears: str
    handling: HandlingRule
    may_be_off: bool = True
    is_swept: bool = False
    is_of_shop: bool = False
    reads: str | None = None


_LOW, _MEDIUM, _HIGH, _CRITICAL = ExceptionSeverity
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

# ORDER_LATE: assumed time from placing to shipping for orders without a promise.
UNPROMISED_SHIPPING: Final = 2 * _DAY
# REFUND_OVERDUE: time from the decision of a refund to its payment.
REFUND_SETTLEMENT: Final = _DAY
# LABEL_FAILED: time for which the purchase of a label may be uncertain.
LABEL_UNCERTAINTY: Final = _HOUR
# CARRIER_DELAY: time after which a parcel counts as delayed if its carrier reports nothing.
CARRIER_SILENCE: Final = 3 * _DAY

KINDS: Final[Mapping[ExceptionKind, KindRow]] = MappingProxyType(
    {
        ExceptionKind.OVERSOLD: KindRow(
            "Order",
            "an order placed on a MARKETPLACE has backordered units, or a count finds fewer units"
            " than orders were promised",
            "no unit of the order is backordered",
            HandlingRule(_CRITICAL, Role.SUPERVISOR, _HOUR, Role.ADMIN),
        ),
        ExceptionKind.SHORT_PICK: KindRow(
            "Fulfillment",
            "a picker does not find units, and no other location can send them",
            "no unit of the order is backordered",
            HandlingRule(_HIGH, Role.SUPERVISOR, 4 * _HOUR, Role.SUPPLY_CHAIN),
        ),
        ExceptionKind.COUNT_VARIANCE: KindRow(
            "StockLevel",
            "units are not found for a parcel or a transfer, a scan takes more than its bin has, a"
            " transfer brings more than was sent, or a count asks for a recount or an approval",
            "no unit of the level is missing, and no line of it waits for a recount or an approval",
            HandlingRule(_MEDIUM, Role.WAREHOUSE, _DAY, Role.SUPERVISOR),
        ),
        ExceptionKind.RESERVATION_EXPIRED_AFTER_PAYMENT: KindRow(
            "Reservation",
            "an order with payments names an expired hold, and its units are sold out",
            "the external reference of the order is placed",
            HandlingRule(_HIGH, Role.SUPPORT, 2 * _HOUR, Role.SUPERVISOR),
        ),
        ExceptionKind.ORDER_LATE: KindRow(
            "Order",
            "an order is not wholly shipped at `shipBy`, or P2D after `placedAt` if nothing was"
            " promised",
            "every live unit of the order has shipped, or none is left",
            HandlingRule(_HIGH, Role.WAREHOUSE, 4 * _HOUR, Role.SUPERVISOR, after=timedelta(0)),
            is_swept=True,
        ),
        ExceptionKind.CARRIER_DELAY: KindRow(
            "Fulfillment",
            "a delivery failed, a shipped parcel is past `deliverBy`, or its carrier has reported"
            " nothing for P3D",
            "the parcel is delivered, lost or sent back",
            HandlingRule(_MEDIUM, Role.SUPPORT, _DAY, Role.SUPERVISOR, after=_DAY),
            is_swept=True,
        ),
        ExceptionKind.PARCEL_LOST: KindRow(
            "Fulfillment",
            "the carrier reports a parcel as lost",
            "the parcel is found, or a later refund of the order has succeeded",
            HandlingRule(_HIGH, Role.SUPPORT, _DAY, Role.SUPERVISOR),
        ),
        ExceptionKind.CARRIER_CONFLICT: KindRow(
            "CarrierEvent",
            "a carrier sends an event again with another status",
            "a person has resolved it",
            HandlingRule(_MEDIUM, Role.SUPPORT, _DAY, Role.SUPERVISOR),
        ),
        ExceptionKind.HOLD_OVERDUE: KindRow(
            "FulfillmentHold",
            "a hold without `until` is not released",
            "the hold is released",
            HandlingRule(_MEDIUM, Role.SUPPORT, _DAY, Role.SUPERVISOR, after=_DAY),
            is_swept=True,
        ),
        ExceptionKind.LABEL_FAILED: KindRow(
            "ShippingLabel",
            "a shipping label was not bought, or its carrier has not answered for PT1H",
            "its parcel or transfer is shipped or cancelled, or has a new label",
            HandlingRule(_MEDIUM, Role.WAREHOUSE, 4 * _HOUR, Role.SUPERVISOR),
            is_swept=True,
        ),
        ExceptionKind.PUTAWAY_OVERDUE: KindRow(
            "StockLevel",
            "units of a stock level wait to be put away in a bin",
            "no unit of the level is unbinned",
            HandlingRule(_MEDIUM, Role.WAREHOUSE, 8 * _HOUR, Role.SUPERVISOR, after=8 * _HOUR),
            is_swept=True,
        ),
        ExceptionKind.RETURN_OVERDUE: KindRow(
            "Return",
            "nothing of a return has come at `expectedBy`",
            "the return is received, cancelled or expired",
            HandlingRule(_LOW, Role.SUPPORT, 3 * _DAY, Role.SUPERVISOR),
            is_swept=True,
        ),
        ExceptionKind.RETURN_DISCREPANCY: KindRow(
            "Return",
            "units of a return are missing, wrong or extra, or come for an ended return",
            "the missing or wrong units are settled",
            HandlingRule(_MEDIUM, Role.SUPPORT, 2 * _DAY, Role.SUPERVISOR),
            may_be_off=False,
        ),
        ExceptionKind.UNIDENTIFIED_PARCEL: KindRow(
            "UnidentifiedParcel",
            "a parcel is received that no return matches",
            "its units are received as a return or disposed of",
            HandlingRule(_MEDIUM, Role.WAREHOUSE, 2 * _DAY, Role.SUPERVISOR),
            may_be_off=False,
        ),
        ExceptionKind.INSPECTION_OVERDUE: KindRow(
            "Return",
            "a received unit of a return waits for inspection",
            "no received unit waits for inspection",
            HandlingRule(_MEDIUM, Role.WAREHOUSE, _DAY, Role.SUPERVISOR, after=2 * _DAY),
            is_swept=True,
        ),
        ExceptionKind.REFUND_OVERDUE: KindRow(
            "Refund",
            "a refund was decided P1D ago and is not settled, or it failed",
            "the refund has succeeded or is given up",
            HandlingRule(_HIGH, Role.FINANCE, _DAY, Role.ADMIN),
            is_swept=True,
        ),
        ExceptionKind.REFUND_UNKNOWN: KindRow(
            "Refund",
            "the payment gateway cannot confirm whether a refund was paid",
            "no attempt of the refund needs a person any more",
            HandlingRule(_CRITICAL, Role.FINANCE, 4 * _HOUR, Role.ADMIN),
            may_be_off=False,
        ),
        ExceptionKind.REFUND_RECOVERY: KindRow(
            "Refund",
            "a customer has money for units that did not come back or that the customer kept",
            "the refund is cancelled, or a person has resolved it",
            HandlingRule(_HIGH, Role.FINANCE, 3 * _DAY, Role.ADMIN),
            may_be_off=False,
        ),
        ExceptionKind.RETURN_SPIKE: KindRow(
            "Item",
            "in 7 days at least 5 units of an item were asked back, and more than e + 3√e; e is"
            " the number that the rate of 8 weeks leads to",
            "at most e + 2√e units were asked back in 7 days",
            HandlingRule(_MEDIUM, Role.SUPPLY_CHAIN, 2 * _DAY, Role.ADMIN),
            is_swept=True,
            is_of_shop=True,
        ),
        ExceptionKind.TRANSFER_OVERDUE: KindRow(
            "Transfer",
            "a unit of a transfer is in transit past `expectedBy`",
            "the transfer is closed",
            HandlingRule(_MEDIUM, Role.SUPPLY_CHAIN, 2 * _DAY, Role.SUPERVISOR),
            is_swept=True,
        ),
        ExceptionKind.TRANSFER_DISCREPANCY: KindRow(
            "Transfer",
            "the last receipt of a transfer leaves units in transit, units beyond it arrive, or its"
            " carrier reports a parcel in transit as LOST",
            "the transfer is closed, and no unit of the extra items is missing at its locations",
            HandlingRule(_MEDIUM, Role.SUPPLY_CHAIN, 2 * _DAY, Role.SUPERVISOR),
        ),
        ExceptionKind.LEDGER_DRIFT: KindRow(
            "Proof",
            "an hourly proof of the books finds differences",
            "the proof finds no difference",
            HandlingRule(_CRITICAL, Role.FINANCE, 4 * _HOUR, Role.ADMIN),
            is_swept=True,
            is_of_shop=True,
            reads="ledger.read",
        ),
        ExceptionKind.INTEGRATION_DOWN: KindRow(
            "Integration",
            "an integration is DOWN: too many of its calls fail",
            "the integration is HEALTHY again, or OFF",
            HandlingRule(_CRITICAL, Role.ADMIN, _HOUR, Role.ADMIN),
            is_of_shop=True,
        ),
        ExceptionKind.MESSAGE_PARKED: KindRow(
            "Integration",
            "all attempts to deliver a message have failed",
            "no message of the integration is PARKED",
            HandlingRule(_HIGH, Role.SUPERVISOR, 4 * _HOUR, Role.ADMIN),
            is_of_shop=True,
        ),
        ExceptionKind.WEBHOOK_DISABLED: KindRow(
            "Integration",
            "a webhook is paused because it answered 410, accepted nothing for P5D and 10"
            " attempts, or must not go on after a PARKED message",
            "the webhook is resumed or switched off",
            HandlingRule(_HIGH, Role.SUPERVISOR, 4 * _HOUR, Role.ADMIN),
            is_of_shop=True,
        ),
    }
)


def hidden_kinds(caller: Caller) -> tuple[ExceptionKind, ...]:
    """Kinds of which no exception exists for the caller, whatever its channel and location."""
    is_limited = caller.channels is not None or caller.locations is not None
    return tuple(
        kind
        for kind, row in KINDS.items()
        if (row.is_of_shop and is_limited) or (row.reads is not None and not caller.may(row.reads))
    )


_T = ExceptionStatus
_ENDS: Final = frozenset({_T.RESOLVED, _T.AUTO_RESOLVED})

EXCEPTION_TRANSITIONS: Final[Mapping[ExceptionStatus, frozenset[ExceptionStatus]]] = (
    MappingProxyType(
        {
            _T.OPEN: _ENDS | {_T.ASSIGNED, _T.ESCALATED},
            _T.ASSIGNED: _ENDS | {_T.ASSIGNED, _T.IN_PROGRESS, _T.ESCALATED},
            _T.IN_PROGRESS: _ENDS | {_T.ASSIGNED, _T.WAITING, _T.ESCALATED},
            # The due time is paused: only a person escalates a waiting exception.
            _T.WAITING: _ENDS | {_T.ASSIGNED, _T.IN_PROGRESS, _T.ESCALATED},
            _T.ESCALATED: _ENDS | {_T.ASSIGNED, _T.ESCALATED},
            _T.RESOLVED: frozenset(),
            _T.AUTO_RESOLVED: frozenset(),
        }
    )
)

OPEN_STATUSES: Final = frozenset(_T) - _ENDS


def is_breached(
    status: ExceptionStatus, due_at: datetime, now: datetime, waiting_since: datetime | None
) -> bool:
    """True for an open exception past its due time; while it waits, if it was past it before."""
    if status not in OPEN_STATUSES:
        return False
    is_paused = status is ExceptionStatus.WAITING
    return due_at < (waiting_since if is_paused and waiting_since else now)


def due_after_waiting(due_at: datetime, waiting_since: datetime, now: datetime) -> datetime:
    """The due time of an exception resumed at `now`, moved by the time it waited."""
    return due_at + max(timedelta(0), now - waiting_since)


# Steps of an exception after which no comment is taken.
STEPS_MAX: Final = 1_000
# Longest time for which a due time may be paused.
WAIT_MAX: Final = timedelta(days=90)


def next_role(handling: HandlingRule, owner_role: str) -> Role:
    """The role that owns an exception after `owner_role` missed the due time; ADMIN is the last."""
    return Role.ADMIN if owner_role in (handling.escalate_to, Role.ADMIN) else handling.escalate_to
