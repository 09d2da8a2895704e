"""Units that do not stay bring no refund: sent back, missing, or of an expired return."""

from typing import Any

import orjson
import pytest

from domain.policies.dispositions import Disposition
from domain.policies.policies import PolicyKind
from integrations.payments.gateway import GatewayTimeout
from models.database.database import Database
from tests.builders.refunds import FAILED, FIONA, RefundDesk, open_refund_desk
from tests.builders.store import pounds
from tests.builders.tampering import tamper
from tests.builders.transactions import rows
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome


def rules(*evidence: str, approvers: int = 0) -> dict[str, Any]:
    """A REFUND policy with this evidence, and this number of approvers for any amount."""
    return {
        "evidence": list(evidence),
        "deductions": {"USED": 0.2},
        "approvalFor": [],
        "bands": {"GBP": [{"upTo": None, "approvers": approvers}]},
    }


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


async def returned(refund_desk: RefundDesk, units: int, **facts: Any) -> Outcome:
    """A return with all units received."""
    a_return = await refund_desk.desk.requested(("TEE-M", units), **facts)
    await refund_desk.desk.receive(a_return, ("TEE-M", units))
    return a_return


async def inspect(
    refund_desk: RefundDesk, a_return: Outcome, units: int, grade: str, disposition: str
) -> None:
    refund_desk.shop.clock.forward(seconds=1)
    groups = await refund_desk.desk.groups(a_return)
    group = next(each for each in groups if each["state"] == "RECEIVED")
    found = (group["id"], units, grade)
    outcome = await refund_desk.desk.inspect(a_return, found, disposition=Disposition(disposition))
    assert not outcome.refusals, outcome.refusals


async def send_back(refund_desk: RefundDesk, a_return: Outcome, units: int, grade: str) -> None:
    """Send units that are in quarantine back to the customer."""
    refund_desk.shop.clock.forward(seconds=1)
    groups = await refund_desk.desk.groups(a_return)
    group = next(
        each for each in groups if each["state"] == "INSPECTED" and each["condition"] == grade
    )
    outcome = await refund_desk.desk.dispose(group["id"], units, "RETURN_TO_CUSTOMER")
    assert not outcome.refusals, outcome.refusals


async def amounts(refund_desk: RefundDesk) -> list[tuple[str, int]]:
    return [(each["status"], each["amount_minor"]) for each in await refund_desk.refunds()]


def reasons(refund: dict[str, Any]) -> str:
    return " ".join(orjson.loads(refund["decision"])["reasons"])


async def test_a_unit_of_50_that_goes_back_to_its_customer_brings_nothing(
    refund_desk: RefundDesk,
) -> None:
    a_return = await returned(refund_desk, 5)
    before = await refund_desk.balances()
    await inspect(refund_desk, a_return, 5, "NEW", "RETURN_TO_CUSTOMER")
    [refund] = await refund_desk.refunds()
    assert refund["amount_minor"] == 0
    assert "The units go back to the customer: they bring no refund." in reasons(refund)
    assert await refund_desk.pay() == 0
    assert refund_desk.gateway.sent == []
    assert await refund_desk.desk.status(a_return) == "CLOSED"
    after = await refund_desk.balances()
    assert {"sales_returns", "refund_liability"}.isdisjoint(after)
    cost = before["inventory_in_quality_control"]
    assert after.get("inventory_in_quality_control") is None
    assert after["cost_of_goods_sold"] == before.get("cost_of_goods_sold", 0) + cost
    again = await refund_desk.desk.request(
        Outcome(refs={"order": str(refund["order_id"])}), ("TEE-M", 1)
    )
    assert [each.code for each in again.refusals] == ["OVER_RETURN"]
    assert await reconcile(refund_desk.database) == []


async def test_the_other_units_keep_their_share_and_the_shipping_stays(
    refund_desk: RefundDesk,
) -> None:
    order = await refund_desk.desk.sold(("TEE-M", 2), shipping=pounds("5.00"))
    a_return = await refund_desk.desk.request(order, ("TEE-M", 2))
    await refund_desk.desk.receive(a_return, ("TEE-M", 2))
    await inspect(refund_desk, a_return, 1, "USED", "RETURN_TO_CUSTOMER")
    await inspect(refund_desk, a_return, 1, "NEW", "RESTOCK")
    assert [minor for _, minor in await amounts(refund_desk)] == [0, 1000]
    await refund_desk.pay()
    assert await refund_desk.desk.status(a_return) == "CLOSED"
    assert await reconcile(refund_desk.database) == []


async def test_a_decided_refund_that_was_not_sent_is_reduced(refund_desk: RefundDesk) -> None:
    await refund_desk.shop.publish(PolicyKind.REFUND, rules("INSPECTED", approvers=1))
    a_return = await returned(refund_desk, 3)
    await inspect(refund_desk, a_return, 3, "NEW", "QUARANTINE")
    assert await amounts(refund_desk) == [("NEEDS_APPROVAL", 3000)]
    await send_back(refund_desk, a_return, 1, "NEW")
    assert await amounts(refund_desk) == [("CANCELLED", 3000), ("NEEDS_APPROVAL", 2000)]
    cancelled = (await refund_desk.refunds())[0]
    assert "sent back to the customer" in cancelled["closing_note"]
    await send_back(refund_desk, a_return, 2, "NEW")
    assert [status for status, _ in await amounts(refund_desk)] == ["CANCELLED"] * 2
    assert await refund_desk.desk.status(a_return) == "CLOSED"
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == []
    assert await reconcile(refund_desk.database) == []


async def test_an_approved_refund_is_cancelled_and_its_debt_reversed(
    refund_desk: RefundDesk,
) -> None:
    a_return = await returned(refund_desk, 2)
    await inspect(refund_desk, a_return, 1, "USED", "QUARANTINE")
    await inspect(refund_desk, a_return, 1, "NEW", "RESTOCK")
    assert await amounts(refund_desk) == [("APPROVED", 800), ("APPROVED", 1000)]
    await send_back(refund_desk, a_return, 1, "USED")
    # The refund of the unit that was restocked stays.
    assert await amounts(refund_desk) == [("CANCELLED", 800), ("APPROVED", 1000)]
    balances = await refund_desk.balances()
    assert (balances["refund_liability"], balances["sales_returns"]) == (-1000, 1000)
    assert await refund_desk.pay() == 1
    assert await refund_desk.desk.status(a_return) == "CLOSED"
    assert await reconcile(refund_desk.database) == []


async def test_a_failed_refund_is_cancelled(refund_desk: RefundDesk) -> None:
    refund_desk.gateway.answers = [FAILED]
    a_return = await returned(refund_desk, 1)
    await inspect(refund_desk, a_return, 1, "NEW", "QUARANTINE")
    await refund_desk.pay()
    assert await amounts(refund_desk) == [("FAILED", 1000)]
    await send_back(refund_desk, a_return, 1, "NEW")
    assert await amounts(refund_desk) == [("CANCELLED", 1000)]
    assert "refund_liability" not in await refund_desk.balances()
    assert await reconcile(refund_desk.database) == []


@pytest.mark.parametrize("is_answered", [True, False])
async def test_a_paid_refund_of_a_unit_that_goes_back_is_recovered(
    refund_desk: RefundDesk, is_answered: bool
) -> None:
    if not is_answered:
        refund_desk.gateway.answers = [GatewayTimeout("silent")]
    a_return = await returned(refund_desk, 2)
    await inspect(refund_desk, a_return, 2, "NEW", "QUARANTINE")
    await refund_desk.pay()
    [paid] = await refund_desk.refunds()
    assert paid["status"] == ("SUCCEEDED" if is_answered else "UNKNOWN")
    await send_back(refund_desk, a_return, 1, "NEW")
    assert await refund_desk.open_exceptions("REFUND_RECOVERY") == [f"Refund:{paid['id']}"]
    await send_back(refund_desk, a_return, 1, "NEW")
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
    refund_desk.gateway.answers = [GatewayTimeout("silent")]
    a_return = await returned(refund_desk, 1)
    await inspect(refund_desk, a_return, 1, "NEW", "QUARANTINE")
    await refund_desk.pay()
    [refund] = await refund_desk.refunds()
    await send_back(refund_desk, a_return, 1, "NEW")
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
    await refund_desk.shop.publish(PolicyKind.REFUND, rules("INSPECTED", approvers=approvers))
    a_return = await returned(refund_desk, 2)
    await inspect(refund_desk, a_return, 2, "NEW", "QUARANTINE")
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
