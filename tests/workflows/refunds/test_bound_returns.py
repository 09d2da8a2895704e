"""Refunds bind their return: after the money is decided or paid, the units must come back."""

from typing import Any

import pytest

from domain.access.callers import Role, holder
from domain.policies.policies import PolicyKind
from integrations.payments.gateway import GatewayError
from models.database.database import Database
from tests.builders.refunds import PENDING, RefundDesk, open_refund_desk
from tests.builders.transactions import counts
from workflows.ledger.reconciliation import reconcile

STOREFRONT = holder(Role.STOREFRONT, actor="shop", channels=frozenset({"web"}))
TABLES = ("customer_return", "return_item", "refund", "journal_entry", "event", "stock_movement")


def rules(*evidence: str, approvers: int = 0) -> dict[str, Any]:
    """A REFUND policy with this evidence, and this number of approvers for any amount."""
    return {
        "evidence": list(evidence),
        "deductions": {},
        "approvalFor": [],
        "bands": {"GBP": [{"upTo": None, "approvers": approvers}]},
    }


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    """A store that refunds as soon as a return is authorized."""
    desk = await open_refund_desk(database)
    await desk.shop.publish(PolicyKind.REFUND, rules("AUTHORIZED"))
    return desk


@pytest.mark.parametrize("status", ["APPROVED", "PROCESSING", "UNKNOWN", "SUCCEEDED"])
async def test_a_return_with_a_refund_of_80_cannot_be_cancelled(
    refund_desk: RefundDesk, status: str
) -> None:
    a_return = await refund_desk.desk.requested(("TEE-M", 8))
    [refund] = await refund_desk.refunds()
    assert refund["amount_minor"] == 8000
    if status == "PROCESSING":
        refund_desk.gateway.answers = [PENDING]
    if status == "UNKNOWN":
        refund_desk.gateway.answers = [GatewayError("timeout")]
    if status != "APPROVED":
        await refund_desk.pay()
    assert await refund_desk.status(refund) == status
    before = await counts(refund_desk.database, *TABLES)
    refused = await refund_desk.desk.cancel(a_return, by=STOREFRONT)
    assert [(each.code, each.field) for each in refused.refusals] == [
        ("ILLEGAL_TRANSITION", ("id",))
    ]
    assert refused.refusals[0].details["refund"] == status
    assert refused.refusals[0].details["allowed"] == [
        "EXPIRED",
        "IN_TRANSIT",
        "PARTIALLY_RECEIVED",
        "RECEIVED",
    ]
    assert await counts(refund_desk.database, *TABLES) == before
    assert await refund_desk.desk.status(a_return) == "AUTHORIZED"
    assert await reconcile(refund_desk.database) == []


async def test_after_the_refund_is_cancelled_the_return_can_be_cancelled(
    refund_desk: RefundDesk,
) -> None:
    a_return = await refund_desk.desk.requested(("TEE-M", 8))
    [refund] = await refund_desk.refunds()
    assert not (await refund_desk.cancel(refund)).refusals
    assert not (await refund_desk.desk.cancel(a_return)).refusals
    assert await refund_desk.desk.status(a_return) == "CANCELLED"
    assert await refund_desk.pay() == 0


async def test_a_refund_that_waits_for_an_approval_ends_with_the_cancelled_return(
    refund_desk: RefundDesk,
) -> None:
    await refund_desk.shop.publish(PolicyKind.REFUND, rules("AUTHORIZED", approvers=1))
    a_return = await refund_desk.desk.requested(("TEE-M", 8))
    [refund] = await refund_desk.refunds()
    assert refund["status"] == "NEEDS_APPROVAL"
    assert not (await refund_desk.desk.cancel(a_return, by=STOREFRONT)).refusals
    assert await refund_desk.status(refund) == "CANCELLED"
    late = await refund_desk.approve(refund)
    assert [each.code for each in late.refusals] == ["ILLEGAL_TRANSITION"]
    assert await reconcile(refund_desk.database) == []


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
