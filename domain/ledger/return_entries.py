"""Journal entries of returned units, at the cost at which they were shipped."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.ledger.accounts import Account
from domain.ledger.entries import LedgerEntry, Occasion, transfer
from domain.policies.dispositions import Disposition
from domain.values.money import Money

_A, _D = Account, Disposition

# The account that takes the value of units, by disposition; two of them change no account.
DISPOSITION_ACCOUNTS: Final[Mapping[Disposition, Account]] = MappingProxyType(
    {
        _D.RESTOCK: _A.INVENTORY,
        _D.REFURBISH: _A.INVENTORY_IN_QUALITY_CONTROL,
        _D.QUARANTINE: _A.INVENTORY_IN_QUALITY_CONTROL,
        _D.SCRAP: _A.WRITE_OFFS,
        _D.LIQUIDATE: _A.WRITE_OFFS,
        _D.RETURN_TO_VENDOR: _A.RECOVERABLE_FROM_VENDORS,
        _D.RETURN_TO_CUSTOMER: _A.COST_OF_GOODS_SOLD,
    }
)


def returned(units: int, cost: Money, occasion: Occasion) -> LedgerEntry:
    """Sold units were received back, at the cost at which they were shipped."""
    return transfer(
        f"Received back {_counted(units)} of return {occasion.reference}",
        occasion,
        cost,
        to=_A.INVENTORY_IN_QUALITY_CONTROL,
        from_=_A.COST_OF_GOODS_SOLD,
    )


def received_unexpected(units: int, value: Money, occasion: Occasion) -> LedgerEntry:
    """Wrong, extra or unidentified units were received, at the item's unit cost, else at zero."""
    return transfer(
        f"Received {_counted(units)} unexpectedly, with {occasion.reference}",
        occasion,
        value,
        to=_A.INVENTORY_IN_QUALITY_CONTROL,
        from_=_A.INVENTORY_ADJUSTMENTS,
    )


def identified(units: int, value: Money, occasion: Occasion) -> LedgerEntry:
    """Units of an unidentified parcel belong to a return: the gain of its receipt is reversed."""
    return transfer(
        f"Identified {_counted(units)} as return {occasion.reference}",
        occasion,
        value,
        to=_A.INVENTORY_ADJUSTMENTS,
        from_=_A.INVENTORY_IN_QUALITY_CONTROL,
    )


def disposed(disposition: Disposition, units: int, cost: Money, occasion: Occasion) -> LedgerEntry:
    """An executed disposition; empty if the units stay in quality control."""
    return transfer(
        f"{disposition} of {_counted(units)} of return {occasion.reference}",
        occasion,
        cost,
        to=DISPOSITION_ACCOUNTS[disposition],
        from_=_A.INVENTORY_IN_QUALITY_CONTROL,
    )


def disposed_unidentified(
    disposition: Disposition, units: int, value: Money, occasion: Occasion
) -> LedgerEntry:
    """A disposition of units that came without a return, or for one that has ended.

    Their receipt was a gain in inventory adjustments. If they go back to the customer, that gain is
    reversed.
    """
    to = DISPOSITION_ACCOUNTS[disposition]
    return transfer(
        f"{disposition} of {_counted(units)} received with {occasion.reference}",
        occasion,
        value,
        to=_A.INVENTORY_ADJUSTMENTS if disposition is _D.RETURN_TO_CUSTOMER else to,
        from_=_A.INVENTORY_IN_QUALITY_CONTROL,
    )


def _counted(units: int) -> str:
    return "1 unit" if units == 1 else f"{units} units"
