"""Contradicting reports about an earlier attempt: the money is paid once, or owed."""

import pytest

from integrations.errors import IntegrationTimeout
from integrations.payments.gateway import PaymentEventType as Told
from models.database.database import Database
from tests.builders.refunds import FIONA, FRED, RefundDesk, open_refund_desk
from tests.builders.transactions import codes
from tests.builders.uncertain_refunds import failed_refund, is_uncertain, report, states
from workflows.transactions.outcomes import Outcome

ID = ("id",)


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


@pytest.fixture
async def refund(refund_desk: RefundDesk) -> Outcome:
    """A refund of 1.00 that failed."""
    return await failed_refund(refund_desk)


async def test_a_later_attempt_waits_and_is_not_sent_if_the_first_was_paid(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    assert not (await refund_desk.retry(refund)).refusals
    await report(refund_desk, refund, Told.SUCCEEDED, attempt=0)
    sent = len(refund_desk.gateway.sent)
    assert await refund_desk.pay() == 0
    assert len(refund_desk.gateway.sent) == sent
    assert not (await refund_desk.settle(refund, by=FRED)).refusals
    assert await states(refund_desk, refund) == ["SUCCEEDED", "SUCCEEDED", "FAILED"]
    assert await refund_desk.pay() == 0
    assert len(refund_desk.gateway.sent) == sent
    assert not await is_uncertain(refund_desk, refund)


async def test_a_later_attempt_goes_on_if_the_first_was_not_paid(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    assert not (await refund_desk.retry(refund)).refusals
    await report(refund_desk, refund, Told.SUCCEEDED, attempt=0)
    assert not (await refund_desk.settle(refund, succeeded=False, by=FRED)).refusals
    assert await refund_desk.pay() == 1
    assert await states(refund_desk, refund) == ["SUCCEEDED", "FAILED", "SUCCEEDED"]


async def test_a_later_attempt_that_was_sent_is_settled_first(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    assert not (await refund_desk.retry(refund)).refusals
    refund_desk.gateway.answers = [IntegrationTimeout("silent")]
    await refund_desk.pay()
    await report(refund_desk, refund, Told.SUCCEEDED, attempt=0)
    # The key is not known to the gateway, but it is not sent again while the first may have paid.
    refund_desk.shop.clock.forward(minutes=5)
    sent = len(refund_desk.gateway.sent)
    await refund_desk.pay()
    assert len(refund_desk.gateway.sent) == sent
    assert codes(await refund_desk.settle(refund, by=FRED)) == [("INVALID", ("attempt",))]
    assert codes(await refund_desk.settle(refund, by=FRED, attempt=1)) == [("INVALID", ID)]
    assert not (await refund_desk.settle(refund, succeeded=False, by=FRED, attempt=2)).refusals
    assert await is_uncertain(refund_desk, refund)
    assert not (await refund_desk.settle(refund, by=FRED)).refusals
    assert await states(refund_desk, refund) == ["SUCCEEDED", "SUCCEEDED", "FAILED"]
    assert not await is_uncertain(refund_desk, refund)


@pytest.mark.parametrize("end", ["retried", "cancelled"])
async def test_money_that_no_refund_accounts_for_is_owed(
    refund_desk: RefundDesk, refund: Outcome, end: str
) -> None:
    if end == "retried":
        await refund_desk.retry(refund)
        await refund_desk.pay()
    else:
        assert not (await refund_desk.cancel(refund)).refusals
    before = await refund_desk.balances()
    await report(refund_desk, refund, Told.SUCCEEDED, attempt=0)
    status = await refund_desk.status(refund)
    assert not (await refund_desk.settle(refund, by=FIONA)).refusals
    assert await refund_desk.status(refund) == status
    assert not await is_uncertain(refund_desk, refund)
    owed = f"Refund:{refund_desk.id(refund)}"
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == [owed]
    after = await refund_desk.balances()
    assert after.get("receivables", 0) == before.get("receivables", 0) + 100
    assert after["payments_clearing"] == before["payments_clearing"] - 100
    # The bank returns it: the debt ends, and the refund stays as it is.
    await report(refund_desk, refund, Told.REVERSED, attempt=0)
    assert await refund_desk.balances() == before
    assert await refund_desk.status(refund) == status
    assert not await is_uncertain(refund_desk, refund)
