"""Messages of the payment gateway: each is processed once, before or after its own answer."""

import pytest

import workflows.events.webhook_messages as webhook_messages
import workflows.refunds.gateway_events
import workflows.refunds.payouts
from integrations.errors import IntegrationTimeout
from integrations.payments.gateway import PaymentEvent
from integrations.payments.gateway import PaymentEventType as Told
from models.database.database import Database
from tests.builders.books import faults
from tests.builders.refunds import (
    FAILED,
    RefundDesk,
    open_refund_desk,
)
from tests.builders.transactions import events
from workflows.refunds.gateway_events import MessageResult
from workflows.transactions.outcomes import Outcome

SILENT = IntegrationTimeout("silent")


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


async def test_a_webhook_may_come_before_our_own_answer(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    async def meanwhile(key: str) -> None:
        assert await refund_desk.receive_webhook(refund, Told.SUCCEEDED) is MessageResult.APPLIED

    refund_desk.gateway.meanwhile, refund_desk.gateway.answers = meanwhile, [SILENT]
    await refund_desk.pay()
    assert await refund_desk.status(refund) == "SUCCEEDED"
    assert await refund_desk.open_exceptions("REFUND_UNKNOWN") == []
    assert len(await events(refund_desk.database, "refund.succeeded")) == 1


@pytest.mark.parametrize("reported", Told)
async def test_a_webhook_about_a_key_that_was_never_sent_counts_as_sent(
    refund_desk: RefundDesk, refund: Outcome, reported: Told
) -> None:
    refund_desk.gateway.answers = [FAILED]
    await refund_desk.pay()
    assert not (await refund_desk.retry(refund)).refusals
    assert await refund_desk.receive_webhook(refund, reported, "evt-1") is MessageResult.APPLIED
    [_, attempt] = await refund_desk.attempts(refund)
    assert attempt["state"] == reported.rpartition(".")[2].upper()
    assert attempt["sent_at"] == refund_desk.shop.clock.now
    assert await refund_desk.pay() == 0
    assert await faults(refund_desk.shop.database) == []


async def test_a_webhook_is_taken_once(refund_desk: RefundDesk, refund: Outcome) -> None:
    refund_desk.gateway.answers = [SILENT]
    await refund_desk.pay()
    assert await refund_desk.receive_webhook(refund, Told.SUCCEEDED) is MessageResult.APPLIED
    balances = await refund_desk.balances()
    assert await refund_desk.receive_webhook(refund, Told.SUCCEEDED) is MessageResult.REPEATED
    assert (
        await refund_desk.receive_webhook(refund, Told.SUCCEEDED, "msg-2") is MessageResult.APPLIED
    )
    assert await refund_desk.receive_webhook(refund, Told.FAILED) is MessageResult.REPEATED
    assert await refund_desk.balances() == balances
    assert await refund_desk.status(refund) == "SUCCEEDED"


async def test_a_contradiction_changes_nothing_and_opens_an_exception(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    await refund_desk.pay()
    balances = await refund_desk.balances()
    await refund_desk.receive_webhook(refund, Told.FAILED)
    assert await refund_desk.status(refund) == "SUCCEEDED"
    assert await refund_desk.balances() == balances
    assert await refund_desk.open_exceptions("REFUND_UNKNOWN") == [
        f"Refund:{refund_desk.id(refund)}"
    ]


async def test_a_webhook_about_a_key_that_is_not_ours_is_taken_and_left(
    refund_desk: RefundDesk,
) -> None:
    event = PaymentEvent(Told.SUCCEEDED, "nobody's")
    taken = await workflows.refunds.gateway_events.receive_payment_event(
        refund_desk.shop.transactions, "msg-9", event
    )
    assert taken is MessageResult.UNKNOWN_KEY


async def test_the_bank_may_send_it_back(refund_desk: RefundDesk, refund: Outcome) -> None:
    before = {**await refund_desk.balances(), "sales_returns": 0, "refund_liability": 0}
    await refund_desk.pay()
    await refund_desk.receive_webhook(refund, Told.REVERSED)
    assert await refund_desk.status(refund) == "REVERSED"
    after = {"sales_returns": 0, "refund_liability": 0, **await refund_desk.balances()}
    assert after == before
    assert await refund_desk.open_exceptions("REFUND_OVERDUE") == [
        f"Refund:{refund_desk.id(refund)}"
    ]
    # The money can be refunded again.
    order = (await refund_desk.find(refund))["order_id"]
    again = await refund_desk.create(Outcome(refs={"order": str(order)}), "10.00")
    assert not again.refusals


async def test_a_reversal_that_arrives_first_books_both_facts(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    refund_desk.gateway.answers = [SILENT]
    await refund_desk.pay()
    await refund_desk.receive_webhook(refund, Told.REVERSED)
    assert await refund_desk.status(refund) == "REVERSED"
    reported = [event["type"] for event in await events(refund_desk.database, "refund.")]
    assert reported[-2:] == ["refund.succeeded", "refund.reversed"]
    assert "refund_liability" not in await refund_desk.balances()


async def test_message_ids_are_forgotten_long_after_their_signature(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    await refund_desk.pay()
    await refund_desk.receive_webhook(refund, Told.SUCCEEDED)
    assert await refund_desk.shop.transactions.run(webhook_messages.delete_old_messages) == 0
    refund_desk.shop.clock.forward(days=7, seconds=1)
    assert await refund_desk.shop.transactions.run(webhook_messages.delete_old_messages) == 1
