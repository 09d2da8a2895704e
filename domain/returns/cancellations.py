"""Cancellation of a return: refused after its refund was decided, because that refund is paid."""

from collections.abc import Iterable

from domain.errors import DomainError, IllegalTransition
from domain.refunds.states import BINDING, RefundStatus
from domain.returns.states import RETURN_TRANSITIONS, ReturnAction, ReturnStatus, check_action


class ReturnIsPaid(IllegalTransition):
    """A refund of the return is paid, or is about to be paid: the units must come back."""

    def __init__(self, status: ReturnStatus, refund: RefundStatus) -> None:
        allowed = RETURN_TRANSITIONS[status] - {ReturnStatus.CANCELLED}
        super().__init__("return", status, ReturnStatus.CANCELLED, allowed)
        message = (
            f"The return cannot be cancelled: a refund of it is {refund}. A refund that is not sent"
            " yet can be cancelled with refundCancel first."
        )
        DomainError.__init__(self, message, details={**self.details, "refund": refund})


def check_cancellation(status: ReturnStatus, refunds: Iterable[RefundStatus]) -> None:
    """Raise IllegalTransition unless a return with these refunds can be cancelled.

    Otherwise the customer could keep the units and the money.
    """
    check_action(status, ReturnAction.CANCEL)
    binding = next((refund for refund in refunds if refund in BINDING), None)
    if binding is not None:
        raise ReturnIsPaid(status, binding)
