from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain.values.money as money
from domain.errors import Invalid
from domain.values.currencies import DECIMALS
from domain.values.money import MINOR_MAX, Money

minors = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.50", "GBP", 1250),
        ("12.5", "GBP", 1250),
        ("12.500", "GBP", 1250),
        ("1E+2", "JPY", 100),
        ("0.001", "KWD", 1),
        ("-3", "EUR", -300),
        ("-0.00", "EUR", 0),
        ("0E-999999", "GBP", 0),
        ("10000000000000.00", "GBP", MINOR_MAX),
    ],
)
def test_an_exact_amount_becomes_minor_units(amount: str, currency: str, minor: int) -> None:
    assert money.parse(Decimal(amount), currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "field"),
    [
        ("0.001", "GBP", "amount"),
        ("1.5", "JPY", "amount"),
        ("NaN", "GBP", "amount"),
        ("sNaN", "GBP", "amount"),
        ("Infinity", "GBP", "amount"),
        ("1E+999999", "GBP", "amount"),
        ("1E-999999", "GBP", "amount"),
        ("0." + "1" * 6000, "GBP", "amount"),
        ("10000000000000.01", "GBP", "amount"),
        ("-10000000000000.01", "GBP", "amount"),
        ("1", "GBX", "currencyCode"),
        ("1", "gbp", "currencyCode"),
        ("1", "XXX", "currencyCode"),
        ("1", "", "currencyCode"),
    ],
)
def test_what_is_not_exactly_money_is_refused(amount: str, currency: str, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        money.parse(Decimal(amount), currency)
    assert refusal.value.field == (field,)


@given(st.integers(-MINOR_MAX, MINOR_MAX), st.sampled_from(sorted(DECIMALS)))
def test_decimals_and_minor_units_say_the_same(minor: int, currency: str) -> None:
    shown = money.to_decimal(Money(minor, currency))
    assert money.parse(shown, currency) == Money(minor, currency)
    assert -shown.as_tuple().exponent == DECIMALS[currency]  # type: ignore[operator]


@given(minors, st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_share_is_the_half_even_rounding_of_the_exact_one(
    total: int, part: int, whole: int
) -> None:
    assert money.share(total, part, whole) == round(Fraction(total * part, whole))


@given(minors, st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_allocated_parts_add_up_and_stay_within_a_unit(total: int, weights: list[int]) -> None:
    parts = money.allocate(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        exact = Fraction(total * weight, whole) if whole else Fraction(total, len(weights))
        assert abs(part - exact) <= 1


@given(minors, st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_parts_of_a_line_in_any_steps_add_up_to_the_line(total: int, steps: list[int]) -> None:
    units, so_far, settled = sum(steps), 0, 0
    for step in steps:
        so_far += step
        settled += money.part_due(total, so_far, units, settled)
    assert settled == total


def test_an_empty_allocation_is_empty() -> None:
    assert money.allocate(0, []) == []
    with pytest.raises(ValueError, match="needs at least one weight"):
        money.allocate(1, [])
    with pytest.raises(ValueError, match="negative"):
        money.allocate(1, [1, -1])
    with pytest.raises(ValueError, match="whole"):
        money.share(1, 1, 0)


def test_a_rate_of_an_amount_is_rounded_half_even() -> None:
    assert money.at_rate(125, Decimal("0.2")) == 25
    assert money.at_rate(5, Decimal("0.5")) == 2
    assert money.at_rate(15, Decimal("0.5")) == 8


def test_arithmetic_refuses_two_currencies() -> None:
    pounds, euros = Money(1, "GBP"), Money(1, "EUR")
    assert pounds + pounds == pounds * 2
    assert pounds - pounds == Money(0, "GBP")
    assert -pounds < pounds <= pounds
    assert str(Money(-1250, "GBP")) == "-12.50 GBP"
    for operate in (Money.__add__, Money.__sub__, Money.__lt__, Money.__le__):
        with pytest.raises(ValueError, match="cannot be combined"):
            operate(pounds, euros)
