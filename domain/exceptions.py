"""Operational exceptions: kinds and their handling, states, and due times."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.access.callers import Role


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
    RETURN_OVERDUE = "RETURN_OVERDUE"
    RETURN_DISCREPANCY = "RETURN_DISCREPANCY"
    UNIDENTIFIED_PARCEL = "UNIDENTIFIED_PARCEL"
    INSPECTION_OVERDUE = "INSPECTION_OVERDUE"
    REFUND_OVERDUE = "REFUND_OVERDUE"
    REFUND_UNKNOWN = "REFUND_UNKNOWN"
    REFUND_RECOVERY = "REFUND_RECOVERY"
    RETURN_SPIKE = "RETURN_SPIKE"
    LEDGER_DRIFT = "LEDGER_DRIFT"
    INTEGRATION_DOWN = "INTEGRATION_DOWN"


@dataclass(frozen=True, slots=True)
class HandlingRule:
    """Handling of one kind of exception: owner, due time, and the role to escalate to."""

    severity: ExceptionSeverity
    owner_role: Role
    due: timedelta
    escalate_to: Role

    def due_at(self, opened_at: datetime) -> datetime:
        """The due time of an exception opened at `opened_at`."""
        return opened_at + self.due


_LOW, _MEDIUM, _HIGH, _CRITICAL = ExceptionSeverity
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

DEFAULT_HANDLING: Final[Mapping[ExceptionKind, HandlingRule]] = MappingProxyType(
    {
        ExceptionKind.OVERSOLD: HandlingRule(_CRITICAL, Role.SUPERVISOR, _HOUR, Role.ADMIN),
        ExceptionKind.SHORT_PICK: HandlingRule(
            _HIGH, Role.SUPERVISOR, 4 * _HOUR, Role.SUPPLY_CHAIN
        ),
        ExceptionKind.COUNT_VARIANCE: HandlingRule(_MEDIUM, Role.WAREHOUSE, _DAY, Role.SUPERVISOR),
        ExceptionKind.RESERVATION_EXPIRED_AFTER_PAYMENT: HandlingRule(
            _HIGH, Role.SUPPORT, 2 * _HOUR, Role.SUPERVISOR
        ),
        ExceptionKind.ORDER_LATE: HandlingRule(_HIGH, Role.WAREHOUSE, 4 * _HOUR, Role.SUPERVISOR),
        ExceptionKind.CARRIER_DELAY: HandlingRule(_MEDIUM, Role.SUPPORT, _DAY, Role.SUPERVISOR),
        ExceptionKind.RETURN_OVERDUE: HandlingRule(_LOW, Role.SUPPORT, 3 * _DAY, Role.SUPERVISOR),
        ExceptionKind.RETURN_DISCREPANCY: HandlingRule(
            _MEDIUM, Role.SUPPORT, 2 * _DAY, Role.SUPERVISOR
        ),
        ExceptionKind.UNIDENTIFIED_PARCEL: HandlingRule(
            _MEDIUM, Role.WAREHOUSE, 2 * _DAY, Role.SUPERVISOR
        ),
        ExceptionKind.INSPECTION_OVERDUE: HandlingRule(
            _MEDIUM, Role.WAREHOUSE, _DAY, Role.SUPERVISOR
        ),
        ExceptionKind.REFUND_OVERDUE: HandlingRule(_HIGH, Role.FINANCE, _DAY, Role.ADMIN),
        ExceptionKind.REFUND_UNKNOWN: HandlingRule(_CRITICAL, Role.FINANCE, 4 * _HOUR, Role.ADMIN),
        ExceptionKind.REFUND_RECOVERY: HandlingRule(_HIGH, Role.FINANCE, 3 * _DAY, Role.ADMIN),
        ExceptionKind.RETURN_SPIKE: HandlingRule(_MEDIUM, Role.SUPPLY_CHAIN, 2 * _DAY, Role.ADMIN),
        ExceptionKind.LEDGER_DRIFT: HandlingRule(_CRITICAL, Role.FINANCE, 4 * _HOUR, Role.ADMIN),
        ExceptionKind.INTEGRATION_DOWN: HandlingRule(_CRITICAL, Role.ADMIN, _HOUR, Role.ADMIN),
    }
)

# The condition under which each kind resolves automatically.
CLEARED_WHEN: Final[Mapping[ExceptionKind, str]] = MappingProxyType(
    {
        ExceptionKind.OVERSOLD: "no backordered or allocated unit lacks stock any more",
        ExceptionKind.SHORT_PICK: "the missing units are allocated elsewhere or cancelled",
        ExceptionKind.COUNT_VARIANCE: "the units in quarantine have been counted",
        ExceptionKind.RESERVATION_EXPIRED_AFTER_PAYMENT: "the order is placed or paid back",
        ExceptionKind.ORDER_LATE: "every live unit of the order has shipped",
        ExceptionKind.CARRIER_DELAY: "the parcel is delivered, lost or sent back",
        ExceptionKind.RETURN_OVERDUE: "the return is received, cancelled or expired",
        ExceptionKind.RETURN_DISCREPANCY: "the missing or wrong units are settled",
        ExceptionKind.UNIDENTIFIED_PARCEL: "its units are received as a return or disposed of",
        ExceptionKind.INSPECTION_OVERDUE: "no received unit waits for inspection",
        ExceptionKind.REFUND_OVERDUE: "the refund has succeeded or is given up",
        ExceptionKind.REFUND_UNKNOWN: "no attempt of the refund needs a person any more",
        ExceptionKind.REFUND_RECOVERY: "the money that the customer owes is recorded",
        ExceptionKind.RETURN_SPIKE: "the item's return rate is back in its usual range",
        ExceptionKind.LEDGER_DRIFT: "reconcile finds no difference",
        ExceptionKind.INTEGRATION_DOWN: "the integration answers again",
    }
)

_T = ExceptionStatus
_ENDS: Final = frozenset({_T.RESOLVED, _T.AUTO_RESOLVED})

EXCEPTION_TRANSITIONS: Final[Mapping[ExceptionStatus, frozenset[ExceptionStatus]]] = (
    MappingProxyType(
        {
            _T.OPEN: _ENDS | {_T.ASSIGNED, _T.ESCALATED},
            _T.ASSIGNED: _ENDS | {_T.IN_PROGRESS, _T.ESCALATED},
            _T.IN_PROGRESS: _ENDS | {_T.WAITING, _T.ESCALATED},
            # The due time is paused: a waiting exception is escalated only after it is resumed.
            _T.WAITING: _ENDS | {_T.IN_PROGRESS},
            _T.ESCALATED: _ENDS | {_T.ASSIGNED},
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


# Longest time for which a due time may be paused.
WAIT_MAX: Final = timedelta(days=90)


def next_role(handling: HandlingRule, owner_role: str) -> Role:
    """The role that owns an exception after `owner_role` missed the due time; ADMIN is the last."""
    return Role.ADMIN if owner_role in (handling.escalate_to, Role.ADMIN) else handling.escalate_to
