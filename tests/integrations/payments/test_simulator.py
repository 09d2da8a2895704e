import asyncio
import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.refunds.payouts import (
    UNSETTLED,
    Attempt,
    AttemptState,
    GatewaySignal,
    PayoutStep,
    apply,
    next_step,
)
from integrations.errors import IntegrationError, IntegrationTimeout, IntegrationUnavailable
from integrations.payments.gateway import (
    GatewayAnswer,
    GatewayStatus,
    PaymentEvent,
    PaymentEventType,
)
from integrations.payments.simulator import PaymentSimulator
from integrations.payments.simulator_faults import GatewayBehavior, RefundOutcome, chaos
from integrations.payments.simulator_journal import PaymentJournal
from integrations.simulated_calls import CallFault

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Inbox:
    """Records the webhooks that it receives."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, PaymentEvent]] = []

    async def __call__(self, message_id: str, event: PaymentEvent) -> None:
        self.messages.append((message_id, event))


def behaving(outcome: RefundOutcome | None = None, *faults: CallFault) -> GatewayBehavior:
    """Behavior with these faults for the first calls of a kind; later calls are answered."""

    def fault(key: str, call: str, number: int) -> CallFault:
        return faults[number - 1] if number <= len(faults) else CallFault.NONE

    return GatewayBehavior(lambda key: outcome or RefundOutcome(), fault)


async def pay(
    gateway: PaymentSimulator, key: str = "k", reference: str = "refund-1", amount: int = 1250
) -> GatewayAnswer:
    return await gateway.refund(key, reference, "payment-1", amount, "GBP")


async def test_the_well_behaved_one_pays_once_per_key() -> None:
    gateway = PaymentSimulator()
    first, second = await pay(gateway), await pay(gateway)
    assert first.status is GatewayStatus.SUCCEEDED
    assert first == second == await gateway.look_up("k")
    assert len(gateway.journal.paid("refund-1")) == 1
    assert await gateway.look_up("other") is None
    await gateway.close()


async def test_a_second_key_for_the_same_refund_would_be_seen_as_a_double_payment() -> None:
    gateway = PaymentSimulator()
    await pay(gateway, "one")
    await pay(gateway, "two")
    assert [each.key for each in gateway.journal.paid("refund-1")] == ["one", "two"]
    await gateway.close()


async def test_a_key_with_other_arguments_is_no_answer_at_all() -> None:
    gateway = PaymentSimulator()
    await pay(gateway)
    with pytest.raises(IntegrationUnavailable):
        await pay(gateway, amount=1251)
    assert [each.amount_minor for each in gateway.journal.paid()] == [1250]
    await gateway.close()


@pytest.mark.parametrize(
    ("fault", "is_paid"), [(CallFault.TIMEOUT_BEFORE, False), (CallFault.TIMEOUT_AFTER, True)]
)
async def test_silence_comes_before_or_after_acting(fault: CallFault, is_paid: bool) -> None:
    gateway = PaymentSimulator(behavior=behaving(None, fault))
    with pytest.raises(IntegrationTimeout):
        await pay(gateway)
    assert bool(gateway.journal.paid("refund-1")) is is_paid
    with pytest.raises(IntegrationTimeout):
        await gateway.look_up("k")
    assert (await gateway.look_up("k") is not None) is is_paid
    await gateway.close()


async def test_a_late_refund_is_pending_until_it_settles() -> None:
    now = 0.0
    gateway = PaymentSimulator(
        behavior=behaving(RefundOutcome(GatewayStatus.FAILED, "account_closed", is_late=True)),
        clock=lambda: now,
        delay_seconds=5,
    )
    assert (await pay(gateway)).status is GatewayStatus.PENDING
    assert await gateway.look_up("k") == await pay(gateway)
    now = 5.0
    found = await gateway.look_up("k")
    assert found is not None
    assert (found.status, found.reason) == (GatewayStatus.FAILED, "account_closed")
    assert gateway.journal.paid() == []
    await gateway.close()


async def test_webhooks_come_twice_with_one_id_and_before_the_answer() -> None:
    inbox = Inbox()
    gateway = PaymentSimulator(
        behavior=behaving(
            RefundOutcome(webhooks=2, webhook_comes_first=True), CallFault.TIMEOUT_AFTER
        ),
        deliver=inbox,
    )
    with pytest.raises(IntegrationTimeout):
        await pay(gateway)
    first, second = inbox.messages
    assert first == second
    assert (first[1].type, first[1].key) == (PaymentEventType.SUCCEEDED, "k")
    await pay(gateway)
    assert len(inbox.messages) == 2
    await gateway.close()


async def test_webhooks_follow_the_answer_and_a_failing_receiver_stops_nothing() -> None:
    taken = asyncio.Event()

    async def deliver(message_id: str, event: PaymentEvent) -> None:
        if message_id:
            taken.set()
            raise ConnectionError("down")

    gateway = PaymentSimulator(behavior=behaving(RefundOutcome(webhooks=1)), deliver=deliver)
    answer = await pay(gateway)
    assert not taken.is_set()
    await asyncio.wait_for(taken.wait(), 5)
    assert answer.status is GatewayStatus.SUCCEEDED
    await gateway.close()


async def test_the_bank_may_send_money_back() -> None:
    inbox = Inbox()
    gateway = PaymentSimulator(deliver=inbox)
    await pay(gateway)
    await gateway.reverse("k")
    assert {event.type for _, event in inbox.messages} == {PaymentEventType.REVERSED}
    assert [each.is_reversed for each in gateway.journal.paid()] == [True]
    with pytest.raises(LookupError):
        await gateway.reverse("other")
    await gateway.close()


def test_chaos_is_the_same_for_the_same_seed_and_ends() -> None:
    keys = [f"key-{number}" for number in range(300)]

    def simulated(seed: str) -> list[object]:
        bad = chaos(seed)
        return [
            (bad.outcome(key), [bad.fault(key, "refund", number) for number in range(1, 4)])
            for key in keys
        ]

    assert simulated("1") == simulated("1")
    assert simulated("1") != simulated("2")
    outcomes = [chaos("1").outcome(key) for key in keys]
    assert {outcome.status for outcome in outcomes} == {
        GatewayStatus.SUCCEEDED,
        GatewayStatus.FAILED,
    }
    assert {outcome.webhooks for outcome in outcomes} == {0, 1, 2}
    assert {outcome.is_late for outcome in outcomes} == {True, False}
    faults = {chaos("1").fault(key, "refund", 1) for key in keys}
    assert faults == set(CallFault)
    assert all(chaos("1").fault(key, "look_up", 4) is CallFault.NONE for key in keys)


KILLED = """
import asyncio, os, signal, sys
from integrations.payments.simulator_journal import PaymentJournal
from integrations.payments.simulator import PaymentSimulator
gateway = PaymentSimulator(journal=PaymentJournal(sys.argv[1]))
asyncio.run(gateway.refund("k", "refund-1", "payment-1", 1250, "GBP"))
os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_the_journal_survives_the_death_of_the_process(tmp_path: Path) -> None:
    path = str(tmp_path / "gateway.db")
    died = subprocess.run(  # noqa: ASYNC221  nothing else runs in this test
        [sys.executable, "-c", KILLED, path], cwd=ROOT, env={**os.environ}, check=False
    )
    assert died.returncode == -signal.SIGKILL
    gateway = PaymentSimulator(journal=PaymentJournal(path))
    found = await gateway.look_up("k")
    assert found is not None
    assert found.status is GatewayStatus.SUCCEEDED
    await pay(gateway)
    assert len(gateway.journal.paid("refund-1")) == 1
    await gateway.close()


class Payout:
    """A payout by a worker that may die at any moment; the fields are the stored state."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.attempts = [Attempt("key-1", AttemptState.OPEN)]
        self.contradictions = 0
        self.gateway = PaymentSimulator(
            behavior=chaos(str(seed)), deliver=self.receive_webhook, delay_seconds=0.0
        )

    async def receive_webhook(self, message_id: str, event: PaymentEvent) -> None:
        self.receive(event.key, GatewaySignal(event.type.removeprefix("refund.").upper()))

    def receive(self, key: str, reported: GatewaySignal) -> None:
        for at, attempt in enumerate(self.attempts):
            if attempt.key == key:
                report = apply(attempt.state, reported)
                # Counted and asserted at the end: the simulator swallows exceptions of a webhook
                # receiver.
                self.contradictions += report.is_contradiction
                self.attempts[at] = Attempt(key, report.state, attempt.sent_at)

    def dies(self) -> bool:
        return self.dice.random() < 0.3

    async def work(self) -> None:
        attempt = self.attempts[-1]
        if next_step(attempt, NOW) is PayoutStep.SEND:
            await self.send(attempt)
            return
        try:
            found = await self.gateway.look_up(attempt.key)
        except IntegrationError:
            self.receive(attempt.key, GatewaySignal.SILENCE)
            return
        if self.dies():
            return
        if found is not None:
            self.receive(attempt.key, GatewaySignal(found.status.upper()))
            return
        self.receive(attempt.key, GatewaySignal.NOT_FOUND)
        await self.send(self.attempts[-1])

    async def send(self, attempt: Attempt) -> None:
        self.attempts[-1] = Attempt(attempt.key, attempt.state, attempt.sent_at or NOW)
        if self.dies():
            return
        try:
            answer = await self.gateway.refund(attempt.key, "refund-1", "payment-1", 1250, "GBP")
            reported = GatewaySignal(answer.status.upper())
        except IntegrationError:
            reported = GatewaySignal.SILENCE
        if not self.dies():
            self.receive(attempt.key, reported)

    def retry(self) -> None:
        assert self.attempts[-1].state is AttemptState.FAILED
        self.attempts.append(Attempt(f"key-{len(self.attempts) + 1}", AttemptState.OPEN))


@pytest.mark.parametrize("seed", range(200))
async def test_however_the_worker_dies_and_the_gateway_fails_a_refund_is_paid_once(
    seed: int,
) -> None:
    payout = Payout(seed)
    for _ in range(80):
        state = payout.attempts[-1].state
        if state is AttemptState.SUCCEEDED:
            break
        if state is AttemptState.FAILED:
            payout.retry()
        await payout.work()
        await asyncio.sleep(0)
    assert payout.attempts[-1].state is AttemptState.SUCCEEDED
    assert len(payout.gateway.journal.paid("refund-1")) == 1
    assert payout.contradictions == 0
    assert sum(attempt.state in UNSETTLED for attempt in payout.attempts) == 0
    await payout.gateway.close()
