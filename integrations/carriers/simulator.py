"""Simulated carrier: sells labels that ship nothing, with reliable or faulty behavior.

The well-behaved simulator sends no reports, as the simulated gateway sends no webhooks. With a seed
it fails calls, refuses some labels, and reports transit and delivery: late, twice or out of order.
"""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import structlog

from domain.orders.carriers import CarrierStatus
from domain.values.money import Money
from integrations.carriers.carrier import (
    LabelOrder,
    Purchase,
    PurchaseStatus,
    VoidAnswer,
    VoidStatus,
)
from integrations.carriers.reports import CarrierReport
from integrations.carriers.simulated_documents import document
from integrations.errors import IntegrationTimeout, IntegrationUnavailable
from integrations.simulated_calls import CallFault, drawn_fault

COST_MINOR: Final = 395
DELAY_SECONDS: Final = 0.2
PROBE_KEY: Final = "restow-probe"
_JOURNEY: Final = (CarrierStatus.ACCEPTED, CarrierStatus.IN_TRANSIT, CarrierStatus.DELIVERED)

# Receives a webhook: its message id and its reports.
DeliverReports = Callable[[str, Sequence[CarrierReport]], Awaitable[object]]

_log = structlog.get_logger("restow.carriers")


class CarrierSimulator:
    """A carrier within the process, with the code that the settings give it.

    `chaos_seed` None: it is well behaved. `deliver` receives its reports; None: they are dropped.
    `purchases`: the labels by key, in the order in which they were asked for.
    """

    def __init__(
        self,
        code: str,
        currency: str,
        *,
        chaos_seed: str | None = None,
        deliver: DeliverReports | None = None,
        delay_seconds: float = DELAY_SECONDS,
    ) -> None:
        self.purchases: dict[str, Purchase] = {}
        self.voided: set[str] = set()
        self._code, self._currency, self._seed = code, currency, chaos_seed
        self._deliver, self._delay_seconds = deliver, delay_seconds
        self._calls: Counter[tuple[str, str]] = Counter()
        self._sending: set[asyncio.Task[None]] = set()

    async def buy(self, label: LabelOrder) -> Purchase:
        """Buy once per key; may raise IntegrationError before or after it."""
        fault = self._fault(label.key, "buy")
        if fault is CallFault.TIMEOUT_BEFORE:
            raise IntegrationTimeout("the simulated carrier is silent")
        if label.key not in self.purchases:
            self.purchases[label.key] = purchase = self._sell(label)
            if purchase.status is PurchaseStatus.BOUGHT:
                self._start_reports(label.key, str(purchase.tracking_number))
        if fault is CallFault.TIMEOUT_AFTER:
            raise IntegrationTimeout("the simulated carrier is silent")
        return self.purchases[label.key]

    async def look_up(self, key: str) -> Purchase | None:
        """The outcome of the key; None: never asked for."""
        if self._fault(key, "look_up") is not CallFault.NONE:
            raise IntegrationTimeout("the simulated carrier is silent")
        return self.purchases.get(key)

    async def void(self, label_id: str) -> VoidAnswer:
        """Give a label back; with a seed, some are refused."""
        fault = self._fault(label_id, "void")
        if fault is CallFault.TIMEOUT_BEFORE:
            raise IntegrationTimeout("the simulated carrier is silent")
        if self._seed is not None and random.Random(f"{self._seed}/{label_id}").random() < 0.2:
            return VoidAnswer(VoidStatus.REFUSED, "already_scanned")
        self.voided.add(label_id)
        if fault is CallFault.TIMEOUT_AFTER:
            raise IntegrationTimeout("the simulated carrier is silent")
        return VoidAnswer(VoidStatus.VOIDED)

    async def probe(self) -> None:
        """Look up a key that was never asked for."""
        await self.look_up(PROBE_KEY)

    async def close(self) -> None:
        """Drop reports that are not sent yet."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    def _fault(self, key: str, call: str) -> CallFault:
        if self._seed is None:
            return CallFault.NONE
        self._calls[key, call] += 1
        fault = drawn_fault(self._seed, key, call, self._calls[key, call])
        if fault is CallFault.REFUSED:
            raise IntegrationUnavailable("the simulated carrier refused", was_asked=False)
        return fault

    def _sell(self, label: LabelOrder) -> Purchase:
        if self._seed is not None and random.Random(f"{self._seed}/{label.key}").random() < 0.2:
            return Purchase(PurchaseStatus.FAILED, reason="address_not_served")
        digest = hashlib.sha256(label.key.encode()).hexdigest()
        number = f"SIM{int(digest[:12], 16):015d}"
        return Purchase(
            PurchaseStatus.BOUGHT,
            f"sim_{digest[:20]}",
            number,
            Money(COST_MINOR, self._currency),
            document(label.format, number),
        )

    def _start_reports(self, key: str, number: str) -> None:
        """Report the parcel's journey some time after the purchase; only with a seed."""
        if self._deliver is None or self._seed is None:
            return
        dice = random.Random(f"{self._seed}/{key}/reports")
        journey = [*_JOURNEY, *dice.sample(_JOURNEY, dice.randrange(3))]
        if dice.random() < 0.5:
            dice.shuffle(journey)
        task = asyncio.create_task(self._report(key, number, journey))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _report(self, key: str, number: str, journey: Sequence[CarrierStatus]) -> None:
        assert self._deliver is not None
        at = datetime.now(UTC)
        for position, status in enumerate(journey):
            await asyncio.sleep(self._delay_seconds)
            report = CarrierReport(self._code, number, f"{number}-{status}", status, at)
            try:
                await self._deliver(f"msg_{key}_{position}", [report])
            except Exception as error:  # noqa: BLE001 - a receiver's failure must not stop it
                _log.warning("simulator.report_lost", why=type(error).__name__)
