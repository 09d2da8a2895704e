"""Refunds raced for: whoever comes first, there is one outcome, and nothing is paid twice."""

import asyncio

import pytest

from integrations.payments.gateway import GatewayTimeout
from integrations.payments.gateway import PaymentEventType as Told
from models.database.database import Database
from tests.builders.till import CLERK, FIONA, FRED, SUCCEEDED, Till, open_till
from tests.builders.transactions import codes, rows
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

ROUNDS = 5


@pytest.fixture
async def till(database: Database) -> Till:
    return await open_till(database)


@pytest.fixture
async def order(till: Till) -> Outcome:
    return await till.desk.sold(("TEE-M", 10))


async def test_two_approvers_at_once_approve_once(till: Till, order: Outcome) -> None:
    for _ in range(ROUNDS):
        made = await till.create(order, "1.00")
        outcomes = await asyncio.gather(till.approve(made, FIONA), till.approve(made, FRED))
        refused = [codes(each) for each in outcomes if each.refusals]
        assert refused == [[("ILLEGAL_TRANSITION", ("id",))]]
        assert await till.status(made) == "APPROVED"
    booked = await rows(
        till.database, "SELECT id FROM journal_entry WHERE memo LIKE 'Refund of 1.00%'"
    )
    assert len(booked) == ROUNDS
    assert (await till.balances())["refund_liability"] == -100 * ROUNDS


async def test_the_same_approver_twice_counts_once(till: Till) -> None:
    order = await till.desk.sold(("TEE-M", 20), ("TEE-S", 20), ("TEE-L", 20))
    made = await till.create(order, "501.00")
    outcomes = await asyncio.gather(*(till.approve(made, FIONA) for _ in range(3)))
    refused = [codes(each) for each in outcomes if each.refusals]
    assert refused == [[("SELF_APPROVAL", ("id",))]] * 2
    assert await till.status(made) == "NEEDS_APPROVAL"


async def test_approve_against_reject_has_one_outcome(till: Till, order: Outcome) -> None:
    for _ in range(ROUNDS):
        made = await till.create(order, "1.00")
        approved, rejected = await asyncio.gather(
            till.approve(made, FIONA), till.reject(made, FRED)
        )
        assert bool(approved.refusals) != bool(rejected.refusals)
        expected = "REJECTED" if approved.refusals else "APPROVED"
        assert await till.status(made) == expected
        loser = approved if approved.refusals else rejected
        assert codes(loser) == [("ILLEGAL_TRANSITION", ("id",))]


async def test_the_last_pound_is_given_once(till: Till, order: Outcome) -> None:
    outcomes = await asyncio.gather(*(till.create(order, "30.00") for _ in range(6)))
    assert sum(not each.refusals for each in outcomes) == 3
    refused = [codes(each) for each in outcomes if each.refusals]
    assert refused == [[("REFUND_EXCEEDS_BALANCE", ("input", "amount"))]] * 3
    [payment] = await rows(
        till.database, "SELECT drawn_minor FROM order_payment WHERE drawn_minor > 0"
    )
    assert payment["drawn_minor"] == 9000


async def test_workers_that_work_at_once_send_each_refund_once(till: Till, order: Outcome) -> None:
    for _ in range(ROUNDS):
        await till.approve(await till.create(order, "1.00"))

    async def meanwhile(key: str) -> None:
        await asyncio.sleep(0)

    till.gateway.meanwhile = meanwhile
    await asyncio.gather(*(till.pay() for _ in range(3)))
    assert len(till.gateway.sent) == ROUNDS
    assert {each["status"] for each in await till.refunds()} == {"SUCCEEDED"}


async def test_cancel_against_the_worker_has_one_outcome(till: Till, order: Outcome) -> None:
    for _ in range(ROUNDS):
        made = await till.create(order, "1.00", CLERK)
        await till.approve(made)
        sent = len(till.gateway.sent)
        cancelled, _ = await asyncio.gather(till.cancel(made), till.pay())
        is_paid = len(till.gateway.sent) > sent
        assert is_paid == bool(cancelled.refusals)
        assert await till.status(made) == ("SUCCEEDED" if is_paid else "CANCELLED")


async def test_webhooks_and_answers_that_cross_book_once(till: Till, order: Outcome) -> None:
    made = await till.create(order, "1.00")
    await till.approve(made)

    async def meanwhile(key: str) -> None:
        await asyncio.gather(
            *(till.hear(made, Told.SUCCEEDED, f"msg-{n % 2}") for n in range(4)),
        )

    till.gateway.meanwhile = meanwhile
    await till.pay()
    assert await till.status(made) == "SUCCEEDED"
    paid = await rows(till.database, "SELECT id FROM journal_entry WHERE memo LIKE 'Paid back%'")
    assert len(paid) == 1
    found = [each for each in await reconcile(till.database) if "position" not in each.proof]
    assert found == []


async def test_settling_against_the_gateway_has_one_outcome(till: Till, order: Outcome) -> None:
    made = await till.create(order, "1.00")
    await till.approve(made)
    till.gateway.answers, till.gateway.found = [GatewayTimeout("silent")], [SUCCEEDED]
    await till.pay()
    till.shop.clock.forward(seconds=5)
    settled, _ = await asyncio.gather(till.settle(made), till.pay())
    assert await till.status(made) == "SUCCEEDED"
    assert (await till.balances())["payments_clearing"] == 10000 - 100
    assert codes(settled) in ([], [("ILLEGAL_TRANSITION", ("id",))])
