from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.refunds.breakdowns import (
    NO_SHIPPING,
    Breakdown,
    Component,
    ComponentKind,
    LineAccount,
    ShippingAccount,
    UnitShare,
    UnitsToRefund,
    break_down,
    goodwill,
    is_whole_order,
    split,
    within_order,
)
from domain.refunds.parts import Parts, RefundValue
from domain.values.money import Money

LINE, OTHER = UUID(int=1), UUID(int=2)
_K = ComponentKind

rates = st.integers(0, 1_000).map(lambda thousandths: Decimal(thousandths).scaleb(-3))


def a_line(**facts: Any) -> LineAccount:
    account = LineAccount(LINE, "COAT", units=3, net_minor=10_000, tax_minor=2_000)
    return replace(account, **facts)


def refunded(account: LineAccount, shares: Sequence[UnitShare]) -> LineAccount:
    """The account after these shares, as input of the next refund."""
    return replace(
        account,
        units_so_far=account.units_so_far + sum(each.quantity for each in shares),
        net_so_far_minor=account.net_so_far_minor + sum(each.net_minor for each in shares),
        tax_so_far_minor=account.tax_so_far_minor + sum(each.tax_minor for each in shares),
    )


def of(*units: UnitsToRefund, line: LineAccount | None = None, **facts: Any) -> Breakdown:
    account = line or a_line()
    return break_down(units, {LINE: account}, "GBP", **facts)


def test_part_refunds_of_a_line_take_its_rounded_shares_and_the_last_the_remainder() -> None:
    line, taken = a_line(net_minor=100, tax_minor=20), []
    for _ in range(3):
        breakdown = of(UnitsToRefund(LINE, 1), line=line)
        taken.append(breakdown.amount_minor)
        line = refunded(line, breakdown.shares)
    assert taken == [33 + 7, 34 + 6, 33 + 7]


def test_a_deduction_reduces_price_and_tax_and_is_itemized() -> None:
    breakdown = of(UnitsToRefund(LINE, 3, Decimal("0.2"), "USED"))
    assert breakdown.components == (
        Component(_K.ITEMS, 8_000, "3 × COAT: 100.00 GBP less 20 % (USED)"),
        Component(_K.TAX, 1_600, "of 3 × COAT"),
    )
    assert breakdown.shares == (UnitShare(LINE, 3, 10_000, 2_000, 2_000, 400),)


def test_a_deduction_of_one_unit_is_not_made_good_by_the_next() -> None:
    line = a_line(units=2)
    first = of(UnitsToRefund(LINE, 1, Decimal("0.5"), "DAMAGED"), line=line)
    second = of(UnitsToRefund(LINE, 1), line=refunded(line, first.shares))
    assert (first.amount_minor, second.amount_minor) == (3_000, 6_000)


def test_one_inspection_may_find_units_of_a_line_in_several_conditions() -> None:
    breakdown = of(
        UnitsToRefund(LINE, 1), UnitsToRefund(LINE, 2, Decimal("0.5"), "DAMAGED"), line=a_line()
    )
    assert [each.net_minor for each in breakdown.shares] == [3_333, 6_667]
    assert breakdown._total_of(_K.ITEMS) == 3_333 + 6_667 - 3_333
    assert breakdown._total_of(_K.TAX) == 667 + 1_333 - 667


def test_shipping_and_the_restocking_fee_are_parts_of_their_own() -> None:
    breakdown = of(
        UnitsToRefund(LINE, 3),
        shipping=ShippingAccount(500, 100),
        fee_rate=Decimal("0.05"),
    )
    assert breakdown.components[2:] == (
        Component(_K.SHIPPING, 500),
        Component(_K.SHIPPING_TAX, 100),
        Component(_K.RESTOCKING_FEE, -500, "5 % of the goods"),
    )
    assert breakdown.amount_minor == 12_000 + 600 - 500


@pytest.mark.parametrize("quantity", [0, -1, 3])
def test_no_more_units_are_refunded_than_the_line_has_left(quantity: int) -> None:
    with pytest.raises(Invalid):
        of(UnitsToRefund(LINE, quantity), line=a_line(units_so_far=1))


def test_a_line_of_another_order_is_refused() -> None:
    with pytest.raises(Invalid):
        of(UnitsToRefund(OTHER, 1))


def test_the_whole_order_is_refunded_with_its_last_unit() -> None:
    lines = [a_line(units_so_far=1), a_line(units_so_far=3)]
    assert is_whole_order([UnitsToRefund(LINE, 1), UnitsToRefund(LINE, 1)], lines)
    assert not is_whole_order([UnitsToRefund(LINE, 1)], lines)


def test_goodwill_is_split_over_what_is_left() -> None:
    breakdown = goodwill(Money(500, "GBP"), "late", Parts(10_000, 2_000), owed_minor=200)
    assert breakdown.components == (
        Component(_K.ITEMS, 250, "late"),
        Component(_K.TAX, 50, "late"),
        Component(_K.GOODWILL, 200, "late"),
    )


def test_a_refund_takes_what_is_left_of_each_part() -> None:
    whole = Breakdown((Component(_K.ITEMS, 6_000), Component(_K.RESTOCKING_FEE, -600)))
    left = Parts(5_000, 1_000, 500, 100)
    cut = within_order(whole, left, kept_minor=6_600, live_minor=6_600)
    assert cut.value == RefundValue(Parts(5_000, 1_000), fee_minor=600)
    assert within_order(whole, Parts(6_000), kept_minor=9_000, live_minor=6_000) == whole


def test_what_was_not_paid_is_not_refunded() -> None:
    whole = Breakdown((Component(_K.ITEMS, 10_000), Component(_K.TAX, 2_000)))
    left = Parts(10_000, 2_000)
    half = within_order(whole, left, kept_minor=5_000, live_minor=12_000)
    assert (half.amount_minor, half.value.unpaid_minor) == (5_000, 7_000)
    none = within_order(whole, left, kept_minor=0, live_minor=12_000)
    assert (none.amount_minor, none.value.unpaid_minor) == (0, 12_000)


lines = st.builds(
    LineAccount,
    st.just(LINE),
    st.just("COAT"),
    st.integers(1, 40),
    st.integers(0, 10**7),
    st.integers(0, 10**6),
)


@given(lines, st.data())
def test_part_refunds_add_up_to_the_line_whatever_their_order_and_size(
    line: LineAccount, data: st.DataObject
) -> None:
    account, net, tax = line, 0, 0
    while account.units_so_far < line.units:
        left = line.units - account.units_so_far
        quantity = data.draw(st.integers(1, left))
        breakdown = of(UnitsToRefund(LINE, quantity), line=account)
        assert breakdown.amount_minor >= 0
        account = refunded(account, breakdown.shares)
        net += breakdown._total_of(_K.ITEMS)
        tax += breakdown._total_of(_K.TAX)
    assert (net, tax) == (line.net_minor, line.tax_minor)


@given(lines, st.data())
def test_refunds_that_are_withdrawn_and_made_again_never_exceed_the_line(
    line: LineAccount, data: st.DataObject
) -> None:
    standing: list[UnitShare] = []
    for _ in range(data.draw(st.integers(1, 12))):
        is_withdrawn: bool = data.draw(st.booleans())
        if standing and is_withdrawn:
            standing.pop(data.draw(st.integers(0, len(standing) - 1)))
        left = line.units - sum(each.quantity for each in standing)
        if left:
            part = UnitsToRefund(LINE, data.draw(st.integers(1, left)))
            standing += of(part, line=refunded(line, standing)).shares
        net = sum(each.net_minor for each in standing)
        tax = sum(each.tax_minor for each in standing)
        assert all(each.net_minor >= 0 <= each.tax_minor for each in standing)
        assert net <= line.net_minor
        assert tax <= line.tax_minor
        if left and sum(each.quantity for each in standing) == line.units:
            assert (net, tax) == (line.net_minor, line.tax_minor)


@given(
    lines,
    st.lists(st.tuples(st.integers(1, 10), rates), min_size=1, max_size=4),
    st.builds(ShippingAccount, st.integers(0, 5_000), st.integers(0, 1_000)),
    rates,
    st.data(),
)
def test_the_components_add_up_and_so_do_the_parts_of_a_split(
    line: LineAccount,
    parts: list[tuple[int, Decimal]],
    shipping: ShippingAccount,
    fee: Decimal,
    data: st.DataObject,
) -> None:
    assume(sum(quantity for quantity, _ in parts) <= line.units)
    units = [UnitsToRefund(LINE, quantity, rate) for quantity, rate in parts]
    whole = break_down(units, {LINE: line}, "GBP", shipping=shipping, fee_rate=fee)
    goods = sum(each.net_minor - each.net_kept_minor for each in whole.shares)
    assert whole._total_of(_K.ITEMS) == goods
    assert 0 <= -whole._total_of(_K.RESTOCKING_FEE) <= goods
    assert whole.amount_minor >= 0
    cut = data.draw(st.integers(0, whole.amount_minor))
    one, other = split(whole, [cut, whole.amount_minor - cut])
    assert (one.amount_minor, other.amount_minor) == (cut, whole.amount_minor - cut)
    assert one.shares == whole.shares
    assert other.shares == ()
    for kind in ComponentKind:
        assert one._total_of(kind) + other._total_of(kind) == whole._total_of(kind)
    (short,) = split(whole, [cut])
    assert short.amount_minor == cut


def test_a_split_above_the_whole_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="exceed"):
        split(of(UnitsToRefund(LINE, 1), shipping=NO_SHIPPING), [10**6])
