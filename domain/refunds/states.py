"""Refunds: states, allowed actions, and the effect of a payout's outcome.

See also `domain.refunds.breakdowns` (amounts), `domain.returns.evidence` (required evidence),
`domain.refunds.approvals` (approvals), `domain.refunds.balances` (payments drawn on) and
`domain.refunds.payouts` (paying out).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.errors import IllegalTransition
from domain.policies.refunds import RefundRules, RefundShipping
from domain.refunds.breakdowns import NO_SHIPPING, ShippingAccount
from domain.refunds.payouts import AttemptState
from domain.transitions import step


class RefundStatus(StrEnum):
    """Status of a refund."""

    EVIDENCE_PENDING = "EVIDENCE_PENDING"
    """Some `requiredEvidence` is not reached yet; the amount is an estimate."""
    NEEDS_APPROVAL = "NEEDS_APPROVAL"
    """Waits for approval by `approvalsRequired` actors."""
    APPROVED = "APPROVED"
    """Will be paid out; can still be cancelled."""
    REJECTED = "REJECTED"
    """Not approved. Final."""
    PROCESSING = "PROCESSING"
    """A payout attempt is in progress."""
    SUCCEEDED = "SUCCEEDED"
    """Paid out, or given as store credit."""
    FAILED = "FAILED"
    """The gateway reported that it did not pay; `refundRetry` tries again."""
    UNKNOWN = "UNKNOWN"
    """The payout's outcome is unknown: the gateway is asked again, and in the end `refundSettle`
    decides.
    """
    REVERSED = "REVERSED"
    """It was paid, and the bank returned the money, or it was of 0 and its units do not stay.
    Final.
    """
    CANCELLED = "CANCELLED"
    """Cancelled before it was paid. Final."""


_S = RefundStatus

REFUND_TRANSITIONS: Final[Mapping[RefundStatus, frozenset[RefundStatus]]] = MappingProxyType(
    {
        _S.EVIDENCE_PENDING: frozenset({_S.NEEDS_APPROVAL, _S.APPROVED, _S.CANCELLED}),
        _S.NEEDS_APPROVAL: frozenset({_S.APPROVED, _S.REJECTED, _S.CANCELLED}),
        _S.APPROVED: frozenset({_S.PROCESSING, _S.CANCELLED}),
        _S.PROCESSING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.UNKNOWN}),
        _S.UNKNOWN: frozenset({_S.SUCCEEDED, _S.FAILED}),
        # SUCCEEDED: a person found that it was paid, against the gateway's first report.
        _S.FAILED: frozenset({_S.PROCESSING, _S.SUCCEEDED, _S.CANCELLED}),
        _S.SUCCEEDED: frozenset({_S.REVERSED}),
        _S.REJECTED: frozenset(),
        _S.REVERSED: frozenset(),
        _S.CANCELLED: frozenset(),
    }
)

# A return may close when its refunds are in these states.
SETTLED: Final = frozenset({_S.SUCCEEDED, _S.REJECTED, _S.REVERSED, _S.CANCELLED})
# Refunds in these states draw on no payment, and their units may be refunded again. A FAILED one
# still draws, because it may be retried at any time.
WITHDRAWN: Final = frozenset({_S.REJECTED, _S.REVERSED, _S.CANCELLED})
# Refunds in these states were not sent to the gateway, or it refused them: they can be withdrawn.
UNSENT: Final = frozenset({_S.EVIDENCE_PENDING, _S.NEEDS_APPROVAL, _S.APPROVED, _S.FAILED})
# Refunds in these states are not booked: they may come to nothing, so no amount counts on them.
UNDECIDED: Final = frozenset({_S.EVIDENCE_PENDING, _S.NEEDS_APPROVAL})
# A return with such a refund cannot be cancelled: its money is paid, or about to be paid.
BINDING: Final = frozenset({_S.APPROVED, _S.PROCESSING, _S.UNKNOWN, _S.SUCCEEDED})


class RefundAction(StrEnum):
    """An action of a caller or a job on a refund."""

    APPROVE = "APPROVE"
    REJECT = "REJECT"
    CANCEL = "CANCEL"
    PAY = "PAY"
    RETRY = "RETRY"
    SETTLE = "SETTLE"


_A = RefundAction

# The states in which each action is allowed.
REFUND_ACTIONS: Final[Mapping[RefundAction, frozenset[RefundStatus]]] = MappingProxyType(
    {
        _A.APPROVE: frozenset({_S.NEEDS_APPROVAL}),
        _A.REJECT: frozenset({_S.NEEDS_APPROVAL}),
        _A.CANCEL: UNSENT,
        _A.PAY: frozenset({_S.APPROVED}),
        _A.RETRY: frozenset({_S.FAILED}),
        _A.SETTLE: frozenset({_S.UNKNOWN}),
    }
)
_AIMS_AT: Final[Mapping[RefundAction, RefundStatus]] = MappingProxyType(
    {
        _A.APPROVE: _S.APPROVED,
        _A.REJECT: _S.REJECTED,
        _A.CANCEL: _S.CANCELLED,
        _A.PAY: _S.PROCESSING,
        _A.RETRY: _S.PROCESSING,
        _A.SETTLE: _S.SUCCEEDED,
    }
)


def check_action(status: RefundStatus, action: RefundAction) -> None:
    """Raise IllegalTransition, with the states after `status`, unless `action` is allowed in it."""
    if status not in REFUND_ACTIONS[action]:
        raise IllegalTransition("refund", status, _AIMS_AT[action], REFUND_TRANSITIONS[status])


def path_to(status: RefundStatus, attempt: AttemptState) -> tuple[RefundStatus, ...]:
    """The states through which a refund in `status` goes to match its attempt's state.

    Empty if nothing changes. A reversal reported first passes through SUCCEEDED, so that both facts
    are booked. Raises IllegalTransition for an attempt that cannot belong to this refund.
    """
    ends = {
        AttemptState.OPEN: (),
        AttemptState.PENDING: (),
        AttemptState.UNKNOWN: (_S.UNKNOWN,),
        AttemptState.SUCCEEDED: (_S.SUCCEEDED,),
        AttemptState.FAILED: (_S.FAILED,),
        AttemptState.REVERSED: (_S.SUCCEEDED, _S.REVERSED),
    }[attempt]
    path = ends[ends.index(status) + 1 :] if status in ends else ends
    reached = status
    for each in path:
        reached = step("refund", REFUND_TRANSITIONS, reached, each)
    return path


def shipping_to_refund(
    rules: RefundRules, left: ShippingAccount, *, is_whole_order: bool
) -> ShippingAccount:
    """The part of the order's shipping that this refund includes; `left`: not refunded yet."""
    gives = {
        RefundShipping.ALWAYS: True,
        RefundShipping.NEVER: False,
        RefundShipping.FULL_ORDER_ONLY: is_whole_order,
    }[rules.refund_shipping]
    return left if gives else NO_SHIPPING
