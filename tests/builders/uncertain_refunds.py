"""Refunds whose payout the gateway reports in contradicting ways."""

from uuid import uuid4

from integrations.payments.gateway import PaymentEventType as Told
from tests.builders.refunds import FAILED, SUCCEEDED, RefundDesk
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome


async def failed_refund(refund_desk: RefundDesk) -> Outcome:
    """A refund of 1.00 that failed; the gateway pays the next attempt."""
    order = await refund_desk.desk.sold(("TEE-M", 1))
    made = await refund_desk.create(order, "1.00")
    assert not (await refund_desk.approve(made)).refusals
    refund_desk.gateway.answers = [FAILED]
    await refund_desk.pay()
    refund_desk.gateway.answers = [SUCCEEDED]
    return made


async def report(refund_desk: RefundDesk, refund: Outcome, what: Told, attempt: int = -1) -> None:
    """Process a new message of the gateway about an attempt."""
    await refund_desk.receive_webhook(refund, what, uuid4().hex, attempt=attempt)


async def is_uncertain(refund_desk: RefundDesk, refund: Outcome) -> bool:
    """True if REFUND_UNKNOWN is open for the refund; proves that the books agree."""
    assert [str(each) for each in await reconcile(refund_desk.database)] == []
    return f"Refund:{refund_desk.id(refund)}" in await refund_desk.open_exceptions("REFUND_UNKNOWN")


async def states(refund_desk: RefundDesk, refund: Outcome) -> list[str]:
    """Status of the refund, then the state of each attempt."""
    attempts = await refund_desk.attempts(refund)
    return [await refund_desk.status(refund), *(each["state"] for each in attempts)]
