"""Contradicting reports of the gateway about one attempt: it waits for a person."""

from uuid import UUID

import pytest

import workflows.exceptions.handling
from domain.access.callers import Role, holder
from integrations.payments.gateway import PaymentEventType as Told
from models.database.database import Database
from tests.builders.refunds import FRED, RefundDesk, open_refund_desk
from tests.builders.store import ADMIN
from tests.builders.transactions import codes, counts, rows
from tests.builders.uncertain_refunds import failed_refund, is_uncertain, report, states
from workflows.exceptions.handling import ResolveException
from workflows.transactions.outcomes import Outcome, Request

TABLES = ("refund_attempt", "event", "audit_entry", "journal_entry", "operational_exception")
ID = ("id",)


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


@pytest.fixture
async def refund(refund_desk: RefundDesk) -> Outcome:
    """A refund of 1.00 that failed."""
    return await failed_refund(refund_desk)


async def test_failed_then_succeeded_waits_for_a_person(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    """Row 14: no second attempt, no cancellation, no alert that ends by itself."""
    balances = await refund_desk.balances()
    await report(refund_desk, refund, Told.SUCCEEDED)
    assert await is_uncertain(refund_desk, refund)
    [attempt] = await refund_desk.attempts(refund)
    assert (attempt["state"], attempt["contradicted_as"]) == ("FAILED", "SUCCEEDED")
    before = await counts(refund_desk.database, *TABLES)
    assert codes(await refund_desk.retry(refund)) == [("ILLEGAL_TRANSITION", ID)]
    assert codes(await refund_desk.cancel(refund)) == [("ILLEGAL_TRANSITION", ID)]
    assert await counts(refund_desk.database, *TABLES) == before
    assert await refund_desk.balances() == balances
    # Neither a repeated report nor the payout job ends it.
    await report(refund_desk, refund, Told.FAILED)
    assert await refund_desk.pay() == 0
    assert await is_uncertain(refund_desk, refund)
    # The bank confirms the payment: 1.00 is paid once.
    assert not (await refund_desk.settle(refund, by=FRED)).refusals
    assert await states(refund_desk, refund) == ["SUCCEEDED", "SUCCEEDED"]
    assert not await is_uncertain(refund_desk, refund)
    after = await refund_desk.balances()
    assert balances["refund_liability"] == -100
    assert "refund_liability" not in after
    assert after["payments_clearing"] == balances["payments_clearing"] - 100


async def test_after_a_person_confirms_the_failure_it_may_be_retried(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    await report(refund_desk, refund, Told.SUCCEEDED)
    assert not (await refund_desk.settle(refund, succeeded=False, by=FRED)).refusals
    assert not await is_uncertain(refund_desk, refund)
    assert (await refund_desk.find(refund))["closing_note"] == "Asked the bank."
    assert not (await refund_desk.retry(refund)).refusals
    await refund_desk.pay()
    assert await states(refund_desk, refund) == ["SUCCEEDED", "FAILED", "SUCCEEDED"]


async def test_who_requested_it_does_not_settle_a_contradiction(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    await report(refund_desk, refund, Told.SUCCEEDED)
    requester = (await refund_desk.find(refund))["requested_by"]
    from_requester = await refund_desk.settle(refund, by=holder(Role.FINANCE, actor=requester))
    assert codes(from_requester) == [("SELF_APPROVAL", ID)]
    assert await is_uncertain(refund_desk, refund)


async def test_words_alone_do_not_resolve_the_alert(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    await report(refund_desk, refund, Told.SUCCEEDED)
    [alert] = await rows(
        refund_desk.database, "SELECT id FROM operational_exception WHERE kind = 'REFUND_UNKNOWN'"
    )
    request = Request(ResolveException(UUID(str(alert["id"])), "Surely fine."), ADMIN)
    resolve = workflows.exceptions.handling.resolve
    assert codes(await refund_desk.shop.transactions.perform(resolve, request)) == [
        ("ILLEGAL_TRANSITION", ID)
    ]
    assert await is_uncertain(refund_desk, refund)


async def test_a_payment_that_never_arrived_is_taken_back(
    refund_desk: RefundDesk, refund: Outcome
) -> None:
    await refund_desk.retry(refund)
    await refund_desk.pay()
    await report(refund_desk, refund, Told.FAILED)
    assert await states(refund_desk, refund) == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert await is_uncertain(refund_desk, refund)
    assert not (await refund_desk.settle(refund, succeeded=False, by=FRED)).refusals
    assert await states(refund_desk, refund) == ["REVERSED", "FAILED", "REVERSED"]
    assert not await is_uncertain(refund_desk, refund)
    assert not {"refund_liability", "sales_returns"} & set(await refund_desk.balances())
