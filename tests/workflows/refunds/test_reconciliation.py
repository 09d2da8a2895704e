"""Reconciliation of refunds: no difference by itself, one line for each manipulation."""

import pytest

from integrations.errors import IntegrationTimeout
from models.database.database import Database
from tests.builders.refunds import FAILED, SUCCEEDED, RefundDesk, open_refund_desk
from tests.builders.tampering import tamper
from workflows.ledger.reconciliation import reconcile


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    """Refunds of every kind: paid, failed, unknown, waiting, cancelled."""
    refund_desk = await open_refund_desk(database)
    cancelled = await refund_desk.shop.place(("TEE-L", 2), reference="W-0")
    await refund_desk.shop.cancel(cancelled)
    order = await refund_desk.desk.sold(("TEE-M", 5))
    for answer in (SUCCEEDED, FAILED, IntegrationTimeout("silent")):
        refund_desk.gateway.answers = [answer]
        await refund_desk.approve(await refund_desk.create(order, "1.00"))
        await refund_desk.pay()
        refund_desk.shop.clock.forward(seconds=1)
    await refund_desk.reject(await refund_desk.create(order, "2.00"))
    a_return = await refund_desk.desk.requested(("TEE-S", 2), reference="W-2")
    await refund_desk.desk.receive(a_return, ("TEE-S", 2))
    [group] = await refund_desk.desk.groups(a_return)
    await refund_desk.desk.inspect(a_return, (group["id"], 1, "USED"))
    return refund_desk


async def found_in(refund_desk: RefundDesk) -> list[str]:
    """Differences except those of event positions: no sequencer runs here."""
    return [
        str(each) for each in await reconcile(refund_desk.database) if "position" not in each.proof
    ]


async def test_honest_refunds_leave_no_difference(refund_desk: RefundDesk) -> None:
    assert await found_in(refund_desk) == []


PAID = "(SELECT MIN(CAST(id AS text)) FROM refund WHERE status = 'SUCCEEDED' AND kind = 'GOODWILL')"
IS_PAID = f"CAST(id AS text) = {PAID}"
OF_PAID = f"CAST(refund_id AS text) = {PAID}"

# name → (manipulating statements, the proof that detects them, its line)
BREAKS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a refund above its payment": (
        (f"UPDATE refund SET amount_minor = 9999 WHERE {IS_PAID}",),
        "refunds are within their payment",
        "expected at most 5000, found 10",
    ),
    "what a payment bears": (
        ("UPDATE order_payment SET drawn_minor = drawn_minor - 1 WHERE drawn_minor > 0",),
        "drawn on payments = refunds",
        "found 299",
    ),
    "a refund that is not owed": (
        ("UPDATE refund SET amount_minor = amount_minor + 1 WHERE status = 'FAILED'",),
        "refund liability = open refunds",
        "refund_liability GBP: expected",
    ),
    "a cancelled return whose refund is paid": (
        (
            f"UPDATE refund SET return_id = (SELECT id FROM customer_return), kind = 'RETURN'"
            f" WHERE {IS_PAID}",
            "UPDATE customer_return SET status = 'CANCELLED'",
        ),
        "a cancelled return has no refund",
        "expected no refund, found SUCCEEDED 100",
    ),
    "a second attempt under way": (
        (
            "DROP INDEX refund_attempt_unsettled",
            "INSERT INTO refund_attempt (id, refund_id, attempt_no, key, state, created_at,"
            " created_by, next_at) SELECT order_id, id, 2, 'other', 'OPEN', created_at, 'x',"
            " created_at FROM refund WHERE status = 'UNKNOWN'",
        ),
        "one unsettled attempt per refund",
        "expected at most 1 unsettled, found 2",
    ),
    "a second attempt that paid": (
        (
            "DROP INDEX refund_attempt_paid",
            "INSERT INTO refund_attempt (id, refund_id, attempt_no, key, state, created_at,"
            " created_by, sent_at, settled_at, next_at) SELECT order_id, id, 2, 'other',"
            " 'SUCCEEDED', created_at, 'x', created_at, created_at, created_at FROM refund"
            f" WHERE {IS_PAID}",
        ),
        "one successful attempt per refund",
        "expected at most 1 that succeeded, found 2",
    ),
    "what an attempt came to": (
        (f"UPDATE refund_attempt SET state = 'FAILED' WHERE {OF_PAID}",),
        "refund status follows its last attempt",
        "expected FAILED, found SUCCEEDED",
    ),
    "a payout without an attempt": (
        (f"DELETE FROM refund_attempt WHERE {OF_PAID}",),
        "paid refunds have a successful attempt",
        "expected an attempt that succeeded, found none",
    ),
    "a contradiction without an alert": (
        (
            "UPDATE refund_attempt SET contradicted_as = 'SUCCEEDED', contradicted_at = settled_at"
            " WHERE state = 'FAILED'",
        ),
        "REFUND_UNKNOWN is open while an attempt is uncertain",
        "expected open, found none open",
    ),
    "an alert without a contradiction": (
        ("UPDATE operational_exception SET kind = 'REFUND_UNKNOWN'",),
        "REFUND_UNKNOWN is open while an attempt is uncertain",
        "expected none open, found open",
    ),
    "a payment that nobody owes": (
        (
            "UPDATE refund_attempt SET overpaid_entry_id = (SELECT e.id FROM journal_entry e"
            " WHERE e.memo LIKE 'Received%' ORDER BY e.memo LIMIT 1) WHERE state = 'SUCCEEDED'",
        ),
        "overpaid attempts are owed by the customer",
        "expected 100, found 0",
    ),
    "an approval that is gone": (
        (f"DELETE FROM refund_approval WHERE {OF_PAID}",),
        "refunds go on with enough approvals",
        "expected 1, found 0",
    ),
    "more units than were sold": (
        ("UPDATE refund_unit SET quantity = 3",),
        "refunded units are within their line",
        "expected at most 2 units, 2000, found 3 units",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_what_was_changed_is_named(refund_desk: RefundDesk, what: str) -> None:
    statements, proof, line = BREAKS[what]
    await tamper(refund_desk.database.url, *statements)
    found = await found_in(refund_desk)
    named = [text for text in found if text.startswith(f"{proof}: ")]
    assert any(line in text for text in named), found
