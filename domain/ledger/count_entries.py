"""The journal entry of a count: units found, gone, and different from the books."""

from dataclasses import dataclass

from domain.counts.postings import Posting
from domain.ledger.accounts import Account
from domain.ledger.entries import LedgerEntry, Occasion, credit, debit
from domain.values.money import Money


@dataclass(frozen=True, slots=True)
class CountValues:
    """The cost of the units of a posting, in minor units of a currency."""

    found: int
    gone: int
    surplus: int
    deficit: int
    currency: str

    @property
    def change(self) -> int:
        """The value by which the stock changes."""
        return self.surplus - self.gone - self.deficit


def counted(posting: Posting, values: CountValues, place: str, occasion: Occasion) -> LedgerEntry:
    """A count of `place` (SKU @ location) was posted.

    Found units become inventory again. Gone, surplus and deficit units are inventory adjustments.
    """

    def money(minor: int) -> Money:
        return Money(minor, values.currency)

    lines = [
        *debit(Account.INVENTORY, money(values.found + values.surplus)),
        *debit(Account.INVENTORY_ADJUSTMENTS, money(values.gone + values.deficit)),
        *credit(Account.INVENTORY_IN_QUALITY_CONTROL, money(values.found + values.gone)),
        *credit(Account.INVENTORY_ADJUSTMENTS, money(values.surplus)),
        *credit(Account.INVENTORY, money(values.deficit)),
    ]
    parts = [
        f"{units} {name}"
        for name, units in (
            ("found", posting.found),
            ("gone", posting.gone),
            ("surplus", posting.surplus),
            ("deficit", posting.deficit),
        )
        if units
    ]
    memo = f"Counted {place}: {', '.join(parts)}"
    return LedgerEntry(memo, occasion.reference, occasion.at, tuple(lines))
