"""Events of refunds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, TypedDict

from domain.events.payloads import EventPayload, OrderId, ReturnId
from domain.policies.refunds import Tender
from domain.refunds.states import RefundStatus


class RefundStep(TypedDict):
    """The fields that every event of a refund has, for `**`."""

    order: OrderId
    return_: ReturnId | None
    number: str
    status: RefundStatus
    before: RefundStatus | None
    tender: Tender
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPayload(EventPayload):
    """The fields that every event of a refund has."""

    subject_type: ClassVar[str] = "Refund"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel",)

    order: OrderId
    return_: ReturnId | None
    """Null for a refund that belongs to no return."""
    number: str
    """Number of the order."""
    status: RefundStatus
    before: RefundStatus | None
    """Status before this event; null for a new refund."""
    tender: Tender
    amount_minor: int
    """Amount in minor units of `currency`."""
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOpened(RefundPayload):
    """A refund was opened for a return, a cancellation or goodwill."""

    type: ClassVar[str] = "refund.opened"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundEstimated(RefundPayload):
    """The amount of a refund that waits for evidence or approval changed."""

    type: ClassVar[str] = "refund.estimated"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundApprovalRecorded(RefundPayload):
    """A refund was approved once and needs further approvals."""

    type: ClassVar[str] = "refund.approval_recorded"

    approvals: int
    """Approvals so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundStatusPayload(RefundPayload):
    """The fields that every event of a refund's new status has."""

    attempt: int | None
    """Number of the payout attempt that led to the status; null where none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundNeedsApproval(RefundStatusPayload):
    """The policy asks for a person's approval."""

    type: ClassVar[str] = "refund.needs_approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundApproved(RefundStatusPayload):
    """The policy or the last approver approved the refund, or a failed one is to be retried."""

    type: ClassVar[str] = "refund.approved"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRejected(RefundStatusPayload):
    """An approver rejected the refund."""

    type: ClassVar[str] = "refund.rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundProcessing(RefundStatusPayload):
    """A payout attempt began."""

    type: ClassVar[str] = "refund.processing"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSucceeded(RefundStatusPayload):
    """The refund was paid."""

    type: ClassVar[str] = "refund.succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFailed(RefundStatusPayload):
    """The payment gateway refused the payout."""

    type: ClassVar[str] = "refund.failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundUnknown(RefundStatusPayload):
    """The payment gateway has not confirmed whether the payout was made."""

    type: ClassVar[str] = "refund.unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundReversed(RefundStatusPayload):
    """The bank returned the payout."""

    type: ClassVar[str] = "refund.reversed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundCancelled(RefundStatusPayload):
    """The refund was cancelled before it was paid."""

    type: ClassVar[str] = "refund.cancelled"


# EVIDENCE_PENDING is a first status only: `refund.opened` reports it.
REFUND_STATUS_EVENTS: Final[Mapping[RefundStatus, type[RefundStatusPayload]]] = MappingProxyType(
    {
        RefundStatus.NEEDS_APPROVAL: RefundNeedsApproval,
        RefundStatus.APPROVED: RefundApproved,
        RefundStatus.REJECTED: RefundRejected,
        RefundStatus.PROCESSING: RefundProcessing,
        RefundStatus.SUCCEEDED: RefundSucceeded,
        RefundStatus.FAILED: RefundFailed,
        RefundStatus.UNKNOWN: RefundUnknown,
        RefundStatus.REVERSED: RefundReversed,
        RefundStatus.CANCELLED: RefundCancelled,
    }
)
