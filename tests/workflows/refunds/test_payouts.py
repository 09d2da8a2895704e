"""Payouts: one key per attempt, look-ups after silence; early, repeated, contradictory webhooks."""

from datetime import timedelta
from typing import Any

import pytest

import workflows.refunds.gateway_events
import workflows.refunds.payouts
from domain.integrations.validation import PAYMENTS_CODE
from integrations.errors import IntegrationTimeout, IntegrationUnavailable
from integrations.payments.gateway import PaymentEvent
from integrations.payments.monitored import MonitoredGateway
from integrations.payments.simulator import PaymentSimulator
from integrations.payments.simulator_faults import chaos
from integrations.payments.simulator_journal import PaymentJournal
from models.database.database import Database
from models.database.sessions import UniqueConflict
from tests.builders.books import faults
from tests.builders.refunds import (
    FAILED,
    FIONA,
    FRED,
    PENDING,
    SUCCEEDED,
    RefundDesk,
    open_refund_desk,
)
from tests.builders.transactions import codes
from tests.workflows.carriers.label_desk import ScriptedCarrier
from tests.workflows.exceptions.sweeps import sweep
from tests.workflows.integrations.call_desk import (
    integration_row,
    open_integrations,
    status_of,
    watching,
)
from workflows.refunds.payout_attempts import PayoutTerms
from workflows.refunds.payouts import Payouts
from workflows.transactions.outcomes import Outcome

SILENT = IntegrationTimeout("silent")
UNASKED = IntegrationUnavailable("not reached", was_asked=False)


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


@pytest.fixture
async def refund(refund_desk: RefundDesk) -> Outcome:
    """An approved refund of one pound that is not paid yet."""
    order = await refund_desk.desk.sold(("TEE-M", 1))
    made = await refund_desk.create(order, "1.00")
    assert not (await refund_desk.approve(made)).refusals
    return made


async def later(refund_desk: RefundDesk, **duration: float) -> int:
    """Move the clock forward and run the payout job once."""
    refund_desk.shop.clock.forward(**(duration or {"seconds": 1}))
    return await refund_desk.pay()


async def test_the_key_is_stored_before_the_call(refund_desk: RefundDesk, refund: Outcome) -> None:
    seen: list[Any] = []

    async def meanwhile(key: str) -> None:
        [attempt] = await refund_desk.attempts(refund)
        seen.append((attempt["key"] == key, attempt["state"], attempt["sent_at"] is not None))
        seen.append(await refund_desk.status(refund))

    refund_desk.gateway.meanwhile = meanwhile
    await refund_desk.pay()
    assert seen == [(True, "OPEN", True), "PROCESSING"]
    assert await refund_desk.status(refund) == "SUCCEEDED"
    assert await refund_desk.pay() == 0


async def test_a_claimed_payout_is_not_sent_by_another_worker(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    async def meanwhile(key: str) -> None:
        refund_desk.gateway.meanwhile = None
        assert await refund_desk.pay() == 0

    refund_desk.gateway.meanwhile = meanwhile
    await refund_desk.pay()
    assert len(refund_desk.gateway.sent) == 1


async def test_silence_is_looked_up_and_never_sent_under_a_new_key(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    refund_desk.gateway.answers, refund_desk.gateway.found = [SILENT], [SUCCEEDED]
    await refund_desk.pay()
    assert await refund_desk.status(refund) == "UNKNOWN"
    assert await refund_desk.pay() == 0
    await later(refund_desk)
    assert await refund_desk.status(refund) == "SUCCEEDED"
    assert refund_desk.gateway.sent == refund_desk.gateway.looked_up


async def test_what_the_gateway_does_not_know_is_sent_again_with_its_key(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    refund_desk.gateway.answers, refund_desk.gateway.found = [SILENT, SUCCEEDED], [None]
    await refund_desk.pay()
    await later(refund_desk)
    assert await refund_desk.status(refund) == "SUCCEEDED"
    assert len(refund_desk.gateway.sent) == 2
    assert len(set(refund_desk.gateway.sent)) == 1
    assert len(await refund_desk.attempts(refund)) == 1


async def test_an_unreachable_gateway_leaves_it_processing(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    refund_desk.gateway.answers = [UNASKED, SUCCEEDED]
    await refund_desk.pay()
    assert await refund_desk.status(refund) == "PROCESSING"
    await later(refund_desk)
    assert await refund_desk.status(refund) == "SUCCEEDED"
    assert len(set(refund_desk.gateway.sent)) == 1


async def test_a_late_refund_is_looked_up_until_it_settles(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    refund_desk.gateway.answers, refund_desk.gateway.found = [PENDING], [PENDING, SILENT, SUCCEEDED]
    await refund_desk.pay()
    assert await refund_desk.status(refund) == "PROCESSING"
    for _ in range(2):
        await later(refund_desk, seconds=10)
        assert await refund_desk.status(refund) == "PROCESSING"
    await later(refund_desk, seconds=10)
    assert await refund_desk.status(refund) == "SUCCEEDED"
    assert len(refund_desk.gateway.sent) == 1


async def test_a_reported_failure_opens_an_exception_and_a_retry_has_a_new_key(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    refund_desk.gateway.answers = [FAILED]
    await refund_desk.pay()
    assert await refund_desk.status(refund) == "FAILED"
    subject = f"Refund:{refund_desk.id(refund)}"
    assert await refund_desk.open_exceptions("REFUND_OVERDUE") == [subject]
    assert (await refund_desk.attempts(refund))[0]["reason"] == "account_closed"
    assert (await refund_desk.balances())["refund_liability"] == -100
    refund_desk.gateway.answers = [SUCCEEDED]
    assert not (await refund_desk.retry(refund)).refusals
    await refund_desk.pay()
    assert await refund_desk.status(refund) == "SUCCEEDED"
    assert await refund_desk.open_exceptions("REFUND_OVERDUE") == []
    assert len(set(refund_desk.gateway.sent)) == 2
    assert [each["state"] for each in await refund_desk.attempts(refund)] == ["FAILED", "SUCCEEDED"]


async def test_past_the_keys_retention_a_person_settles(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    refund_desk.gateway.answers, refund_desk.gateway.found = [SILENT], [SILENT]
    await refund_desk.pay()
    refund_desk.gateway.found = [None]
    await later(refund_desk, hours=24)
    assert len(refund_desk.gateway.sent) == 1
    assert await refund_desk.open_exceptions("REFUND_UNKNOWN") == [
        f"Refund:{refund_desk.id(refund)}"
    ]
    await later(refund_desk, hours=1)
    assert len(refund_desk.gateway.sent) == 1
    assert codes(await refund_desk.retry(refund)) == [("ILLEGAL_TRANSITION", ("id",))]
    assert not (await refund_desk.settle(refund, succeeded=False, by=FRED)).refusals
    assert await refund_desk.status(refund) == "FAILED"
    assert await refund_desk.open_exceptions("REFUND_UNKNOWN") == []
    [attempt] = await refund_desk.attempts(refund)
    assert attempt["settled_by"] == "fred"


async def test_the_gateway_may_still_tell_what_a_person_was_asked(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    refund_desk.gateway.answers, refund_desk.gateway.found = [SILENT], [SILENT]
    await refund_desk.pay()
    await later(refund_desk, hours=24)
    assert await refund_desk.open_exceptions("REFUND_UNKNOWN") != []
    refund_desk.gateway.found = [SUCCEEDED]
    await later(refund_desk, hours=1)
    assert await refund_desk.status(refund) == "SUCCEEDED"
    assert await refund_desk.open_exceptions("REFUND_UNKNOWN") == []


async def test_no_person_settles_as_failed_during_a_call(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    """A second call is running while a person settles.

    Otherwise a retry could pay a second time.
    """
    refund_desk.gateway.answers, refund_desk.gateway.found = [SILENT, SUCCEEDED], [None]
    await refund_desk.pay()
    refused: list[Outcome] = []

    async def meanwhile(key: str) -> None:
        refused.append(await refund_desk.settle(refund, succeeded=False))

    refund_desk.gateway.meanwhile = meanwhile
    await later(refund_desk)
    assert codes(refused[0]) == [("INVALID", ("id",))]
    assert await refund_desk.status(refund) == "SUCCEEDED"


async def test_a_worker_that_died_is_found_out_when_its_claim_is_over(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    class Died(BaseException):
        pass

    async def meanwhile(key: str) -> None:
        raise Died

    refund_desk.gateway.meanwhile, refund_desk.gateway.found = meanwhile, [SUCCEEDED]
    with pytest.raises((Died, BaseExceptionGroup)):
        await refund_desk.pay()
    refund_desk.gateway.meanwhile = None
    assert await later(refund_desk) == 0
    assert await later(refund_desk, seconds=90) == 1
    assert await refund_desk.status(refund) == "SUCCEEDED"
    assert len(refund_desk.gateway.sent) == 1


async def test_the_database_allows_one_unsettled_attempt(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    refund_desk.gateway.answers = [SILENT]
    await refund_desk.pay()
    with pytest.raises(UniqueConflict):
        async with refund_desk.database.writer() as session:
            await session.execute(
                "INSERT INTO refund_attempt (id, refund_id, attempt_no, key, state, created_at,"
                " created_by, next_at) SELECT order_id, id, 2, 'other', 'OPEN', created_at, 'x',"
                " created_at FROM refund"
            )


async def test_unsettled_refunds_open_an_exception_after_a_day(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    transactions = refund_desk.shop.transactions
    await sweep(transactions)
    assert await refund_desk.open_exceptions("REFUND_OVERDUE") == []
    refund_desk.shop.clock.forward(days=1, seconds=1)
    for _ in range(2):
        await sweep(transactions)
    assert await refund_desk.open_exceptions("REFUND_OVERDUE") == [
        f"Refund:{refund_desk.id(refund)}"
    ]
    await refund_desk.pay()
    assert await refund_desk.open_exceptions("REFUND_OVERDUE") == []


async def test_a_gateway_that_stays_silent_opens_an_exception(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    transactions, clock = refund_desk.shop.transactions, refund_desk.shop.clock
    monitor = await open_integrations(refund_desk.shop)
    gateway = MonitoredGateway(refund_desk.gateway, monitor.monitor(PAYMENTS_CODE))
    payouts = Payouts(transactions, gateway, health=monitor)
    watch = watching(transactions, monitor, gateway, ScriptedCarrier())
    refund_desk.gateway.answers, refund_desk.gateway.found = [SILENT], [SILENT]
    for _ in range(4):
        await payouts.work()
        clock.forward(hours=1)
    assert await refund_desk.open_exceptions("INTEGRATION_DOWN") == []
    await payouts.work()
    row = await integration_row(refund_desk.database)
    assert row["status"] == "DOWN"
    assert await refund_desk.open_exceptions("INTEGRATION_DOWN") == [f"Integration:{row['id']}"]
    asked = len(refund_desk.gateway.looked_up)
    clock.forward(hours=1)
    await payouts.work()
    assert len(refund_desk.gateway.looked_up) == asked
    refund_desk.gateway.found = [SUCCEEDED]
    await watch.probe()
    assert await status_of(refund_desk.database) == "RECOVERING"
    await payouts.work()
    for _ in range(10):
        clock.forward(seconds=1)
        await watch.probe()
    assert await status_of(refund_desk.database) == "HEALTHY"
    assert await refund_desk.open_exceptions("INTEGRATION_DOWN") == []


@pytest.mark.parametrize("seed", range(4))
async def test_chaos_ends_with_each_refund_paid_once_or_with_people(
    refund_desk: RefundDesk, seed: int
) -> None:
    """Eight refunds by a gateway that fails, times out, answers late and repeats messages."""
    transactions, clock = refund_desk.shop.transactions, refund_desk.shop.clock

    async def deliver(message_id: str, event: PaymentEvent) -> None:
        await workflows.refunds.gateway_events.receive_payment_event(
            transactions, message_id, event
        )

    journal = PaymentJournal()
    gateway = PaymentSimulator(
        behavior=chaos(str(seed)),
        journal=journal,
        deliver=deliver,
        delay_seconds=0.0,
        clock=lambda: clock.now.timestamp(),
    )
    order = await refund_desk.desk.sold(("TEE-M", 10))
    made = [await refund_desk.create(order, "1.00") for _ in range(8)]
    for each in made:
        await refund_desk.approve(each)
    payouts = Payouts(transactions, gateway, PayoutTerms(claim=timedelta(seconds=1)))
    for _ in range(60):
        clock.forward(seconds=400)
        await payouts.work()
        for row in await refund_desk.refunds():
            if row["status"] == "FAILED":
                await refund_desk.retry(row, FIONA)
        if all(each["status"] == "SUCCEEDED" for each in await refund_desk.refunds()):
            break
    assert {each["status"] for each in await refund_desk.refunds()} == {"SUCCEEDED"}
    for each in made:
        assert len(journal.paid(str(refund_desk.id(each)))) == 1
    assert await refund_desk.open_exceptions("REFUND_UNKNOWN") == []
    assert await faults(refund_desk.database) == []
    await gateway.close()
