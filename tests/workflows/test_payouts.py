"""Paying out: a key per attempt, silence looked up, webhooks first, twice and contradicting."""

from datetime import timedelta
from typing import Any

import pytest

import workflows.refunds.gateway_events
import workflows.refunds.payouts
from integrations.payments.gateway import GatewayTimeout, GatewayUnavailable, PaymentEvent
from integrations.payments.gateway import PaymentEventType as Told
from integrations.payments.simulator import PaymentSimulator
from integrations.payments.simulator_faults import chaos
from integrations.payments.simulator_journal import PaymentJournal
from models.database.database import Database
from models.database.sessions import UniqueConflict
from tests.builders.books import faults
from tests.builders.till import FAILED, FIONA, FRED, PENDING, SUCCEEDED, Till, open_till
from tests.builders.transactions import codes, events
from workflows.refunds.gateway_events import Taken
from workflows.refunds.payout_attempts import PayoutTerms
from workflows.refunds.payouts import Payouts
from workflows.transactions.outcomes import Outcome

SILENT = GatewayTimeout("silent")
UNASKED = GatewayUnavailable("not reached", was_asked=False)


@pytest.fixture
async def till(database: Database) -> Till:
    return await open_till(database)


@pytest.fixture
async def refund(till: Till) -> Outcome:
    """A refund of one pound that is decided and not paid yet."""
    order = await till.desk.sold(("TEE-M", 1))
    made = await till.create(order, "1.00")
    assert not (await till.approve(made)).refusals
    return made


async def later(till: Till, **duration: float) -> int:
    """One more round of the job, some time later."""
    till.shop.clock.forward(**(duration or {"seconds": 1}))
    return await till.pay()


async def test_the_key_is_stored_before_the_call(till: Till, refund: Outcome) -> None:
    seen: list[Any] = []

    async def meanwhile(key: str) -> None:
        [attempt] = await till.attempts(refund)
        seen.append((attempt["key"] == key, attempt["state"], attempt["sent_at"] is not None))
        seen.append(await till.status(refund))

    till.gateway.meanwhile = meanwhile
    await till.pay()
    assert seen == [(True, "OPEN", True), "PROCESSING"]
    assert await till.status(refund) == "SUCCEEDED"
    assert await till.pay() == 0


async def test_nobody_sends_what_another_worker_has_in_hand(till: Till, refund: Outcome) -> None:
    async def meanwhile(key: str) -> None:
        till.gateway.meanwhile = None
        assert await till.pay() == 0

    till.gateway.meanwhile = meanwhile
    await till.pay()
    assert len(till.gateway.sent) == 1


async def test_silence_is_looked_up_and_never_sent_under_a_new_key(
    till: Till, refund: Outcome
) -> None:
    till.gateway.answers, till.gateway.found = [SILENT], [SUCCEEDED]
    await till.pay()
    assert await till.status(refund) == "UNKNOWN"
    assert await till.pay() == 0
    await later(till)
    assert await till.status(refund) == "SUCCEEDED"
    assert till.gateway.sent == till.gateway.looked_up


async def test_what_the_gateway_does_not_know_is_sent_again_with_its_key(
    till: Till, refund: Outcome
) -> None:
    till.gateway.answers, till.gateway.found = [SILENT, SUCCEEDED], [None]
    await till.pay()
    await later(till)
    assert await till.status(refund) == "SUCCEEDED"
    assert len(till.gateway.sent) == 2
    assert len(set(till.gateway.sent)) == 1
    assert len(await till.attempts(refund)) == 1


async def test_an_unreachable_gateway_leaves_it_processing(till: Till, refund: Outcome) -> None:
    till.gateway.answers = [UNASKED, SUCCEEDED]
    await till.pay()
    assert await till.status(refund) == "PROCESSING"
    await later(till)
    assert await till.status(refund) == "SUCCEEDED"
    assert len(set(till.gateway.sent)) == 1


async def test_a_late_refund_is_looked_up_until_it_settles(till: Till, refund: Outcome) -> None:
    till.gateway.answers, till.gateway.found = [PENDING], [PENDING, SILENT, SUCCEEDED]
    await till.pay()
    assert await till.status(refund) == "PROCESSING"
    for _ in range(2):
        await later(till, seconds=10)
        assert await till.status(refund) == "PROCESSING"
    await later(till, seconds=10)
    assert await till.status(refund) == "SUCCEEDED"
    assert len(till.gateway.sent) == 1


async def test_failed_is_the_gateways_word_and_a_retry_has_a_new_key(
    till: Till, refund: Outcome
) -> None:
    till.gateway.answers = [FAILED]
    await till.pay()
    assert await till.status(refund) == "FAILED"
    subject = f"Refund:{till.id(refund)}"
    assert await till.open_exceptions("REFUND_OVERDUE") == [subject]
    assert (await till.attempts(refund))[0]["reason"] == "account_closed"
    assert (await till.balances())["refund_liability"] == -100
    till.gateway.answers = [SUCCEEDED]
    assert not (await till.retry(refund)).refusals
    await till.pay()
    assert await till.status(refund) == "SUCCEEDED"
    assert await till.open_exceptions("REFUND_OVERDUE") == []
    assert len(set(till.gateway.sent)) == 2
    assert [each["state"] for each in await till.attempts(refund)] == ["FAILED", "SUCCEEDED"]


async def test_past_the_keys_retention_a_person_settles(till: Till, refund: Outcome) -> None:
    till.gateway.answers, till.gateway.found = [SILENT], [SILENT]
    await till.pay()
    till.gateway.found = [None]
    await later(till, hours=24)
    assert len(till.gateway.sent) == 1
    assert await till.open_exceptions("REFUND_UNKNOWN") == [f"Refund:{till.id(refund)}"]
    await later(till, hours=1)
    assert len(till.gateway.sent) == 1
    assert codes(await till.retry(refund)) == [("ILLEGAL_TRANSITION", ("id",))]
    assert not (await till.settle(refund, succeeded=False, by=FRED)).refusals
    assert await till.status(refund) == "FAILED"
    assert await till.open_exceptions("REFUND_UNKNOWN") == []
    [attempt] = await till.attempts(refund)
    assert attempt["settled_by"] == "fred"


async def test_the_gateway_may_still_tell_what_a_person_was_asked(
    till: Till, refund: Outcome
) -> None:
    till.gateway.answers, till.gateway.found = [SILENT], [SILENT]
    await till.pay()
    await later(till, hours=24)
    assert await till.open_exceptions("REFUND_UNKNOWN") != []
    till.gateway.found = [SUCCEEDED]
    await later(till, hours=1)
    assert await till.status(refund) == "SUCCEEDED"
    assert await till.open_exceptions("REFUND_UNKNOWN") == []


async def test_nobody_says_it_failed_while_it_is_being_sent(till: Till, refund: Outcome) -> None:
    """A second send is under way when a person settles: else a retry could be paid beside it."""
    till.gateway.answers, till.gateway.found = [SILENT, SUCCEEDED], [None]
    await till.pay()
    refused: list[Outcome] = []

    async def meanwhile(key: str) -> None:
        refused.append(await till.settle(refund, succeeded=False))

    till.gateway.meanwhile = meanwhile
    await later(till)
    assert codes(refused[0]) == [("INVALID", ("id",))]
    assert await till.status(refund) == "SUCCEEDED"


async def test_a_worker_that_died_is_found_out_when_its_claim_is_over(
    till: Till, refund: Outcome
) -> None:
    class Died(BaseException):
        pass

    async def meanwhile(key: str) -> None:
        raise Died

    till.gateway.meanwhile, till.gateway.found = meanwhile, [SUCCEEDED]
    with pytest.raises((Died, BaseExceptionGroup)):
        await till.pay()
    till.gateway.meanwhile = None
    assert await later(till) == 0
    assert await later(till, seconds=90) == 1
    assert await till.status(refund) == "SUCCEEDED"
    assert len(till.gateway.sent) == 1


async def test_a_webhook_may_come_before_our_own_answer(till: Till, refund: Outcome) -> None:
    async def meanwhile(key: str) -> None:
        assert await till.hear(refund, Told.SUCCEEDED) is Taken.HEARD

    till.gateway.meanwhile, till.gateway.answers = meanwhile, [SILENT]
    await till.pay()
    assert await till.status(refund) == "SUCCEEDED"
    assert await till.open_exceptions("REFUND_UNKNOWN") == []
    assert len(await events(till.database, "refund.succeeded")) == 1


async def test_a_webhook_is_taken_once(till: Till, refund: Outcome) -> None:
    till.gateway.answers = [SILENT]
    await till.pay()
    assert await till.hear(refund, Told.SUCCEEDED) is Taken.HEARD
    balances = await till.balances()
    assert await till.hear(refund, Told.SUCCEEDED) is Taken.REPEATED
    assert await till.hear(refund, Told.SUCCEEDED, "msg-2") is Taken.HEARD
    assert await till.hear(refund, Told.FAILED) is Taken.REPEATED
    assert await till.balances() == balances
    assert await till.status(refund) == "SUCCEEDED"


async def test_a_contradiction_changes_nothing_and_a_person_is_told(
    till: Till, refund: Outcome
) -> None:
    await till.pay()
    balances = await till.balances()
    await till.hear(refund, Told.FAILED)
    assert await till.status(refund) == "SUCCEEDED"
    assert await till.balances() == balances
    assert await till.open_exceptions("REFUND_UNKNOWN") == [f"Refund:{till.id(refund)}"]


async def test_a_webhook_about_a_key_that_is_not_ours_is_taken_and_left(till: Till) -> None:
    event = PaymentEvent(Told.SUCCEEDED, "nobody's")
    taken = await workflows.refunds.gateway_events.take_payment(
        till.shop.transactions, "msg-9", event
    )
    assert taken is Taken.UNKNOWN_KEY


async def test_the_bank_may_send_it_back(till: Till, refund: Outcome) -> None:
    before = {**await till.balances(), "sales_returns": 0, "refund_liability": 0}
    await till.pay()
    await till.hear(refund, Told.REVERSED)
    assert await till.status(refund) == "REVERSED"
    after = {"sales_returns": 0, "refund_liability": 0, **await till.balances()}
    assert after == before
    assert await till.open_exceptions("REFUND_OVERDUE") == [f"Refund:{till.id(refund)}"]
    # The money may be given back again.
    order = (await till.find(refund))["order_id"]
    again = await till.create(Outcome(refs={"order": str(order)}), "10.00")
    assert not again.refusals


async def test_reversed_heard_first_books_both_facts(till: Till, refund: Outcome) -> None:
    till.gateway.answers = [SILENT]
    await till.pay()
    await till.hear(refund, Told.REVERSED)
    assert await till.status(refund) == "REVERSED"
    told = [event["type"] for event in await events(till.database, "refund.")]
    assert told[-2:] == ["refund.succeeded", "refund.reversed"]
    assert "refund_liability" not in await till.balances()


async def test_the_database_allows_one_unsettled_attempt(till: Till, refund: Outcome) -> None:
    till.gateway.answers = [SILENT]
    await till.pay()
    with pytest.raises(UniqueConflict):
        async with till.database.writer() as session:
            await session.execute(
                "INSERT INTO refund_attempt (id, refund_id, attempt_no, key, state, created_at,"
                " created_by, next_at) SELECT order_id, id, 2, 'other', 'OPEN', created_at, 'x',"
                " created_at FROM refund"
            )


async def test_people_are_told_of_refunds_that_are_not_over_a_day_later(
    till: Till, refund: Outcome
) -> None:
    transactions = till.shop.transactions
    assert await workflows.refunds.payouts.tell_overdue(transactions) == 0
    till.shop.clock.forward(days=1, seconds=1)
    assert await workflows.refunds.payouts.tell_overdue(transactions) == 1
    assert await workflows.refunds.payouts.tell_overdue(transactions) == 0
    assert await till.open_exceptions("REFUND_OVERDUE") == [f"Refund:{till.id(refund)}"]
    await till.pay()
    assert await till.open_exceptions("REFUND_OVERDUE") == []


async def test_a_gateway_that_stays_silent_is_told_to_people(till: Till, refund: Outcome) -> None:
    payouts = Payouts(till.shop.transactions, till.gateway)
    till.gateway.answers, till.gateway.found = [SILENT], [SILENT]
    for _ in range(4):
        await payouts.work()
        till.shop.clock.forward(hours=1)
    assert await till.open_exceptions("INTEGRATION_DOWN") == []
    for _ in range(2):
        await payouts.work()
        till.shop.clock.forward(hours=1)
    assert await till.open_exceptions("INTEGRATION_DOWN") == ["Integration:payments"]
    till.gateway.found = [SUCCEEDED]
    await payouts.work()
    assert await till.open_exceptions("INTEGRATION_DOWN") == []


async def test_message_ids_are_forgotten_long_after_their_signature(
    till: Till, refund: Outcome
) -> None:
    await till.pay()
    await till.hear(refund, Told.SUCCEEDED)
    assert await workflows.refunds.gateway_events.forget_messages(till.shop.transactions) == 0
    till.shop.clock.forward(days=7, seconds=1)
    assert await workflows.refunds.gateway_events.forget_messages(till.shop.transactions) == 1


@pytest.mark.parametrize("seed", range(4))
async def test_chaos_ends_with_each_refund_paid_once_or_with_people(till: Till, seed: int) -> None:
    """Eight refunds by a gateway that fails, is silent, answers late and tells things twice."""
    transactions, clock = till.shop.transactions, till.shop.clock

    async def deliver(message_id: str, event: PaymentEvent) -> None:
        await workflows.refunds.gateway_events.take_payment(transactions, message_id, event)

    journal = PaymentJournal()
    gateway = PaymentSimulator(
        behaviour=chaos(str(seed)),
        journal=journal,
        deliver=deliver,
        lateness=0.0,
        clock=lambda: clock.now.timestamp(),
    )
    order = await till.desk.sold(("TEE-M", 10))
    made = [await till.create(order, "1.00") for _ in range(8)]
    for each in made:
        await till.approve(each)
    payouts = Payouts(transactions, gateway, PayoutTerms(claim=timedelta(seconds=1)))
    for _ in range(60):
        clock.forward(seconds=400)
        await payouts.work()
        for row in await till.refunds():
            if row["status"] == "FAILED":
                await till.retry(row, FIONA)
        if all(each["status"] == "SUCCEEDED" for each in await till.refunds()):
            break
    assert {each["status"] for each in await till.refunds()} == {"SUCCEEDED"}
    for each in made:
        assert len(journal.paid(str(till.id(each)))) == 1
    assert await till.open_exceptions("REFUND_UNKNOWN") == []
    assert await faults(till.database) == []
    await gateway.close()
