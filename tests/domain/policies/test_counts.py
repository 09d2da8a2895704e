"""COUNT documents: defaults of absent members, and the limits of a difference."""

from datetime import timedelta

import pytest

import domain.policies.policies as policies
from domain.policies.counts import CountRules
from domain.policies.policies import PolicyKind
from domain.values.money import Money
from tests.domain.policies.count_documents import DOCUMENT


def read(**rules: object) -> CountRules:
    found = policies.parse_rules(PolicyKind.COUNT, rules)
    assert isinstance(found, CountRules)
    return found


def test_count_rules_are_read() -> None:
    rules = read(**DOCUMENT)
    assert rules.blind
    assert rules.cycle is not None
    assert rules.cycle.periods["C"] == timedelta(days=365)
    assert rules.cycle.per_day == 50


def test_absent_members_have_defaults() -> None:
    rules = read()
    assert (rules.blind, rules.cycle) == (True, None)
    assert not rules.recount_above.are_passed_by(1_000, Money(1_000_00, "GBP"))


@pytest.mark.parametrize(
    ("units", "value", "is_above"),
    [
        (2, Money(50_00, "GBP"), False),
        (3, Money(0, "GBP"), True),
        (1, Money(50_01, "GBP"), True),
        (1, Money(1, "EUR"), True),  # a currency that is not named
        (1, None, False),
    ],
)
def test_a_difference_is_compared_with_both_limits(
    units: int, value: Money | None, *, is_above: bool
) -> None:
    assert read(**DOCUMENT).recount_above.are_passed_by(units, value) is is_above
