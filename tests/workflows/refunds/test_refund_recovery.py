"""Refunds that were paid before the units came: recovered if the units do not come."""

import pytest

from domain.policies.policies import PolicyKind
from integrations.payments.gateway import PaymentEventType as Told
from models.database.database import Database
from tests.builders.inspected_returns import inspected, received, refund_rules, sent_back
from tests.builders.refunds import FAILED, RefundDesk, open_refund_desk
from workflows.ledger.reconciliation import reconcile


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    """A store that refunds as soon as a return is authorized."""
    desk = await open_refund_desk(database)
    await desk.shop.publish(PolicyKind.REFUND, refund_rules("AUTHORIZED"))
    return desk


async def test_an_expired_return_whose_refund_was_paid_is_recovered(
    refund_desk: RefundDesk,
) -> None:
    a_return = await refund_desk.desk.requested(("TEE-M", 8))
    await refund_desk.pay()
    [refund] = await refund_desk.refunds()
    refund_desk.shop.clock.forward(days=28)
    assert await refund_desk.desk.expire() == 1
    assert await refund_desk.desk.status(a_return) == "EXPIRED"
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == [f"Refund:{refund['id']}"]
    assert await refund_desk.status(refund) == "SUCCEEDED"
    assert await reconcile(refund_desk.database) == []
    # The units come after all: they are not paid a second time.
    assert not (await refund_desk.desk.receive(a_return, ("TEE-M", 8))).refusals
    assert len(await refund_desk.refunds()) == 1
    assert await refund_desk.pay() == 0
    assert await reconcile(refund_desk.database) == []


async def test_an_expired_return_whose_refund_was_not_sent_loses_it(
    refund_desk: RefundDesk,
) -> None:
    a_return = await refund_desk.desk.requested(("TEE-M", 8))
    [refund] = await refund_desk.refunds()
    refund_desk.shop.clock.forward(days=28)
    assert await refund_desk.desk.expire() == 1
    assert await refund_desk.status(refund) == "CANCELLED"
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == []
    # A late parcel is refunded as if it had come in time.
    assert not (await refund_desk.desk.receive(a_return, ("TEE-M", 8))).refusals
    assert [(each["status"], each["amount_minor"]) for each in await refund_desk.refunds()] == [
        ("CANCELLED", 8000),
        ("APPROVED", 8000),
    ]
    assert await reconcile(refund_desk.database) == []


@pytest.mark.parametrize("by", ["a complete parcel", "the clock"])
async def test_paid_units_that_are_missing_are_recovered(refund_desk: RefundDesk, by: str) -> None:
    a_return = await refund_desk.desk.requested(("TEE-M", 8))
    await refund_desk.pay()
    [refund] = await refund_desk.refunds()
    is_last = by == "a complete parcel"
    await refund_desk.desk.receive(a_return, ("TEE-M", 5), complete=is_last)
    if not is_last:
        assert await refund_desk.open_exceptions("REFUND_RECOVERY") == []
        refund_desk.shop.clock.forward(days=28)
        assert await refund_desk.desk.expire() == 1
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == [f"Refund:{refund['id']}"]
    assert await reconcile(refund_desk.database) == []


async def test_missing_units_whose_refund_was_not_sent_leave_it(refund_desk: RefundDesk) -> None:
    a_return = await refund_desk.desk.requested(("TEE-M", 8))
    await refund_desk.desk.receive(a_return, ("TEE-M", 5), complete=True)
    found = [(each["status"], each["amount_minor"]) for each in await refund_desk.refunds()]
    assert sorted(found) == [("APPROVED", 5000), ("CANCELLED", 8000)]
    await refund_desk.pay()
    refund_desk.shop.clock.forward(seconds=1)
    # A missing unit that comes late is refunded then.
    assert not (await refund_desk.desk.receive(a_return, ("TEE-M", 3))).refusals
    amounts = [each["amount_minor"] for each in await refund_desk.refunds()]
    assert sorted(amounts) == [3000, 5000, 8000]
    assert await reconcile(refund_desk.database) == []


async def test_a_refund_that_the_gateway_contradicts_binds_its_return(
    refund_desk: RefundDesk,
) -> None:
    refund_desk.gateway.answers = [FAILED]
    a_return = await refund_desk.desk.requested(("TEE-M", 8))
    await refund_desk.pay()
    [refund] = await refund_desk.refunds()
    await refund_desk.receive_webhook(refund, Told.SUCCEEDED)
    refused = await refund_desk.desk.cancel(a_return)
    assert [each.code for each in refused.refusals] == ["ILLEGAL_TRANSITION"]
    # It may have been paid, so it is not withdrawn when the return expires.
    refund_desk.shop.clock.forward(days=28)
    assert await refund_desk.desk.expire() == 1
    assert await refund_desk.status(refund) == "FAILED"
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == [f"Refund:{refund['id']}"]
    assert await reconcile(refund_desk.database) == []


async def debts(refund_desk: RefundDesk) -> tuple[int, list[str]]:
    """Debts of customers, and the kinds of open exceptions about refunds."""
    kinds = ("REFUND_RECOVERY", "REFUND_OVERDUE")
    found = [kind for kind in kinds if await refund_desk.open_exceptions(kind)]
    assert await reconcile(refund_desk.database) == []
    return (await refund_desk.balances()).get("receivables", 0), found


async def test_the_debt_of_an_expired_return_is_owed_again(refund_desk: RefundDesk) -> None:
    a_return = await refund_desk.desk.requested(("TEE-M", 8), payments=())
    [refund] = await refund_desk.refunds()
    assert (refund["status"], refund["amount_minor"]) == ("SUCCEEDED", 0)
    assert await debts(refund_desk) == (0, [])
    refund_desk.shop.clock.forward(days=28)
    assert await refund_desk.desk.expire() == 1
    assert await refund_desk.status(refund) == "REVERSED"
    assert await debts(refund_desk) == (8_000, [])
    assert not (await refund_desk.desk.receive(a_return, ("TEE-M", 8))).refusals
    assert [each["status"] for each in await refund_desk.refunds()] == ["REVERSED", "SUCCEEDED"]
    assert await debts(refund_desk) == (0, [])


async def test_the_debt_of_missing_units_is_owed_again(refund_desk: RefundDesk) -> None:
    a_return = await refund_desk.desk.requested(("TEE-M", 8), payments=())
    refund_desk.shop.clock.forward(seconds=1)  # the order of the refunds below
    await refund_desk.desk.receive(a_return, ("TEE-M", 5), complete=True)
    assert [each["status"] for each in await refund_desk.refunds()] == ["REVERSED", "SUCCEEDED"]
    assert await debts(refund_desk) == (3_000, [])


async def test_the_debt_of_units_sent_back_is_owed_again(database: Database) -> None:
    refund_desk = await open_refund_desk(database)
    a_return = await received(refund_desk, 2, payments=())
    await inspected(refund_desk, a_return, 2, "DAMAGED", "QUARANTINE")
    assert await debts(refund_desk) == (1_000, [])
    await sent_back(refund_desk, a_return, 2, "DAMAGED")
    assert [each["status"] for each in await refund_desk.refunds()] == ["REVERSED"]
    assert await debts(refund_desk) == (2_000, [])
    assert await refund_desk.desk.status(a_return) == "CLOSED"
