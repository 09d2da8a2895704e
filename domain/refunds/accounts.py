"""The customer's account of an order: money paid ahead, and money owed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CustomerAccount:
    """Deposit or debt of an order's customer; at most one of the two is not 0."""

    deposit_minor: int = 0
    receivable_minor: int = 0

    def credited(self, minor: int) -> "CustomerAccount":
        """The account after a credit, or a debit if it is negative: debts fall first."""
        balance = self.deposit_minor - self.receivable_minor + minor
        return CustomerAccount(max(0, balance), max(0, -balance))


def refundable_part(kept_minor: int, live_minor: int, value_minor: int) -> int:
    """The part of undone units' value that is paid back: money beyond what is still owed.

    `kept_minor`: payments less refunds. `live_minor`: the value of the order without these units.
    The rest of the value was never paid and lowers the debt.
    """
    return max(0, min(value_minor, kept_minor - live_minor))
