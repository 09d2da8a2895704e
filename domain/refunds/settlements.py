"""Settlement of a payout attempt by a person, after the gateway's word is missing or contradictory.

    attempt \\ finding    paid                                   not paid
    UNKNOWN              PAID                                   NOT_PAID
    FAILED               PAID, or OVERPAID²                     CONFIRMED
    SUCCEEDED            CONFIRMED                              TAKEN_BACK
    REVERSED             OVERPAID                               CONFIRMED

² OVERPAID: the refund cannot count the payment. It was paid by another attempt, cancelled or
reversed. The customer owes the money.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, TypeVar

from domain.errors import IllegalTransition, Invalid
from domain.refunds.payouts import UNSETTLED, Attempt, AttemptState
from domain.refunds.states import RefundAction, RefundStatus, check_action

AnyAttempt = TypeVar("AnyAttempt", bound=Attempt)


class Settlement(StrEnum):
    """Consequence of a person's finding for an attempt and its refund."""

    PAID = "PAID"
    """The attempt paid the refund."""
    NOT_PAID = "NOT_PAID"
    """The attempt failed; the refund may be retried."""
    CONFIRMED = "CONFIRMED"
    """The recorded state is right."""
    TAKEN_BACK = "TAKEN_BACK"
    """The attempt did not pay, although it is recorded as paid: the refund is reversed."""
    OVERPAID = "OVERPAID"
    """The attempt paid, and the refund does not need it: the customer owes the money."""


# A payment can settle a refund in these states; PROCESSING: by a later attempt, not sent yet.
_PAYABLE: Final = frozenset({RefundStatus.FAILED, RefundStatus.UNKNOWN, RefundStatus.PROCESSING})


def settlement(state: AttemptState, status: RefundStatus, *, was_paid: bool) -> Settlement:
    """Consequence of the finding that an attempt in `state` was, or was not, paid."""
    if state in UNSETTLED:
        return Settlement.PAID if was_paid else Settlement.NOT_PAID
    if was_paid == (state is AttemptState.SUCCEEDED):
        return Settlement.CONFIRMED
    if not was_paid:
        return Settlement.TAKEN_BACK
    is_payable = state is AttemptState.FAILED and status in _PAYABLE
    return Settlement.PAID if is_payable else Settlement.OVERPAID


def attempt_to_settle(
    attempts: Sequence[AnyAttempt], status: RefundStatus, number: int | None
) -> AnyAttempt:
    """The attempt that a person settles; `number`: of the attempt, from 1.

    Raises IllegalTransition if none needs a person, and Invalid at `attempt` if the number names
    another, or is missing while several need one.
    """
    open_ones = {each: at for at, each in enumerate(attempts, start=1) if each.is_settleable}
    if not open_ones:
        check_action(status, RefundAction.SETTLE)
        raise IllegalTransition("refund", status, RefundStatus.SUCCEEDED, ())
    named = [each for each, at in open_ones.items() if number in (None, at)]
    if len(named) != 1:
        allowed = list(open_ones.values())
        raise Invalid(
            f"Send the number of the attempt to settle: one of {allowed}.",
            field=("attempt",),
            details={"allowed": allowed},
        )
    return named[0]


def check_uncontradicted(
    attempts: Sequence[Attempt], status: RefundStatus, requested: RefundStatus
) -> None:
    """Raise IllegalTransition while a contradicted attempt waits for a person to settle it."""
    if any(each.contradicted_as is not None for each in attempts):
        raise IllegalTransition("refund", status, requested, ())
