"""Refunds bind their return: after the money is decided or paid, the units must come back."""

import pytest

from domain.access.callers import Role, holder
from domain.policies.policies import PolicyKind
from integrations.errors import IntegrationError
from models.database.database import Database
from tests.builders.inspected_returns import refund_rules
from tests.builders.refunds import PENDING, RefundDesk, open_refund_desk
from tests.builders.transactions import counts
from workflows.ledger.reconciliation import reconcile

STOREFRONT = holder(Role.STOREFRONT, actor="shop", channels=frozenset({"web"}))
TABLES = ("customer_return", "return_item", "refund", "journal_entry", "event", "stock_movement")


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    """A store that refunds as soon as a return is authorized."""
    desk = await open_refund_desk(database)
    await desk.shop.publish(PolicyKind.REFUND, refund_rules("AUTHORIZED"))
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
        refund_desk.gateway.answers = [IntegrationError("timeout")]
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
    await refund_desk.shop.publish(PolicyKind.REFUND, refund_rules("AUTHORIZED", approvers=1))
    a_return = await refund_desk.desk.requested(("TEE-M", 8))
    [refund] = await refund_desk.refunds()
    assert refund["status"] == "NEEDS_APPROVAL"
    assert not (await refund_desk.desk.cancel(a_return, by=STOREFRONT)).refusals
    assert await refund_desk.status(refund) == "CANCELLED"
    late = await refund_desk.approve(refund)
    assert [each.code for each in late.refusals] == ["ILLEGAL_TRANSITION"]
    assert await reconcile(refund_desk.database) == []
