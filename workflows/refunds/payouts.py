"""Payout worker for approved refunds: claim, call the gateway, record its report.

The call is made outside any transaction. The attempt and its key are stored before the call, the
report after it. The worker may die at any point in between. The next worker looks the key up before
it sends anything again, and then sends the same key (docs/decisions/0007-payouts-happen-once.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import structlog

import models.queries.continuity.stops as stop_queries
import models.queries.refunds.payouts as payout_queries
import workflows.refunds.locked_refunds as locked_refunds
import workflows.refunds.payout_attempts as payout_attempts
from domain.access.callers import SYSTEM
from domain.integrations.validation import PAYMENTS_CODE
from domain.policies.refunds import Tender
from domain.refunds.payouts import (
    UNSETTLED,
    GatewaySignal,
    PayoutStep,
    may_send_again,
    next_step,
)
from domain.refunds.states import RefundStatus
from integrations.errors import IntegrationError
from integrations.payments.gateway import GatewayAnswer, PaymentGateway
from workflows.integrations.health import HealthMonitor
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
CONCURRENT_MAX: Final = 8
ACTOR: Final = SYSTEM.actor


@dataclass(frozen=True, slots=True)
class ClaimedPayout:
    """A payout step that a worker has claimed: sending a key, or looking it up."""

    refund_id: UUID
    attempt_id: UUID
    step: PayoutStep
    key: str
    payment_reference: str
    amount_minor: int
    currency: str


class Payouts:
    """Pays refunds out through one gateway. Several processes may run it at once."""

    def __init__(
        self,
        transactions: Transactions,
        gateway: PaymentGateway,
        terms: PayoutTerms = DEFAULT_PAYOUT_TERMS,
        health: HealthMonitor | None = None,
    ) -> None:
        self._transactions = transactions
        self._gateway = gateway
        self.terms = terms
        self._health = health or HealthMonitor(transactions)

    async def work(self) -> int:
        """Process due refunds in their order, at most ROUND_MAX; returns their number.

        While the gateway is DOWN or paused, only store credit is paid. While it is RECOVERING,
        fewer refunds are paid at the same time.
        """
        now = self._transactions.clock()
        async with self._transactions.database.snapshot() as session:
            await self._health.refresh(session)
            refund_ids = await payout_queries.due_refunds(
                session, now, ROUND_MAX, with_gateway=self._health.may_call(PAYMENTS_CODE)
            )
        if self._health.may_call(PAYMENTS_CODE):
            await self._health.each(PAYMENTS_CODE, refund_ids, CONCURRENT_MAX, self.pay)
        else:
            for refund_id in refund_ids:
                await self.pay(refund_id)
        await self._health.flush()
        return len(refund_ids)

    async def pay(self, refund_id: UUID) -> None:
        """Perform the next step of one refund, unless another worker has claimed it."""
        payout = await self._transactions.run(lambda tx: self._claim(tx, refund_id))
        if payout is not None and payout.step is PayoutStep.LOOK_UP:
            report = await self._look_up(payout)
            payout = await self._record(payout, report)
        if payout is not None:
            await self._record(payout, await self._send(payout))

    async def _send(self, payout: ClaimedPayout) -> GatewayReport:
        try:
            answer = await self._gateway.refund(
                payout.key,
                str(payout.refund_id),
                payout.payment_reference,
                payout.amount_minor,
                payout.currency,
            )
        except IntegrationError as error:
            return _report_of_silence(error)
        return _report_of(answer)

    async def _look_up(self, payout: ClaimedPayout) -> GatewayReport:
        try:
            answer = await self._gateway.look_up(payout.key)
        except IntegrationError as error:
            return _report_of_silence(error)
        return GatewayReport(GatewaySignal.NOT_FOUND) if answer is None else _report_of(answer)

    async def _record(self, payout: ClaimedPayout, report: GatewayReport) -> ClaimedPayout | None:
        return await self._transactions.run(lambda tx: self._apply_report(tx, payout, report))

    async def _claim(self, tx: Transaction, refund_id: UUID) -> ClaimedPayout | None:
        """Claim a refund's next step; None if there is none now, or a playbook holds the refund.

        Store credit is paid at once.
        """
        refund, _ = await locked_refunds.lock(tx, refund_id, None, ())
        if refund.status is RefundStatus.APPROVED:
            if await stop_queries.is_refund_held(tx.session, refund_id, tx.now):
                return None
            if refund.tender is Tender.STORE_CREDIT:
                await _pay_store_credit(tx, refund)
                return None
            begun = await payout_attempts.begin(tx, refund, ACTOR)
            return await self._store_claim(tx, refund, begun, PayoutStep.SEND)
        attempt = await payout_attempts.last(tx, refund_id)
        if attempt is None or attempt.next_at > tx.now:
            return None
        if attempt.sent_at is None and await stop_queries.is_refund_held(
            tx.session, refund_id, tx.now
        ):
            return None
        step = next_step(attempt, tx.now)
        if step not in (PayoutStep.SEND, PayoutStep.LOOK_UP):
            return None
        if step is PayoutStep.SEND and await payout_queries.is_contradicted(tx.session, refund_id):
            return None
        return await self._store_claim(tx, refund, attempt, step)

    async def _store_claim(
        self, tx: Transaction, refund: LockedRefund, attempt: PayoutAttempt, step: PayoutStep
    ) -> ClaimedPayout:
        """Store the claim and mark the key as sent, before the gateway is called."""
        is_sending = step is PayoutStep.SEND
        attempt = replace(
            attempt,
            claimed_until=tx.now + self.terms.claim,
            is_sending=is_sending,
            sent_at=attempt.sent_at or tx.now if is_sending else attempt.sent_at,
        )
        await payout_attempts.write(tx, attempt)
        assert refund.payment_id is not None
        reference = await payout_queries.payment_reference(tx.session, refund.payment_id)
        return ClaimedPayout(
            refund_id=refund.id,
            attempt_id=attempt.id,
            step=step,
            key=attempt.key,
            payment_reference=reference,
            amount_minor=refund.amount.minor,
            currency=refund.amount.currency,
        )

    async def _apply_report(
        self, tx: Transaction, payout: ClaimedPayout, report: GatewayReport
    ) -> ClaimedPayout | None:
        """Apply a report. Returns the claim to send again if the gateway does not know the key."""
        refund, _ = await locked_refunds.lock(tx, payout.refund_id, None, ())
        attempt = await payout_attempts.apply_report(
            tx, refund, payout.attempt_id, report, self.terms, actor=ACTOR
        )
        if report.signal is not GatewaySignal.NOT_FOUND or attempt.state not in UNSETTLED:
            return None
        if not may_send_again(attempt, tx.now, self.terms.key_retention):
            return None
        if await payout_queries.is_contradicted(tx.session, refund.id):
            return None
        return await self._store_claim(tx, refund, attempt, PayoutStep.SEND)


async def _pay_store_credit(tx: Transaction, refund: LockedRefund) -> None:
    await locked_refunds.advance(tx, refund, RefundStatus.PROCESSING, ACTOR)
    await locked_refunds.advance(tx, refund, RefundStatus.SUCCEEDED, ACTOR)


def _report_of(answer: GatewayAnswer) -> GatewayReport:
    return GatewayReport(GatewaySignal(answer.status.upper()), answer.id, answer.reason)


def _report_of_silence(error: IntegrationError) -> GatewayReport:
    """The report for an attempt whose call had no answer."""
    return GatewayReport(GatewaySignal.SILENCE if error.was_asked else GatewaySignal.NOT_ASKED)
