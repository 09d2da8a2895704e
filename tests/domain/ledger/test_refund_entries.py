from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.accounts import Account
from domain.ledger.entries import LedgerEntry, Occasion
from domain.ledger.refund_entries import already_owed, refund_decided, refund_paid
from domain.policies.refunds import Tender
from domain.refunds.breakdowns import Breakdown, Component, ComponentKind, goodwill
from domain.values.money import Money

WHEN = Occasion("R-1", datetime(2026, 3, 1, tzinfo=UTC))
_K = ComponentKind


def amounts(entry: LedgerEntry) -> dict[str, int]:
    """Debit minus credit per account."""
    return {line.account: line.debit_minor - line.credit_minor for line in entry.lines}


def test_a_decided_refund_takes_back_the_sale_and_owes_the_rest() -> None:
    parts = (
        Component(_K.ITEMS, 1000),
        Component(_K.TAX, 200),
        Component(_K.SHIPPING, 500),
        Component(_K.SHIPPING_TAX, 100),
        Component(_K.RESTOCKING_FEE, -50),
    )
    assert amounts(refund_decided(Breakdown(parts), "GBP", WHEN)) == {
        Account.SALES_RETURNS: 1000,
        Account.TAX_PAYABLE: 300,
        Account.SHIPPING_INCOME: 500,
        Account.REFUND_LIABILITY: -1750,
        Account.RESTOCKING_FEES: -50,
    }


@given(st.integers(1, 10**9), st.integers(0, 10**9))
def test_what_is_owed_already_is_not_owed_again(amount: int, unclaimed: int) -> None:
    owed = already_owed(amount, unclaimed)
    entry = refund_decided(goodwill(Money(amount, "GBP"), "x"), "GBP", WHEN, owed_minor=owed)
    assert 0 <= owed <= min(amount, unclaimed)
    assert amounts(entry).get(Account.REFUND_LIABILITY, 0) == owed - amount
    assert entry.is_empty == (owed == amount)


@pytest.mark.parametrize(
    ("tender", "account"),
    [
        (Tender.ORIGINAL_PAYMENT, Account.PAYMENTS_CLEARING),
        (Tender.STORE_CREDIT, Account.STORE_CREDIT_LIABILITY),
    ],
)
def test_paying_out_settles_the_debt(tender: Tender, account: Account) -> None:
    entry = refund_paid(Money(1750, "GBP"), tender, WHEN)
    assert amounts(entry) == {Account.REFUND_LIABILITY: 1750, account: -1750}
