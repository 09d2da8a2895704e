"""Deductions and fees depend on the units, not on those that were refunded before."""

from decimal import Decimal
from itertools import permutations
from uuid import UUID

from domain.refunds.breakdowns import LineAccount, UnitsToRefund, break_down
from domain.refunds.deductions import GradedValue, restocking_fee

LINE = UUID(int=1)
HALF, TENTH = Decimal("0.5"), Decimal("0.1")


def total(rates: tuple[Decimal, ...], fee: Decimal) -> int:
    """Refund each unit of a line of 3 × 0.83 with 0.04 tax by itself, in this order."""
    account = LineAccount(LINE, "TEE-M", 3, 249 - 14, 4)
    amount = 0
    for number, rate in enumerate(rates, start=1):
        refund = break_down([UnitsToRefund(LINE, 1, rate)], {LINE: account}, "GBP", fee_rate=fee)
        [share] = refund.shares
        account = LineAccount(
            LINE,
            "TEE-M",
            3,
            account.net_minor,
            account.tax_minor,
            units_so_far=number,
            net_so_far_minor=account.net_so_far_minor + share.net_minor,
            tax_so_far_minor=account.tax_so_far_minor + share.tax_minor,
        )
        amount += refund.amount_minor
    return amount


def test_the_same_units_give_the_same_amount_in_any_order() -> None:
    """Shares are 78, 79, 78 and 1, 2, 1: half of 79 is 40, half of 78 is 39."""
    for fee in (Decimal(0), TENTH):
        orders = permutations((HALF, Decimal(0), Decimal("0.2")))
        assert len({total(rates, fee) for rates in orders}) == 1
    assert total((HALF, Decimal(0), Decimal(0)), Decimal(0)) == 239 - 39 - 1


def test_a_deduction_is_at_most_the_share() -> None:
    value = GradedValue(net_minor=3, tax_minor=1, units=2, quantity=1, rate=Decimal("0.99"))
    assert [value.net_kept(2), value.net_kept(1)] == [1, 1]
    assert value.tax_kept(0) == 0


def test_units_that_are_worth_nothing_bring_nothing() -> None:
    value = GradedValue(net_minor=5, tax_minor=0, units=2, quantity=1, rate=Decimal(1))
    assert [value.net_kept(3), value.net_kept(2)] == [3, 2]


def test_the_fee_is_at_most_the_goods() -> None:
    value = GradedValue(net_minor=3, tax_minor=0, units=2, quantity=1, rate=Decimal(0))
    assert restocking_fee([value], Decimal(1), 1) == 1
    assert restocking_fee([value], Decimal(1), 2) == 2
    assert restocking_fee([], TENTH, 0) == 0
