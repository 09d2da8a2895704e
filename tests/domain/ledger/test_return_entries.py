from datetime import UTC, datetime

import pytest

from domain.ledger.entries import LedgerEntry, Occasion
from domain.ledger.return_entries import disposed, identified, received_unexpected, returned
from domain.policies.dispositions import Disposition
from domain.values.money import Money

OCCASION = Occasion("RMA-1", datetime(2026, 3, 2, tzinfo=UTC))
COST = Money(800, "GBP")
QUALITY = "inventory_in_quality_control"


def booked(entry: LedgerEntry) -> dict[str, int]:
    """Debit minus credit per account."""
    return {line.account: line.debit_minor - line.credit_minor for line in entry.lines}


@pytest.mark.parametrize(
    ("entry", "accounts"),
    [
        (returned(2, COST, OCCASION), {QUALITY: 800, "cost_of_goods_sold": -800}),
        (received_unexpected(2, COST, OCCASION), {QUALITY: 800, "inventory_adjustments": -800}),
        (identified(2, COST, OCCASION), {QUALITY: -800, "inventory_adjustments": 800}),
    ],
)
def test_what_comes_in_is_booked(entry: LedgerEntry, accounts: dict[str, int]) -> None:
    assert booked(entry) == accounts
    assert entry.reference == "RMA-1"


@pytest.mark.parametrize(
    ("disposition", "account"),
    [
        ("RESTOCK", "inventory"),
        ("SCRAP", "write_offs"),
        ("LIQUIDATE", "write_offs"),
        ("RETURN_TO_VENDOR", "recoverable_from_vendors"),
        ("RETURN_TO_CUSTOMER", "cost_of_goods_sold"),
    ],
)
def test_what_leaves_quality_control_is_booked(disposition: str, account: str) -> None:
    entry = disposed(Disposition(disposition), 1, COST, OCCASION)
    assert booked(entry) == {account: 800, QUALITY: -800}


@pytest.mark.parametrize("disposition", ["QUARANTINE", "REFURBISH"])
def test_what_stays_in_the_house_changes_no_account(disposition: str) -> None:
    assert disposed(Disposition(disposition), 1, COST, OCCASION).is_empty
