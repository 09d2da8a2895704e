import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import RefundExceedsBalance
from domain.refunds.balances import (
    Draw,
    LineUnits,
    LineValue,
    PaymentBalance,
    check_balance,
    draw,
    left_by_part,
    refundable_minor,
    refundable_of_order,
)
from domain.refunds.parts import NOTHING, Parts
from domain.values.money import Money

payments = st.lists(
    st.builds(
        PaymentBalance, st.uuids().map(str), st.integers(0, 100_000), st.integers(0, 100_000)
    ),
    max_size=6,
)


def gbp(minor: int) -> Money:
    return Money(minor, "GBP")


def test_one_payment_bears_it_where_one_can() -> None:
    paid = [PaymentBalance("a", 40), PaymentBalance("b", 100, 20), PaymentBalance("c", 100)]
    assert draw(gbp(80), paid) == [Draw("b", 80)]


def test_an_amount_that_needs_several_draws_on_the_fullest_first() -> None:
    paid = [PaymentBalance("a", 40), PaymentBalance("b", 100, 20), PaymentBalance("c", 100)]
    assert draw(gbp(200), paid) == [Draw("c", 100), Draw("b", 80), Draw("a", 20)]


def test_a_penny_above_the_balance_is_refused_with_the_maximum() -> None:
    paid = [PaymentBalance("a", 10_000, 2_500), PaymentBalance("b", 500)]
    assert sum(each.amount_minor for each in draw(gbp(8_000), paid)) == 8_000
    with pytest.raises(RefundExceedsBalance) as refusal:
        draw(gbp(8_001), paid)
    assert refusal.value.details == {
        "requested": "80.01",
        "maximumRefundable": "80.00",
        "currencyCode": "GBP",
    }
    with pytest.raises(RefundExceedsBalance):
        check_balance(gbp(1), 0)


def test_nothing_draws_on_nothing() -> None:
    assert draw(gbp(0), [PaymentBalance("a", 10)]) == []
    assert draw(gbp(0), []) == []


@given(payments, st.data())
def test_draws_add_up_exactly_and_never_exceed_a_payment(
    paid: list[PaymentBalance], data: st.DataObject
) -> None:
    left = {each.reference: each.left_minor for each in paid}
    amount = data.draw(st.integers(0, sum(left.values()) + 1))
    if amount > sum(left.values()):
        with pytest.raises(RefundExceedsBalance):
            draw(gbp(amount), paid)
        return
    draws = draw(gbp(amount), paid)
    assert sum(each.amount_minor for each in draws) == amount
    assert len({each.reference for each in draws}) == len(draws)
    assert all(0 < each.amount_minor <= left[each.reference] for each in draws)


def test_units_on_their_way_out_are_owed_as_goods_and_not_refundable() -> None:
    paid = [PaymentBalance("a", 10_500)]
    line = LineValue(10_000, 4, 0)
    assert refundable_minor([line], 500, paid) == 0
    assert refundable_minor([LineValue(10_000, 4, 1)], 500, paid) == 3_000
    assert refundable_minor([LineValue(10_000, 4, 4)], 500, paid) == 10_500


def test_what_was_refunded_before_is_no_longer_refundable() -> None:
    lines = [LineValue(10_000, 4, 4)]
    assert refundable_minor(lines, 500, [PaymentBalance("a", 10_500, 10_000)]) == 500
    assert refundable_minor(lines, 500, [PaymentBalance("a", 4_000, 1_000)]) == 3_000
    assert refundable_minor([LineValue(10_000, 4, 1)], 0, [PaymentBalance("a", 9_000, 3_000)]) == 0


def of_order(
    *, left: int = 0, cancelled: int = 0, drawn: int = 0, kept: int = 0, is_over: bool = False
) -> int:
    """Refundable amount of an order of three units at 10.00 with 5.00 shipping, paid in full."""
    line = LineUnits(3_000, 0, 3, left, cancelled)
    paid = [PaymentBalance("card", 3_500, drawn)]
    return refundable_of_order(
        [line], 500, paid, kept_minor=kept, booked_minor=3_500, is_over=is_over
    )


def test_what_has_not_left_is_owed_as_goods() -> None:
    assert of_order(kept=3_500) == 0


def test_shipping_is_refundable_once_something_has_left_or_nothing_will() -> None:
    assert of_order(left=1, kept=2_000) == 1_500
    assert of_order(cancelled=1, kept=2_500) == 1_000
    assert of_order(cancelled=3, is_over=True) == 3_500


def test_deposits_of_unshipped_units_are_not_refundable() -> None:
    """One unit is shipped.

    The rest of a partly paid order stays reserved for the units not yet shipped.
    """
    line = LineUnits(3_000, 0, 3, left=1, cancelled=0)
    paid = [PaymentBalance("card", 1_500)]
    assert (
        refundable_of_order([line], 0, paid, kept_minor=500, booked_minor=3_000, is_over=False)
        == 1_000
    )
    assert (
        refundable_of_order([line], 0, paid, kept_minor=1_200, booked_minor=3_000, is_over=False)
        == 300
    )


def test_net_and_tax_are_rounded_apart_as_they_were_sold() -> None:
    line = LineUnits(103, 103, 2, left=1, cancelled=0)
    paid = [PaymentBalance("card", 206)]
    most = refundable_of_order([line], 0, paid, kept_minor=0, booked_minor=104, is_over=False)
    assert most == 52 + 52


def test_booked_value_and_chargebacks_limit_it() -> None:
    line = LineUnits(3_000, 0, 3, left=3, cancelled=0)
    paid = [PaymentBalance("card", 3_000, 500, charged_back_minor=700)]
    assert refundable_of_order(
        [line], 0, paid, kept_minor=0, booked_minor=9_000, is_over=False
    ) == (1_800)
    assert refundable_of_order([line], 0, paid, kept_minor=0, booked_minor=40, is_over=False) == 40
    assert PaymentBalance("card", 3_000, 2_800, charged_back_minor=700).left_minor == 0


def test_the_parts_that_are_left_are_those_of_shipped_units() -> None:
    lines = [LineUnits(1_000, 100, 2, left=1, cancelled=0), LineUnits(500, 0, 1, 0, 1)]
    assert left_by_part(lines, Parts(0, 0, 50, 5), Parts(200, 0, 60)) == Parts(300, 50, 0, 5)
    unshipped = [LineUnits(1_000, 100, 2, left=0, cancelled=0)]
    assert left_by_part(unshipped, Parts(0, 0, 50, 5), NOTHING) == NOTHING
