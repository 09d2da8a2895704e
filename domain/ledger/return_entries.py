"""What returned units post to the books, at the cost at which they left (6.2)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.ledger.accounts import Account
from domain.ledger.entries import LedgerEntry, Occasion, transfer
from domain.policies.dispositions import Disposition
from domain.values.money import Money

_A, _D = Account, Disposition

# Where the value of units goes with each disposition; two of them change no account.
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


def came_back(units: int, cost: Money, occasion: Occasion) -> LedgerEntry:
    """Units that were sold are here again, at the cost at which they left."""
    return transfer(
        f"Received back {_counted(units)} of return {occasion.reference}",
        occasion,
        cost,
        to=_A.INVENTORY_IN_QUALITY_CONTROL,
        from_=_A.COST_OF_GOODS_SOLD,
    )


def came_unasked(units: int, value: Money, occasion: Occasion) -> LedgerEntry:
    """Wrong, extra or unidentified units are here, at the item's unit cost, else for nothing."""
    return transfer(
        f"Received {_counted(units)} that nobody expected, with {occasion.reference}",
        occasion,
        value,
        to=_A.INVENTORY_IN_QUALITY_CONTROL,
        from_=_A.INVENTORY_ADJUSTMENTS,
    )


def identified(units: int, value: Money, occasion: Occasion) -> LedgerEntry:
    """Units of an unidentified parcel belong to a return: what was found is no gain after all."""
    return transfer(
        f"Identified {_counted(units)} as return {occasion.reference}",
        occasion,
        value,
        to=_A.INVENTORY_ADJUSTMENTS,
        from_=_A.INVENTORY_IN_QUALITY_CONTROL,
    )


def disposed(disposition: Disposition, units: int, cost: Money, occasion: Occasion) -> LedgerEntry:
    """An executed disposition; empty where the units stay in quality control."""
    return transfer(
        f"{disposition} of {_counted(units)} of return {occasion.reference}",
        occasion,
        cost,
        to=DISPOSITION_ACCOUNTS[disposition],
        from_=_A.INVENTORY_IN_QUALITY_CONTROL,
    )


def _counted(units: int) -> str:
    return "1 unit" if units == 1 else f"{units} units"
