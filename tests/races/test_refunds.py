"""Concurrent actions on a refund: they have one outcome, and no refund is paid twice."""

import asyncio

import pytest

from integrations.errors import IntegrationTimeout
from integrations.payments.gateway import PaymentEventType as Told
from models.database.database import Database
from tests.builders.refunds import CLERK, FIONA, FRED, SUCCEEDED, RefundDesk, open_refund_desk
from tests.builders.transactions import codes, rows
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

ROUNDS = 5


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


@pytest.fixture
async def order(refund_desk: RefundDesk) -> Outcome:
    return await refund_desk.desk.sold(("TEE-M", 10))


async def test_two_approvers_at_once_approve_once(refund_desk: RefundDesk, order: Outcome) -> None:
    for _ in range(ROUNDS):
        made = await refund_desk.create(order, "1.00")
        outcomes = await asyncio.gather(
            refund_desk.approve(made, FIONA), refund_desk.approve(made, FRED)
        )
        refused = [codes(each) for each in outcomes if each.refusals]
        assert refused == [[("ILLEGAL_TRANSITION", ("id",))]]
        assert await refund_desk.status(made) == "APPROVED"
    booked = await rows(
        refund_desk.database, "SELECT id FROM journal_entry WHERE memo LIKE 'Refund of 1.00%'"
    )
    assert len(booked) == ROUNDS
    assert (await refund_desk.balances())["refund_liability"] == -100 * ROUNDS


async def test_the_same_approver_twice_counts_once(refund_desk: RefundDesk) -> None:
    order = await refund_desk.desk.sold(("TEE-M", 20), ("TEE-S", 20), ("TEE-L", 20))
    made = await refund_desk.create(order, "501.00")
    outcomes = await asyncio.gather(*(refund_desk.approve(made, FIONA) for _ in range(3)))
    refused = [codes(each) for each in outcomes if each.refusals]
    assert refused == [[("SELF_APPROVAL", ("id",))]] * 2
    assert await refund_desk.status(made) == "NEEDS_APPROVAL"


async def test_approve_against_reject_has_one_outcome(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    for _ in range(ROUNDS):
        made = await refund_desk.create(order, "1.00")
        approved, rejected = await asyncio.gather(
            refund_desk.approve(made, FIONA), refund_desk.reject(made, FRED)
        )
        assert bool(approved.refusals) != bool(rejected.refusals)
        expected = "REJECTED" if approved.refusals else "APPROVED"
        assert await refund_desk.status(made) == expected
        loser = approved if approved.refusals else rejected
        assert codes(loser) == [("ILLEGAL_TRANSITION", ("id",))]


async def test_the_last_pound_is_given_once(refund_desk: RefundDesk, order: Outcome) -> None:
    outcomes = await asyncio.gather(*(refund_desk.create(order, "30.00") for _ in range(6)))
    assert sum(not each.refusals for each in outcomes) == 3
    refused = [codes(each) for each in outcomes if each.refusals]
    assert refused == [[("REFUND_EXCEEDS_BALANCE", ("input", "amount"))]] * 3
    [payment] = await rows(
        refund_desk.database, "SELECT drawn_minor FROM order_payment WHERE drawn_minor > 0"
    )
    assert payment["drawn_minor"] == 9000


async def test_workers_that_work_at_once_send_each_refund_once(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    for _ in range(ROUNDS):
        await refund_desk.approve(await refund_desk.create(order, "1.00"))

    async def meanwhile(key: str) -> None:
        await asyncio.sleep(0)

    refund_desk.gateway.meanwhile = meanwhile
    await asyncio.gather(*(refund_desk.pay() for _ in range(3)))
    assert len(refund_desk.gateway.sent) == ROUNDS
    assert {each["status"] for each in await refund_desk.refunds()} == {"SUCCEEDED"}


async def test_cancel_against_the_worker_has_one_outcome(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    for _ in range(ROUNDS):
        made = await refund_desk.create(order, "1.00", CLERK)
        await refund_desk.approve(made)
        sent = len(refund_desk.gateway.sent)
        cancelled, _ = await asyncio.gather(refund_desk.cancel(made), refund_desk.pay())
        is_paid = len(refund_desk.gateway.sent) > sent
        assert is_paid == bool(cancelled.refusals)
        assert await refund_desk.status(made) == ("SUCCEEDED" if is_paid else "CANCELLED")


async def test_webhooks_and_answers_that_cross_book_once(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    made = await refund_desk.create(order, "1.00")
    await refund_desk.approve(made)

    async def meanwhile(key: str) -> None:
        await asyncio.gather(
            *(refund_desk.receive_webhook(made, Told.SUCCEEDED, f"msg-{n % 2}") for n in range(4)),
        )

    refund_desk.gateway.meanwhile = meanwhile
    await refund_desk.pay()
    assert await refund_desk.status(made) == "SUCCEEDED"
    paid = await rows(
        refund_desk.database, "SELECT id FROM journal_entry WHERE memo LIKE 'Paid back%'"
    )
    assert len(paid) == 1
    found = [each for each in await reconcile(refund_desk.database) if "position" not in each.proof]
    assert found == []


async def test_settling_against_the_gateway_has_one_outcome(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    made = await refund_desk.create(order, "1.00")
    await refund_desk.approve(made)
    refund_desk.gateway.answers, refund_desk.gateway.found = (
        [IntegrationTimeout("silent")],
        [SUCCEEDED],
    )
    await refund_desk.pay()
    refund_desk.shop.clock.forward(seconds=5)
    settled, _ = await asyncio.gather(refund_desk.settle(made), refund_desk.pay())
    assert await refund_desk.status(made) == "SUCCEEDED"
    assert (await refund_desk.balances())["payments_clearing"] == 10000 - 100
    assert codes(settled) in ([], [("ILLEGAL_TRANSITION", ("id",))])
