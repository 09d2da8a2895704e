"""What a payment gateway tells by itself: each message once, before or behind our own answer."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

import structlog

import models.queries.refunds.payouts as payout_queries
import models.queries.refunds.refunds as refund_queries
import workflows.refunds.locked_refunds as locked_refunds
import workflows.refunds.payout_attempts as payout_attempts
from domain.refunds.payouts import GatewaySignal
from integrations.payments.gateway import PaymentEvent
from workflows.refunds.payout_attempts import DEFAULT_PAYOUT_TERMS, GatewayReport, PayoutTerms
from workflows.transactions.lock_order import LockClass
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

PAYMENTS: Final = "payments"
ACTOR: Final = "gateway"
# Signatures are good for five minutes; ids are remembered far longer than that.
KEPT: Final = timedelta(days=7)
FORGOTTEN_MAX: Final = 1_000


class Taken(StrEnum):
    """What became of a message."""

    HEARD = "heard"
    REPEATED = "repeated"
    UNKNOWN_KEY = "unknown key"


async def take_payment(
    transactions: Transactions,
    message_id: str,
    event: PaymentEvent,
    terms: PayoutTerms = DEFAULT_PAYOUT_TERMS,
) -> Taken:
    """Take a gateway's message in, once: its id and what follows from it commit together."""

    async def work(tx: Transaction) -> Taken:
        return await _take(tx, message_id, event, terms)

    taken = await transactions.run(work)
    if taken is Taken.UNKNOWN_KEY:
        logger.warning("webhooks.unknown_key", message=message_id, type=event.type)
    return taken


async def forget_messages(tx: Transaction) -> int:
    """Forget ids of messages that are older than they are kept; how many there were."""
    return await refund_queries.delete_messages(tx.session, tx.now - KEPT, FORGOTTEN_MAX)


async def take_once(tx: Transaction, source: str, message_id: str) -> bool:
    """Whether a signed message of this source is new; it is not from now on."""
    tx.locking(LockClass.KEYS)
    return await refund_queries.record_message(tx.session, tx.new_id(), source, message_id, tx.now)


async def _take(tx: Transaction, message_id: str, event: PaymentEvent, terms: PayoutTerms) -> Taken:
    if not await take_once(tx, PAYMENTS, message_id):
        return Taken.REPEATED
    found = await payout_queries.attempt_by_key(tx.session, event.key)
    if found is None:
        return Taken.UNKNOWN_KEY
    case, _ = await locked_refunds.lock(tx, found["refund_id"], None, ())
    word = GatewaySignal(event.type.rpartition(".")[2].upper())
    said = GatewayReport(word, event.id, event.reason)
    await payout_attempts.listen(tx, case, found["id"], said, terms, actor=ACTOR)
    return Taken.HEARD
