"""Messages of a payment gateway, each applied once, before or after the answer to the call."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import structlog

import models.queries.refunds.chargebacks as chargeback_queries
import models.queries.refunds.payouts as payout_queries
import workflows.events.webhook_messages as webhook_messages
import workflows.refunds.chargebacks as chargebacks
import workflows.refunds.locked_refunds as locked_refunds
import workflows.refunds.payout_attempts as payout_attempts
from domain.refunds.payouts import GatewaySignal
from integrations.payments.gateway import CHARGEBACK, Chargeback, PaymentEvent
from workflows.refunds.payout_attempts import DEFAULT_PAYOUT_TERMS, GatewayReport, PayoutTerms
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

PAYMENTS: Final = "payments"
ACTOR: Final = "gateway"


class MessageResult(StrEnum):
    """Result of receiving a message."""

    APPLIED = "applied"
    REPEATED = "repeated"
    UNKNOWN_KEY = "unknown key"


async def receive_payment_event(
    transactions: Transactions,
    message_id: str,
    event: PaymentEvent | Chargeback,
    terms: PayoutTerms = DEFAULT_PAYOUT_TERMS,
) -> MessageResult:
    """Apply a gateway's message once. Its id and its effects commit in one transaction.

    Raises ValueError for a chargeback that the payment cannot bear.
    """

    async def work(tx: Transaction) -> MessageResult:
        return await _receive(tx, message_id, event, terms)

    result = await transactions.run(work)
    if result is MessageResult.UNKNOWN_KEY:
        kind = CHARGEBACK if isinstance(event, Chargeback) else event.type
        logger.warning("webhooks.unknown_key", message=message_id, type=kind)
    return result


async def _receive(
    tx: Transaction, message_id: str, event: PaymentEvent | Chargeback, terms: PayoutTerms
) -> MessageResult:
    if not await webhook_messages.record_once(tx, PAYMENTS, message_id):
        return MessageResult.REPEATED
    if isinstance(event, Chargeback):
        payment = await chargeback_queries.payment_named(tx.session, event.payment_reference)
        if payment is None:
            return MessageResult.UNKNOWN_KEY
        is_new = await chargebacks.record(tx, payment, event, ACTOR)
        return MessageResult.APPLIED if is_new else MessageResult.REPEATED
    found = await payout_queries.attempt_by_key(tx.session, event.key)
    if found is None:
        return MessageResult.UNKNOWN_KEY
    refund, _ = await locked_refunds.lock(tx, found["refund_id"], None, ())
    signal = GatewaySignal(event.type.rpartition(".")[2].upper())
    report = GatewayReport(signal, event.id, event.reason)
    await payout_attempts.apply_report(tx, refund, found["id"], report, terms, actor=ACTOR)
    return MessageResult.APPLIED
