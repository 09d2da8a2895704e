"""Chargebacks of a paid order."""

from typing import Any

from domain.values.money import Money
from integrations.payments.gateway import Chargeback
from tests.builders.refunds import RefundDesk
from workflows.orders.commands import Payment
from workflows.refunds.gateway_events import MessageResult, receive_payment_event
from workflows.transactions.outcomes import Outcome


async def sold(refund_desk: RefundDesk) -> Outcome:
    """A shipped order of 20.00, paid with the payment `pay-7`."""
    paid = (Payment("pay-7", Money(2000, "GBP")),)
    return await refund_desk.desk.sold(("TEE-M", 2), payments=paid)


async def charge_back(
    refund_desk: RefundDesk, minor: int = 2000, message_id: str = "msg-1", **facts: Any
) -> MessageResult:
    """Process a new message of the gateway about a chargeback."""
    chargeback = Chargeback(
        facts.pop("reference", "pay-7"), Money(minor, facts.pop("currency", "GBP")), **facts
    )
    return await receive_payment_event(refund_desk.shop.transactions, message_id, chargeback)
