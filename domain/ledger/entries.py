"""Balanced journal entries, and the accounts that each stock or sales fact posts to.

An unbalanced entry cannot be created. Amounts of zero leave no line; an entry without lines
(`is_empty`) is not written. Costs are in the base currency and prices in the order's currency. One
entry may hold both, and balances in each currency.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.errors import PeriodNotOpen, UnbalancedEntry
from domain.ledger.accounts import Account, stock_account
from domain.refunds.accounts import CustomerAccount
from domain.refunds.parts import Parts
from domain.stock.states import StockState
from domain.values.money import Money

# The time resolution of both databases.
INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A debit or a credit of one account, in minor units; exactly one of them is not zero."""

    account: str
    currency: str
    debit_minor: int = 0
    credit_minor: int = 0

    def __post_init__(self) -> None:
        if min(self.debit_minor, self.credit_minor) < 0:
            raise ValueError("a negative debit is a credit")
        if bool(self.debit_minor) == bool(self.credit_minor):
            raise ValueError("a line is a debit or a credit")

    @property
    def opposite(self) -> "LedgerLine":
        """The same amount on the opposite side."""
        return LedgerLine(self.account, self.currency, self.credit_minor, self.debit_minor)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One fact in the journal; `effective_at` is its time, `reverses` the id of an earlier entry.

    Raises UnbalancedEntry if debits and credits of a currency differ.
    """

    memo: str
    reference: str
    effective_at: datetime
    lines: tuple[LedgerLine, ...]
    reverses: UUID | None = None

    def __post_init__(self) -> None:
        check_balance(self.lines)

    @property
    def is_empty(self) -> bool:
        """True if the fact moves no money."""
        return not self.lines


@dataclass(frozen=True, slots=True)
class Occasion:
    """The fact to be booked: a reference (an order number, a delivery note) and its time."""

    reference: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Sale:
    """The price of shipped units, in the order's currency; no part is negative.

    `deposit_minor`: the part that the customer's deposits cover (see `covered_by`). `cost`: the
    cost of the units, in the base currency.
    """

    currency: str
    goods_minor: int
    tax_minor: int
    shipping_minor: int
    deposit_minor: int
    cost: Money

    @property
    def total_minor(self) -> int:
        """The amount that the customer owes for the units."""
        return self.goods_minor + self.tax_minor + self.shipping_minor


def check_balance(lines: Iterable[LedgerLine]) -> None:
    """Raise UnbalancedEntry unless debits equal credits in every currency."""
    sums: dict[str, tuple[int, int]] = {}
    for line in lines:
        debit, credit = sums.get(line.currency, (0, 0))
        sums[line.currency] = (debit + line.debit_minor, credit + line.credit_minor)
    for currency, (debit, credit) in sums.items():
        if debit != credit:
            raise UnbalancedEntry(currency, debit, credit)


def debit(account: Account, amount: Money) -> list[LedgerLine]:
    """A debit of `amount`; no line if it is zero."""
    return [LedgerLine(account, amount.currency, amount.minor, 0)] if amount.minor else []


def credit(account: Account, amount: Money) -> list[LedgerLine]:
    """A credit of `amount`; no line if it is zero."""
    return [LedgerLine(account, amount.currency, 0, amount.minor)] if amount.minor else []


def transfer(
    memo: str, occasion: Occasion, amount: Money, *, to: Account, from_: Account
) -> LedgerEntry:
    """An entry that debits `to` and credits `from_`; empty if they are the same account."""
    lines = [] if to is from_ else [*debit(to, amount), *credit(from_, amount)]
    return LedgerEntry(memo, occasion.reference, occasion.at, tuple(lines))


def receipt(units: int, value: Money, occasion: Occasion) -> LedgerEntry:
    """Units were received from a supplier and are not invoiced yet."""
    return transfer(
        f"Received {_counted(units)}",
        occasion,
        value,
        to=Account.INVENTORY,
        from_=Account.GOODS_RECEIVED_NOT_INVOICED,
    )


def payment_captured(amount: Money, occasion: Occasion) -> LedgerEntry:
    """A customer paid for an order; the money is a deposit until the order ships."""
    return transfer(
        f"Captured {amount} for order {occasion.reference}",
        occasion,
        amount,
        to=Account.PAYMENTS_CLEARING,
        from_=Account.CUSTOMER_DEPOSITS,
    )


def shipment(units: int, sale: Sale, occasion: Occasion) -> LedgerEntry:
    """Units were shipped: revenue and cost of goods sold are recognized."""
    unpaid_minor = sale.total_minor - sale.deposit_minor
    lines = [
        *debit(Account.CUSTOMER_DEPOSITS, Money(sale.deposit_minor, sale.currency)),
        *debit(Account.RECEIVABLES, Money(unpaid_minor, sale.currency)),
        *credit(Account.SALES, Money(sale.goods_minor, sale.currency)),
        *credit(Account.TAX_PAYABLE, Money(sale.tax_minor, sale.currency)),
        *credit(Account.SHIPPING_INCOME, Money(sale.shipping_minor, sale.currency)),
        *debit(Account.COST_OF_GOODS_SOLD, sale.cost),
        *credit(Account.INVENTORY, sale.cost),
    ]
    memo = f"Shipped {_counted(units)} of order {occasion.reference}"
    return LedgerEntry(memo, occasion.reference, occasion.at, tuple(lines))


def adjusted_down(units: int, state: StockState, value: Money, occasion: Occasion) -> LedgerEntry:
    """Units in this state do not exist."""
    return transfer(
        f"Wrote down {_counted(units)} ({state})",
        occasion,
        value,
        to=Account.INVENTORY_ADJUSTMENTS,
        from_=stock_account(state),
    )


def adjusted_up(units: int, state: StockState, value: Money, occasion: Occasion) -> LedgerEntry:
    """Units were found and added to this state."""
    return transfer(
        f"Wrote up {_counted(units)} ({state})",
        occasion,
        value,
        to=stock_account(state),
        from_=Account.INVENTORY_ADJUSTMENTS,
    )


def moved(
    units: int, from_state: StockState, to_state: StockState, value: Money, occasion: Occasion
) -> LedgerEntry:
    """Units changed their state; empty if both states have the same account."""
    return transfer(
        f"Moved {_counted(units)} from {from_state} to {to_state}",
        occasion,
        value,
        to=stock_account(to_state),
        from_=stock_account(from_state),
    )


def transfer_shipped(units: int, value: Money, occasion: Occasion) -> LedgerEntry:
    """Units left a location for another one of the retailer."""
    return transfer(
        f"Shipped {_counted(units)} of transfer {occasion.reference}",
        occasion,
        value,
        to=Account.INVENTORY_IN_TRANSIT,
        from_=Account.INVENTORY,
    )


def transfer_received(units: int, good: Money, damaged: Money, occasion: Occasion) -> LedgerEntry:
    """Units of a transfer arrived; `good`, `damaged`: the cost of those in each condition."""
    lines = [
        *debit(Account.INVENTORY, good),
        *debit(Account.INVENTORY_IN_QUALITY_CONTROL, damaged),
        *credit(Account.INVENTORY_IN_TRANSIT, good + damaged),
    ]
    memo = f"Received {_counted(units)} of transfer {occasion.reference}"
    return LedgerEntry(memo, occasion.reference, occasion.at, tuple(lines))


def transfer_lost(units: int, value: Money, occasion: Occasion) -> LedgerEntry:
    """Units of a transfer will not arrive."""
    return transfer(
        f"Lost {_counted(units)} of transfer {occasion.reference}",
        occasion,
        value,
        to=Account.WRITE_OFFS,
        from_=Account.INVENTORY_IN_TRANSIT,
    )


def order_cancelled(
    units: int,
    paid: Money,
    occasion: Occasion,
    *,
    unearned: Parts,
    before: CustomerAccount,
    after: CustomerAccount,
) -> LedgerEntry:
    """Units will not ship: the amount paid for them (`left_over`) is owed to the customer.

    `unearned`: shipping that was booked with the first parcel, and that the cancellation of the
    last live unit takes back.
    """
    currency = paid.currency
    lines = [
        *debit(Account.SHIPPING_INCOME, Money(unearned.shipping_minor, currency)),
        *debit(Account.TAX_PAYABLE, Money(unearned.shipping_tax_minor, currency)),
        *account_change(before, after, currency),
        *credit(Account.REFUND_LIABILITY, paid),
    ]
    memo = f"Cancelled {_counted(units)} of order {occasion.reference}"
    return LedgerEntry(memo, occasion.reference, occasion.at, tuple(lines))


def account_change(
    before: CustomerAccount, after: CustomerAccount, currency: str
) -> list[LedgerLine]:
    """The lines by which an order's deposit and debt change."""
    deposit = Money(after.deposit_minor - before.deposit_minor, currency)
    debt = Money(after.receivable_minor - before.receivable_minor, currency)
    lines = []
    for account, credited in ((Account.CUSTOMER_DEPOSITS, deposit), (Account.RECEIVABLES, -debt)):
        lines += credit(account, credited) if credited.minor > 0 else debit(account, -credited)
    return lines


def label_bought(cost: Money, occasion: Occasion) -> LedgerEntry:
    """A carrier sold a shipping label; it is owed the price until it is paid."""
    return transfer(
        f"Bought a shipping label for {occasion.reference}",
        occasion,
        cost,
        to=Account.CARRIER_COSTS,
        from_=Account.CARRIER_PAYABLES,
    )


# Makes the entry of a lost or found parcel from its units, their cost, and the occasion.
ParcelEntry = Callable[[int, Money, Occasion], LedgerEntry]


def parcel_lost(units: int, cost: Money, occasion: Occasion) -> LedgerEntry:
    """A parcel was lost: the cost of its units is a write-off, not a cost of sales."""
    return transfer(
        f"Lost {_counted(units)} of order {occasion.reference}",
        occasion,
        cost,
        to=Account.WRITE_OFFS,
        from_=Account.COST_OF_GOODS_SOLD,
    )


def parcel_found(units: int, cost: Money, occasion: Occasion) -> LedgerEntry:
    """A lost parcel was found: the write-off is reversed."""
    return transfer(
        f"Found {_counted(units)} of order {occasion.reference}",
        occasion,
        cost,
        to=Account.COST_OF_GOODS_SOLD,
        from_=Account.WRITE_OFFS,
    )


def reversal(entry: LedgerEntry, entry_id: UUID, why: str, effective_at: datetime) -> LedgerEntry:
    """The entry that fully reverses `entry`, with the reason in its memo."""
    lines = tuple(line.opposite for line in entry.lines)
    memo = f"Reversed: {entry.memo} ({why})"
    return LedgerEntry(memo, entry.reference, effective_at, lines, entry_id)


def covered_by(deposits_minor: int, owed_minor: int) -> int:
    """The part of the amount owed that the remaining deposits cover; deposits are used first."""
    return min(deposits_minor, owed_minor)


def left_over(captured_minor: int, given_back_minor: int, live_total_minor: int) -> int:
    """The amount that a cancellation returns: money beyond the total of the order's live units.

    Part of an order may be unpaid. Then the unpaid part is cancelled first, and no money is
    returned that was never paid. `live_total_minor` includes units that have shipped already.
    """
    return max(0, captured_minor - given_back_minor - live_total_minor)


def in_open_period(entry: LedgerEntry, closed_through: datetime | None) -> LedgerEntry:
    """The entry as it may be booked now.

    A fact of a closed period is dated to the first instant after it; the memo keeps the true time.
    """
    if closed_through is None or entry.effective_at > closed_through:
        return entry
    memo = f"{entry.memo} [of {entry.effective_at.isoformat()}]"
    return replace(entry, memo=memo, effective_at=closed_through + INSTANT)


def check_close(through: datetime, closed_through: datetime | None, now: datetime) -> None:
    """Raise PeriodNotOpen (field `through`) unless the period is open and has ended."""
    if through > now:
        raise PeriodNotOpen(
            f"A period can be closed up to {now.isoformat()}; {through.isoformat()} was sent.",
            through,
            field=("through",),
        )
    if closed_through is not None and through <= closed_through:
        raise PeriodNotOpen(
            f"The books are already closed through {closed_through.isoformat()}.",
            closed_through,
            field=("through",),
        )


def _counted(units: int) -> str:
    return "1 unit" if units == 1 else f"{units} units"
