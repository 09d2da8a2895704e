"""Payout worker for approved refunds: claim, call the gateway, record its report.

The call is made outside any transaction. The attempt and its key are stored before the call, the
report after it. The worker may die at any point in between. The next worker looks the key up
before it sends anything again, and then sends the same key (decision 7).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from uuid import UUID

import structlog

import models.queries.refunds.payouts as payout_queries
import workflows.exceptions.opening as exceptions
import workflows.refunds.locked_refunds as locked_refunds
import workflows.refunds.payout_attempts as payout_attempts
from domain.access.callers import SYSTEM
from domain.exceptions import ExceptionKind
from domain.policies.refunds import Tender
from domain.refunds.payouts import (
    UNSETTLED,
    GatewaySignal,
    PayoutStep,
    may_send_again,
    next_step,
)
from domain.refunds.states import RefundStatus
from integrations.payments.gateway import GatewayAnswer, GatewayError, PaymentGateway
from workflows.refunds.locked_refunds import LockedRefund
from workflows.refunds.payout_attempts import (
    DEFAULT_PAYOUT_TERMS,
    GatewayReport,
    PayoutAttempt,
    PayoutTerms,
)
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

ROUND_MAX: Final = 100
AT_ONCE: Final = 8
OVERDUE_MAX: Final = 50
ACTOR: Final = SYSTEM.actor
SILENCES_MAX: Final = 5
GATEWAY: Final = ("Integration", "payments")


@dataclass(frozen=True, slots=True)
class ClaimedPayout:
    """What a worker has claimed: to send a key, or to look it up."""

    refund_id: UUID
    attempt_id: UUID
    step: PayoutStep
    key: str
    payment_reference: str
    amount_minor: int
    currency: str


class Payouts:
    """Pays refunds out by one gateway. Several processes may do so at once."""

    def __init__(
        self,
        transactions: Transactions,
        gateway: PaymentGateway,
        terms: PayoutTerms = DEFAULT_PAYOUT_TERMS,
    ) -> None:
        self._transactions = transactions
        self._gateway = gateway
        self.terms = terms
        self._silences = 0
        # None: not known, because another process may have told people of it.
        self._is_down: bool | None = None

    async def work(self) -> int:
        """Do what can be done now, a bounded round of it; how many refunds were looked at."""
        now = self._transactions.clock()
        async with self._transactions.database.snapshot() as session:
            refund_ids = await payout_queries.due_refunds(session, now, ROUND_MAX)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(refund_id: UUID) -> None:
            async with gate:
                await self.pay(refund_id)

        await asyncio.gather(*map(one, refund_ids))
        return len(refund_ids)

    async def pay(self, refund_id: UUID) -> None:
        """Take the next step with one refund, if nobody else has it in hand."""
        errand = await self._transactions.run(lambda tx: self._claim(tx, refund_id))
        if errand is not None and errand.step is PayoutStep.LOOK_UP:
            said = await self._look_up(errand)
            errand = await self._record(errand, said)
        if errand is not None:
            await self._record(errand, await self._send(errand))

    async def _send(self, errand: ClaimedPayout) -> GatewayReport:
        try:
            answer = await self._gateway.refund(
                errand.key,
                str(errand.refund_id),
                errand.payment_reference,
                errand.amount_minor,
                errand.currency,
            )
        except GatewayError as error:
            return await self._silence(error)
        await self._notice_answer()
        return _said(answer)

    async def _look_up(self, errand: ClaimedPayout) -> GatewayReport:
        try:
            answer = await self._gateway.look_up(errand.key)
        except GatewayError as error:
            return await self._silence(error)
        await self._notice_answer()
        return GatewayReport(GatewaySignal.NOT_FOUND) if answer is None else _said(answer)

    async def _record(self, errand: ClaimedPayout, said: GatewayReport) -> ClaimedPayout | None:
        return await self._transactions.run(lambda tx: self._heard(tx, errand, said))

    async def _silence(self, error: GatewayError) -> GatewayReport:
        """What silence says of an attempt; a gateway that stays silent is told to people."""
        self._silences += 1
        if self._silences >= SILENCES_MAX and not self._is_down:
            words = f"The payment gateway has not answered {self._silences} times in a row."
            kind = ExceptionKind.INTEGRATION_DOWN
            await self._transactions.run(lambda tx: exceptions.open(tx, kind, GATEWAY, words))
            self._is_down = True
        return GatewayReport(GatewaySignal.SILENCE if error.was_asked else GatewaySignal.NOT_ASKED)

    async def _notice_answer(self) -> None:
        self._silences = 0
        if self._is_down is not False:
            kind = ExceptionKind.INTEGRATION_DOWN
            await self._transactions.run(lambda tx: exceptions.clear(tx, kind, GATEWAY))
            self._is_down = False

    async def _claim(self, tx: Transaction, refund_id: UUID) -> ClaimedPayout | None:
        """Take a refund's next step in hand; None: there is none now."""
        case, _ = await locked_refunds.lock(tx, refund_id, None, ())
        if case.status is RefundStatus.APPROVED:
            if case.tender is Tender.STORE_CREDIT:
                await _give_credit(tx, case)
                return None
            begun = await payout_attempts.begin(tx, case, ACTOR)
            return await self._take(tx, case, begun, PayoutStep.SEND)
        attempt = await payout_attempts.last(tx, refund_id)
        if attempt is None or attempt.next_at > tx.now:
            return None
        step = next_step(attempt, tx.now)
        if step not in (PayoutStep.SEND, PayoutStep.LOOK_UP):
            return None
        return await self._take(tx, case, attempt, step)

    async def _take(
        self, tx: Transaction, case: LockedRefund, attempt: PayoutAttempt, step: PayoutStep
    ) -> ClaimedPayout:
        """Store that the attempt is in hand, and that it is sent, before anybody is called."""
        is_sending = step is PayoutStep.SEND
        attempt = replace(
            attempt,
            claimed_until=tx.now + self.terms.claim,
            is_sending=is_sending,
            sent_at=attempt.sent_at or tx.now if is_sending else attempt.sent_at,
        )
        await payout_attempts.write(tx, attempt)
        assert case.payment_id is not None
        reference = await payout_queries.payment_reference(tx.session, case.payment_id)
        return ClaimedPayout(
            refund_id=case.id,
            attempt_id=attempt.id,
            step=step,
            key=attempt.key,
            payment_reference=reference,
            amount_minor=case.amount.minor,
            currency=case.amount.currency,
        )

    async def _heard(
        self, tx: Transaction, errand: ClaimedPayout, said: GatewayReport
    ) -> ClaimedPayout | None:
        """Record what was heard; where the gateway knows nothing, the errand to send it again."""
        case, _ = await locked_refunds.lock(tx, errand.refund_id, None, ())
        attempt = await payout_attempts.listen(
            tx, case, errand.attempt_id, said, self.terms, actor=ACTOR
        )
        if said.word is not GatewaySignal.NOT_FOUND or attempt.state not in UNSETTLED:
            return None
        if not may_send_again(attempt, tx.now, self.terms.key_retention):
            return None
        return await self._take(tx, case, attempt, PayoutStep.SEND)


async def tell_overdue(
    transactions: Transactions, terms: PayoutTerms = DEFAULT_PAYOUT_TERMS
) -> int:
    """Open an exception for each refund that was decided long ago and is not over; how many."""
    since = transactions.clock() - terms.overdue
    async with transactions.database.snapshot() as session:
        refund_ids = await payout_queries.waiting_since(session, since, OVERDUE_MAX)
    for refund_id in refund_ids:
        await transactions.run(partial(_tell_overdue, refund_id=refund_id))
    return len(refund_ids)


async def _tell_overdue(tx: Transaction, refund_id: UUID) -> None:
    case, _ = await locked_refunds.lock(tx, refund_id, None, ())
    if case.settled_at is None:
        words = f"A refund of {case.amount} is {case.status} since {case.decided_at}."
        await exceptions.open(
            tx,
            ExceptionKind.REFUND_OVERDUE,
            ("Refund", case.id),
            words,
            channel_id=case.order.channel_id,
        )


async def _give_credit(tx: Transaction, case: LockedRefund) -> None:
    await locked_refunds.advance(tx, case, RefundStatus.PROCESSING, ACTOR)
    await locked_refunds.advance(tx, case, RefundStatus.SUCCEEDED, ACTOR)


def _said(answer: GatewayAnswer) -> GatewayReport:
    return GatewayReport(GatewaySignal(answer.status.upper()), answer.id, answer.reason)
