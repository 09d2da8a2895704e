"""Simulated payment gateway: pays nothing, with reliable or faulty behavior."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from integrations.errors import IntegrationTimeout, IntegrationUnavailable
from integrations.payments.gateway import (
    GatewayAnswer,
    GatewayStatus,
    PaymentEvent,
    PaymentEventType,
)
from integrations.payments.simulator_faults import (
    WELL_BEHAVED,
    GatewayBehavior,
    RefundOutcome,
)
from integrations.payments.simulator_journal import PaymentJournal, SimulatedRefund
from integrations.simulated_calls import CallFault

DELAY_SECONDS: Final = 0.2
PROBE_KEY: Final = "restow-probe"

# Receives a webhook: its message id and its event.
Deliver = Callable[[str, PaymentEvent], Awaitable[object]]

_EVENT_OF: Final = {
    GatewayStatus.SUCCEEDED: PaymentEventType.SUCCEEDED,
    GatewayStatus.FAILED: PaymentEventType.FAILED,
}
_log = structlog.get_logger("restow.payments")


class PaymentSimulator:
    """A gateway within the process. Tests compare its journal with the books.

    `deliver` receives its webhooks (None: they are dropped). Webhooks that are not sent before the
    process ends are lost, as with a real gateway that gives up; `look_up` still returns the
    outcome. `delay_seconds`: time until a delayed refund is settled.
    """

    def __init__(
        self,
        *,
        behavior: GatewayBehavior = WELL_BEHAVED,
        journal: PaymentJournal | None = None,
        deliver: Deliver | None = None,
        delay_seconds: float = DELAY_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.journal = journal or PaymentJournal()
        self._behavior, self._deliver = behavior, deliver
        self._delay_seconds, self._clock = delay_seconds, clock
        self._sending: set[asyncio.Task[None]] = set()

    async def refund(
        self,
        key: str,
        reference: str,
        payment_reference: str,
        amount_minor: int,
        currency: str,
    ) -> GatewayAnswer:
        """Pay out once per key; may raise IntegrationError before or after it, by its behavior."""
        fault = self._fault(key, "refund")
        if fault is CallFault.REFUSED:
            raise IntegrationUnavailable("the simulated gateway refused", was_asked=False)
        if fault is CallFault.TIMEOUT_BEFORE:
            raise IntegrationTimeout("the simulated gateway is silent")
        outcome = self._behavior.outcome(key)
        is_new = self.journal.find(key) is None
        asked = SimulatedRefund(
            key,
            reference,
            payment_reference,
            amount_minor,
            currency,
            _id_of(key),
            outcome.reason,
            self._clock() + (self._delay_seconds if outcome.is_late else 0.0),
            outcome.status,
        )
        kept = self.journal.record(asked)
        if not kept.is_same_request(asked):
            raise IntegrationUnavailable("the key belongs to another refund", may_retry=False)
        if is_new:
            await self._start_webhooks(kept, outcome)
        if fault is CallFault.TIMEOUT_AFTER:
            raise IntegrationTimeout("the simulated gateway is silent")
        return kept.answer(self._clock())

    async def look_up(self, key: str) -> GatewayAnswer | None:
        """The outcome of the key; None: never accepted."""
        fault = self._fault(key, "look_up")
        if fault is CallFault.REFUSED:
            raise IntegrationUnavailable("the simulated gateway refused", was_asked=False)
        if fault is not CallFault.NONE:
            raise IntegrationTimeout("the simulated gateway is silent")
        kept = self.journal.find(key)
        return None if kept is None else kept.answer(self._clock())

    async def probe(self) -> None:
        """Look up a key that was never accepted."""
        await self.look_up(PROBE_KEY)

    async def reverse(self, key: str, reason: str = "returned_by_bank") -> None:
        """Simulate the bank returning a paid refund: its webhook is sent twice with one id."""
        kept = self.journal.find(key)
        if kept is None or kept.status is not GatewayStatus.SUCCEEDED:
            raise LookupError(f"no paid refund has the key {key}")
        self.journal.reverse(key)
        event = PaymentEvent(PaymentEventType.REVERSED, key, kept.id, reason)
        await self._send(f"msg_{kept.id}_reversed", event, 2)

    async def close(self) -> None:
        """Drop webhooks that are not sent yet; paid refunds stay in the journal."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        self.journal.close()

    def _fault(self, key: str, call: str) -> CallFault:
        return self._behavior.fault(key, call, self.journal.count_call(key, call))

    async def _start_webhooks(self, refund: SimulatedRefund, outcome: RefundOutcome) -> None:
        """Send the webhooks of a new refund, before the answer or some time after it."""
        if not outcome.webhooks or self._deliver is None:
            return
        event = PaymentEvent(_EVENT_OF[refund.status], refund.key, refund.id, refund.reason)
        message_id = f"msg_{refund.id}"
        if outcome.webhook_comes_first and not outcome.is_late:
            await self._send(message_id, event, outcome.webhooks)
            return
        delay = max(0.0, refund.settles_at - self._clock())
        task = asyncio.create_task(self._send_later(delay, message_id, event, outcome.webhooks))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send_later(
        self, delay: float, message_id: str, event: PaymentEvent, times: int
    ) -> None:
        await asyncio.sleep(delay)
        await self._send(message_id, event, times)

    async def _send(self, message_id: str, event: PaymentEvent, times: int) -> None:
        if self._deliver is None:
            return
        for _ in range(times):
            try:
                await self._deliver(message_id, event)
            except Exception as error:  # noqa: BLE001 - a receiver's failure must not stop it
                _log.warning("simulator.webhook_lost", why=type(error).__name__)


def _id_of(key: str) -> str:
    """The gateway's reference; the same for a key in every process."""
    return f"sim_{hashlib.sha256(key.encode()).hexdigest()[:20]}"
