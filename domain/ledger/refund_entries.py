"""Journal entries of refunds: a liability when decided, cleared when paid out.

The refund of a cancellation is a liability since the cancellation, so deciding it posts nothing.
"""

from domain.ledger.accounts import Account
from domain.ledger.entries import LedgerEntry, Occasion, account_change, credit, debit, transfer
from domain.policies.refunds import Tender
from domain.refunds.accounts import CustomerAccount
from domain.refunds.parts import RefundValue
from domain.values.money import Money


def refund_decided(
    value: RefundValue,
    currency: str,
    occasion: Occasion,
    *,
    before: CustomerAccount,
    after: CustomerAccount,
) -> LedgerEntry:
    """Goods, tax and shipping are reversed; the amount becomes a liability, the fee stays.

    The unpaid part changes the customer's account from `before` to `after`. The part that a
    cancellation already owes posts nothing.
    """

    def of(minor: int) -> Money:
        return Money(minor, currency)

    parts = value.parts
    lines = [
        *debit(Account.SALES_RETURNS, of(parts.items_minor)),
        *debit(Account.TAX_PAYABLE, of(parts.tax_minor + parts.shipping_tax_minor)),
        *debit(Account.SHIPPING_INCOME, of(parts.shipping_minor)),
        *account_change(before, after, currency),
        *credit(Account.REFUND_LIABILITY, of(value.amount_minor - value.owed_minor)),
        *credit(Account.RESTOCKING_FEES, of(value.fee_minor)),
    ]
    memo = f"Refund of {of(value.amount_minor)} on order {occasion.reference}"
    return LedgerEntry(memo, occasion.reference, occasion.at, tuple(lines))


def refund_paid(amount: Money, tender: Tender, occasion: Occasion) -> LedgerEntry:
    """The liability was paid back to the payment, or converted to store credit."""
    is_credit = tender is Tender.STORE_CREDIT
    how = "Gave store credit of" if is_credit else "Paid back"
    return transfer(
        f"{how} {amount} on order {occasion.reference}",
        occasion,
        amount,
        to=Account.REFUND_LIABILITY,
        from_=Account.STORE_CREDIT_LIABILITY if is_credit else Account.PAYMENTS_CLEARING,
    )


def refund_overpaid(amount: Money, occasion: Occasion) -> LedgerEntry:
    """Money was paid back that no refund accounts for: the customer owes it."""
    return transfer(
        f"Paid back {amount} too much on order {occasion.reference}",
        occasion,
        amount,
        to=Account.RECEIVABLES,
        from_=Account.PAYMENTS_CLEARING,
    )


def charged_back(amount: Money, occasion: Occasion) -> LedgerEntry:
    """The customer's bank took a payment back: the customer owes the amount again."""
    return transfer(
        f"Charged back {amount} on order {occasion.reference}",
        occasion,
        amount,
        to=Account.RECEIVABLES,
        from_=Account.PAYMENTS_CLEARING,
    )
