"""Journal entries of refunds: a liability when decided, cleared when paid out.

The refund of a cancellation is a liability since the cancellation, so deciding it posts nothing.
"""

from domain.ledger.accounts import Account
from domain.ledger.entries import LedgerEntry, Occasion, credit, debit, transfer
from domain.policies.refunds import Tender
from domain.refunds.breakdowns import Breakdown, ComponentKind
from domain.values.money import Money

_K = ComponentKind


def refund_decided(
    breakdown: Breakdown, currency: str, occasion: Occasion, *, owed_minor: int = 0
) -> LedgerEntry:
    """Goods, tax and shipping are reversed; the amount without the fee becomes a liability.

    `owed_minor`: the part of the amount that a cancellation already owes; it posts nothing.
    """

    def of(*kinds: ComponentKind) -> Money:
        return Money(breakdown.total_of(*kinds), currency)

    returned = of(_K.ITEMS, _K.GOODWILL)
    lines = [
        *debit(Account.SALES_RETURNS, returned - Money(owed_minor, currency)),
        *debit(Account.TAX_PAYABLE, of(_K.TAX, _K.SHIPPING_TAX)),
        *debit(Account.SHIPPING_INCOME, of(_K.SHIPPING)),
        *credit(Account.REFUND_LIABILITY, Money(breakdown.amount_minor - owed_minor, currency)),
        *credit(Account.RESTOCKING_FEES, -of(_K.RESTOCKING_FEE)),
    ]
    memo = f"Refund of {Money(breakdown.amount_minor, currency)} on order {occasion.reference}"
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


def already_owed(components_minor: int, unclaimed_minor: int) -> int:
    """The part of a goodwill refund that a cancellation already owes and no refund has claimed."""
    return min(components_minor, max(0, unclaimed_minor))
