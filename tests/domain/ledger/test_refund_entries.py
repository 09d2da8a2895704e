from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.accounts import Account
from domain.ledger.entries import LedgerEntry, Occasion
from domain.ledger.refund_entries import refund_decided, refund_paid
from domain.policies.refunds import Tender
from domain.refunds.accounts import CustomerAccount
from domain.refunds.parts import Parts, RefundValue
from domain.values.money import Money

WHEN = Occasion("R-1", datetime(2026, 3, 1, tzinfo=UTC))


def amounts(entry: LedgerEntry) -> dict[str, int]:
    """Debit minus credit per account."""
    return {line.account: line.debit_minor - line.credit_minor for line in entry.lines}


NO_DEBT = CustomerAccount()


def test_a_decided_refund_takes_back_the_sale_and_owes_the_rest() -> None:
    value = RefundValue(Parts(1000, 200, 500, 100), fee_minor=50)
    assert amounts(refund_decided(value, "GBP", WHEN, before=NO_DEBT, after=NO_DEBT)) == {
        Account.SALES_RETURNS: 1000,
        Account.TAX_PAYABLE: 300,
        Account.SHIPPING_INCOME: 500,
        Account.REFUND_LIABILITY: -1750,
        Account.RESTOCKING_FEES: -50,
    }


def test_what_was_never_paid_lowers_the_debt_then_is_a_deposit() -> None:
    value = RefundValue(Parts(1000, 200), unpaid_minor=900)
    before = CustomerAccount(0, 700)
    after = before.credited(900)
    assert amounts(refund_decided(value, "GBP", WHEN, before=before, after=after)) == {
        Account.SALES_RETURNS: 1000,
        Account.TAX_PAYABLE: 200,
        Account.RECEIVABLES: -700,
        Account.CUSTOMER_DEPOSITS: -200,
        Account.REFUND_LIABILITY: -300,
    }


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_what_is_owed_already_is_not_owed_again(items: int, owed: int) -> None:
    value = RefundValue(Parts(items), owed_minor=owed)
    entry = refund_decided(value, "GBP", WHEN, before=NO_DEBT, after=NO_DEBT)
    assert amounts(entry).get(Account.REFUND_LIABILITY, 0) == -items
    assert entry.is_empty == (items == 0)


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
