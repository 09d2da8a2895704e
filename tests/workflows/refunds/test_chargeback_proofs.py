"""Reconciliation of chargebacks: no difference by itself, one line for each manipulation."""

import pytest

from models.database.database import Database
from tests.builders.chargebacks import charge_back, sold
from tests.builders.refunds import open_refund_desk
from tests.builders.tampering import tamper
from workflows.ledger.reconciliation import reconcile

# name → (manipulating statements, the proof that detects them, its line)
BREAKS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a chargeback that nobody owes": (
        ("UPDATE payment_chargeback SET amount_minor = 400",),
        "chargebacks are owed by the customer",
        "chargeback of pay-7: expected 400 GBP, found 500 GBP",
    ),
    "more than was captured": (
        ("UPDATE order_payment SET amount_minor = 499 WHERE reference = 'pay-7'",),
        "chargebacks are owed by the customer",
        "chargebacks of pay-7: expected at most 499, found 500",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_what_was_changed_is_named(database: Database, what: str) -> None:
    refund_desk = await open_refund_desk(database)
    await sold(refund_desk)
    await charge_back(refund_desk, 500)
    assert await reconcile(database) == []
    statements, proof, line = BREAKS[what]
    await tamper(database.url, *statements)
    named = [str(each) for each in await reconcile(database) if each.proof == proof]
    assert any(line in text for text in named), named
