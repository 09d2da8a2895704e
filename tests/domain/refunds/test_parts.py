"""Splits over parts of an order, and the customer's account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.refunds.accounts import CustomerAccount, refundable_part
from domain.refunds.parts import Parts, in_proportion, within

minors = st.integers(0, 10**9)
some_parts = st.builds(Parts, minors, minors, minors, minors)


def test_the_largest_remainders_take_the_rest() -> None:
    assert in_proportion(10, Parts(6, 5, 4)) == Parts(4, 3, 3)
    assert in_proportion(6_000, Parts(10_000, 2_000)) == Parts(5_000, 1_000)


@given(some_parts, st.data())
def test_a_split_adds_up_and_stays_within_what_is_left(left: Parts, data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, left.total_minor))
    parts = in_proportion(amount, left)
    assert parts.total_minor == amount
    for part, most in zip(parts.minors, left.minors, strict=True):
        assert 0 <= part <= most
        exact = amount * most
        assert abs(part * left.total_minor - exact) < max(1, left.total_minor)


@given(some_parts, st.lists(st.integers(0, 10**9), max_size=5))
def test_refunds_by_amount_end_at_nothing_left(left: Parts, amounts: list[int]) -> None:
    for amount in amounts:
        left -= in_proportion(min(amount, left.total_minor), left)
        assert min(left.minors) >= 0
    left -= in_proportion(left.total_minor, left)
    assert left == Parts()


def test_more_than_is_left_is_refused() -> None:
    with pytest.raises(ValueError, match="within what is left"):
        in_proportion(2, Parts(1))


def test_shipping_is_not_touched_by_goods() -> None:
    assert within(Parts(60), Parts(50, 5, 9)) == Parts(50, 5)
    assert within(Parts(60, 0, 9), Parts(50, 5, 9)) == Parts(50, 5, 9)
    assert within(Parts(30), Parts(50, 5, 9)) == Parts(30)


def test_a_deduction_stays_in_its_part_after_a_refund_by_amount() -> None:
    """4 of tax are deducted. A goodwill of 2, half of it shipping, came first."""
    left = Parts(0, 10, 5) - Parts(0, 1, 1)
    assert left - within(Parts(0, 6, 5), left) == Parts(0, 2)


@given(some_parts, some_parts)
def test_as_much_as_possible_stays_in_its_part(value: Parts, left: Parts) -> None:
    if not value.has_shipping:
        left = left.without_shipping()
    given_back = within(value, left)
    assert given_back.total_minor == min(value.total_minor, left.total_minor)
    for part, asked, most in zip(given_back.minors, value.minors, left.minors, strict=True):
        assert min(asked, most) <= part <= most


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_a_debt_falls_before_a_deposit_grows(first: int, second: int) -> None:
    account = CustomerAccount().credited(first).credited(second)
    assert account.deposit_minor - account.receivable_minor == first + second
    assert min(account.deposit_minor, account.receivable_minor) == 0
    assert account.credited(-second) == CustomerAccount().credited(first)


def test_only_money_beyond_what_is_owed_is_refundable() -> None:
    assert refundable_part(5_000, 0, 12_000) == 5_000
    assert refundable_part(5_000, 6_000, 6_000) == 0
    assert refundable_part(12_000, 6_000, 6_000) == 6_000
