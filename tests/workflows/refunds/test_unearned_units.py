"""Refunds of units that do not stay are withdrawn, or recovered if they were sent."""

import pytest

from domain.policies.policies import PolicyKind
from integrations.errors import IntegrationTimeout
from models.database.database import Database
from tests.builders.inspected_returns import amounts, inspected, received, refund_rules, sent_back
from tests.builders.refunds import FAILED, FIONA, RefundDesk, open_refund_desk
from tests.builders.tampering import tamper
from tests.builders.transactions import rows
from workflows.ledger.reconciliation import reconcile


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


async def test_a_decided_refund_that_was_not_sent_is_reduced(refund_desk: RefundDesk) -> None:
    await refund_desk.shop.publish(PolicyKind.REFUND, refund_rules("INSPECTED", approvers=1))
    a_return = await received(refund_desk, 3)
    await inspected(refund_desk, a_return, 3, "NEW", "QUARANTINE")
    assert await amounts(refund_desk) == [("NEEDS_APPROVAL", 3000)]
    await sent_back(refund_desk, a_return, 1, "NEW")
    assert await amounts(refund_desk) == [("CANCELLED", 3000), ("NEEDS_APPROVAL", 2000)]
    cancelled = (await refund_desk.refunds())[0]
    assert "sent back to the customer" in cancelled["closing_note"]
    await sent_back(refund_desk, a_return, 2, "NEW")
    assert [status for status, _ in await amounts(refund_desk)] == ["CANCELLED"] * 2
    assert await refund_desk.desk.status(a_return) == "CLOSED"
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == []
    assert await reconcile(refund_desk.database) == []


async def test_an_approved_refund_is_cancelled_and_its_debt_reversed(
    refund_desk: RefundDesk,
) -> None:
    a_return = await received(refund_desk, 2)
    await inspected(refund_desk, a_return, 1, "USED", "QUARANTINE")
    await inspected(refund_desk, a_return, 1, "NEW", "RESTOCK")
    assert await amounts(refund_desk) == [("APPROVED", 800), ("APPROVED", 1000)]
    await sent_back(refund_desk, a_return, 1, "USED")
    # The refund of the unit that was restocked stays.
    assert await amounts(refund_desk) == [("CANCELLED", 800), ("APPROVED", 1000)]
    balances = await refund_desk.balances()
    assert (balances["refund_liability"], balances["sales_returns"]) == (-1000, 1000)
    assert await refund_desk.pay() == 1
    assert await refund_desk.desk.status(a_return) == "CLOSED"
    assert await reconcile(refund_desk.database) == []


async def test_a_failed_refund_is_cancelled(refund_desk: RefundDesk) -> None:
    refund_desk.gateway.answers = [FAILED]
    a_return = await received(refund_desk, 1)
    await inspected(refund_desk, a_return, 1, "NEW", "QUARANTINE")
    await refund_desk.pay()
    assert await amounts(refund_desk) == [("FAILED", 1000)]
    await sent_back(refund_desk, a_return, 1, "NEW")
    assert await amounts(refund_desk) == [("CANCELLED", 1000)]
    assert "refund_liability" not in await refund_desk.balances()
    assert await reconcile(refund_desk.database) == []


@pytest.mark.parametrize("is_answered", [True, False])
async def test_a_paid_refund_of_a_unit_that_goes_back_is_recovered(
    refund_desk: RefundDesk, is_answered: bool
) -> None:
    if not is_answered:
        refund_desk.gateway.answers = [IntegrationTimeout("silent")]
    a_return = await received(refund_desk, 2)
    await inspected(refund_desk, a_return, 2, "NEW", "QUARANTINE")
    await refund_desk.pay()
    [paid] = await refund_desk.refunds()
    assert paid["status"] == ("SUCCEEDED" if is_answered else "UNKNOWN")
    await sent_back(refund_desk, a_return, 1, "NEW")
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == [f"Refund:{paid['id']}"]
    await sent_back(refund_desk, a_return, 1, "NEW")
    [exception] = await rows(
        refund_desk.database,
        "SELECT * FROM operational_exception WHERE kind = 'REFUND_RECOVERY'",
    )
    assert (exception["severity"], exception["owner_role"]) == ("HIGH", "FINANCE")
    assert (exception["due_at"] - exception["opened_at"]).days == 3
    assert exception["occurrences"] == 2
    assert await amounts(refund_desk) == [(paid["status"], 2000)]
    assert await reconcile(refund_desk.database) == []


async def test_an_unknown_refund_that_was_never_paid_needs_no_recovery(
    refund_desk: RefundDesk,
) -> None:
    refund_desk.gateway.answers = [IntegrationTimeout("silent")]
    a_return = await received(refund_desk, 1)
    await inspected(refund_desk, a_return, 1, "NEW", "QUARANTINE")
    await refund_desk.pay()
    [refund] = await refund_desk.refunds()
    await sent_back(refund_desk, a_return, 1, "NEW")
    assert not (await refund_desk.settle(refund, succeeded=False, by=FIONA)).refusals
    assert not (await refund_desk.cancel(refund)).refusals
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == []
    assert await reconcile(refund_desk.database) == []


BREAKS = {
    "refunds to be paid are for units that stay": (
        "NEEDS_APPROVAL",
        "expected at most 1 units to be paid, found 2",
    ),
    "paid units that do not stay are recovered": (
        "SUCCEEDED",
        "expected REFUND_RECOVERY, found 1 paid units that do not stay",
    ),
}


@pytest.mark.parametrize("proof", BREAKS)
async def test_the_proofs_find_units_that_were_sent_back(
    refund_desk: RefundDesk, proof: str
) -> None:
    status, line = BREAKS[proof]
    approvers = 1 if status == "NEEDS_APPROVAL" else 0
    await refund_desk.shop.publish(
        PolicyKind.REFUND, refund_rules("INSPECTED", approvers=approvers)
    )
    a_return = await received(refund_desk, 2)
    await inspected(refund_desk, a_return, 2, "NEW", "QUARANTINE")
    await refund_desk.pay()
    assert await amounts(refund_desk) == [(status, 2000)]
    [group] = await refund_desk.desk.groups(a_return)
    await refund_desk.desk.dispose(group["id"], 1, "SCRAP")
    assert await reconcile(refund_desk.database) == []
    await tamper(
        refund_desk.database.url,
        "UPDATE return_item SET disposition = 'RETURN_TO_CUSTOMER' WHERE state = 'DISPOSED'",
    )
    found = [str(each) for each in await reconcile(refund_desk.database)]
    assert [text for text in found if text.startswith(proof) and line in text], found
