"""The payment gateway that ships: pays nobody, and behaves well or as badly as it is told to."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from integrations.payments.gateway import (
    GatewayAnswer,
    GatewayStatus,
    GatewayTimeout,
    GatewayUnavailable,
    PaymentEvent,
    PaymentEventType,
)
from integrations.payments.simulator_faults import WELL_BEHAVED, Behaviour, Fate, Manner
from integrations.payments.simulator_journal import PaymentJournal, SimulatedRefund

# How long a late refund takes, in seconds.
LATENESS: Final = 0.2

# Takes a webhook in: its message id and what it tells.
Deliver = Callable[[str, PaymentEvent], Awaitable[object]]

_TOLD: Final = {
    GatewayStatus.SUCCEEDED: PaymentEventType.SUCCEEDED,
    GatewayStatus.FAILED: PaymentEventType.FAILED,
}
_log = structlog.get_logger("restow.payments")


class PaymentSimulator:
    """A gateway within the process. Its journal is what a test holds against the books.

    `deliver` takes its webhooks in (None: nobody does). Webhooks that the process does not live to
    send are lost, as with a real gateway that gave up; the look-up still tells.
    """

    def __init__(
        self,
        *,
        behaviour: Behaviour = WELL_BEHAVED,
        journal: PaymentJournal | None = None,
        deliver: Deliver | None = None,
        lateness: float = LATENESS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.journal = journal or PaymentJournal()
        self._behaviour, self._deliver = behaviour, deliver
        self._lateness, self._clock = lateness, clock
        self._sending: set[asyncio.Task[None]] = set()

    async def refund(
        self,
        key: str,
        reference: str,
        payment_reference: str,
        amount_minor: int,
        currency: str,
    ) -> GatewayAnswer:
        """Pay out once per key; raises GatewayError as the behaviour says, before or after."""
        manner = self._manner(key, "refund")
        if manner is Manner.REFUSED:
            raise GatewayUnavailable("the simulated gateway refused", was_asked=False)
        if manner is Manner.SILENT_BEFORE:
            raise GatewayTimeout("the simulated gateway is silent")
        fate = self._behaviour.fate(key)
        is_new = self.journal.find(key) is None
        asked = SimulatedRefund(
            key,
            reference,
            payment_reference,
            amount_minor,
            currency,
            _id_of(key),
            fate.reason,
            self._clock() + (self._lateness if fate.is_late else 0.0),
            fate.status,
        )
        kept = self.journal.take(asked)
        if not kept.is_same_request(asked):
            raise GatewayUnavailable("the key belongs to another refund", may_retry=False)
        if is_new:
            await self._tell(kept, fate)
        if manner is Manner.SILENT_AFTER:
            raise GatewayTimeout("the simulated gateway is silent")
        return kept.answer(self._clock())

    async def look_up(self, key: str) -> GatewayAnswer | None:
        """What became of the key; None: never taken on."""
        manner = self._manner(key, "look_up")
        if manner is Manner.REFUSED:
            raise GatewayUnavailable("the simulated gateway refused", was_asked=False)
        if manner is not Manner.ANSWERS:
            raise GatewayTimeout("the simulated gateway is silent")
        kept = self.journal.find(key)
        return None if kept is None else kept.answer(self._clock())

    async def reverse(self, key: str, reason: str = "returned_by_bank") -> None:
        """The bank sends a paid refund back: its webhook comes, twice with one id."""
        kept = self.journal.find(key)
        if kept is None or kept.status is not GatewayStatus.SUCCEEDED:
            raise LookupError(f"no paid refund has the key {key}")
        self.journal.reverse(key)
        event = PaymentEvent(PaymentEventType.REVERSED, key, kept.id, reason)
        await self._send(f"msg_{kept.id}_reversed", event, 2)

    async def close(self) -> None:
        """Webhooks that are still to be sent are not; what was paid stays in the journal."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        self.journal.close()

    def _manner(self, key: str, call: str) -> Manner:
        return self._behaviour.manner(key, call, self.journal.times_asked(key, call))

    async def _tell(self, refund: SimulatedRefund, fate: Fate) -> None:
        """Send the webhooks of a new refund: before the answer, or some time behind it."""
        if not fate.webhooks or self._deliver is None:
            return
        event = PaymentEvent(_TOLD[refund.status], refund.key, refund.id, refund.reason)
        message_id = f"msg_{refund.id}"
        if fate.webhook_comes_first and not fate.is_late:
            await self._send(message_id, event, fate.webhooks)
            return
        delay = max(0.0, refund.settles_at - self._clock())
        task = asyncio.create_task(self._send_later(delay, message_id, event, fate.webhooks))
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
            except Exception as error:  # noqa: BLE001 - a receiver's failure never stops a gateway
                _log.warning("simulator.webhook_lost", why=type(error).__name__)


def _id_of(key: str) -> str:
    """The gateway's own reference: the same for a key in every process."""
    return f"sim_{hashlib.sha256(key.encode()).hexdigest()[:20]}"
