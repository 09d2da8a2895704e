"""The decision about a count, rule by rule, and its order."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.counts.records import ATTEMPTS_MAX, AttemptFacts, judge
from domain.counts.states import LINE_TRANSITIONS, CountLineStatus
from domain.policies.counts import ANY_DIFFERENCE, RecountLimits
from domain.policies.limits import NO_LIMITS, AmountLimits
from domain.values.money import Money

POSTED, RECOUNT = CountLineStatus.POSTED, CountLineStatus.RECOUNT
NEEDS_APPROVAL = CountLineStatus.NEEDS_APPROVAL
TWO_UNITS = RecountLimits(2, AmountLimits({"GBP": 50_00}))


def an_attempt(
    counted: int, expected: int = 10, value: int | None = 1_00, **known: bool
) -> AttemptFacts:
    money = None if value is None else Money(value, "GBP")
    doubts = {"has_shelf_moved": False, "is_being_picked": False, "needs_approval": False}
    return AttemptFacts(counted, expected, value=money, **{**doubts, **known})


@pytest.mark.parametrize("doubt", ["has_shelf_moved", "is_being_picked", "needs_approval"])
def test_a_count_without_difference_is_posted_whatever_happened(doubt: str) -> None:
    assert judge(an_attempt(10, value=0, **{doubt: True}), [], TWO_UNITS).status is POSTED


@pytest.mark.parametrize("doubt", ["has_shelf_moved", "is_being_picked"])
def test_an_attempt_in_which_units_moved_does_not_count(doubt: str) -> None:
    decision = judge(an_attempt(5, **{doubt: True, "needs_approval": True}), [], TWO_UNITS)
    assert (decision.status, decision.is_void, decision.by_another) == (RECOUNT, True, False)
    assert decision.reason


@pytest.mark.parametrize(
    ("counted", "value", "status"),
    [
        (8, 1_00, POSTED),
        (12, 1_00, POSTED),
        (7, 1_00, RECOUNT),
        (13, 1_00, RECOUNT),
        (9, 50_00, POSTED),
        (9, 50_01, RECOUNT),
        (9, None, POSTED),  # of unknown value: the units decide
        (7, None, RECOUNT),
    ],
)
def test_a_difference_above_the_limits_is_counted_again_by_another_person(
    counted: int, value: int | None, status: CountLineStatus
) -> None:
    decision = judge(an_attempt(counted, value=value), [], TWO_UNITS)
    assert (decision.status, decision.by_another) == (status, status is RECOUNT)
    assert not decision.is_void


def test_the_same_difference_found_twice_is_believed() -> None:
    assert judge(an_attempt(5), [-5], TWO_UNITS).status is POSTED
    assert judge(an_attempt(5), [-6], TWO_UNITS).status is RECOUNT
    # Three units were sold meanwhile: the difference is the same.
    assert judge(an_attempt(2, 7), [-5], TWO_UNITS).status is POSTED


def test_the_third_different_attempt_is_shown_to_a_person() -> None:
    assert judge(an_attempt(5), [-6, -7], TWO_UNITS).status is NEEDS_APPROVAL
    assert judge(an_attempt(5), [-6, -5], TWO_UNITS).status is POSTED


def test_a_believed_difference_above_the_adjustment_policy_needs_approval() -> None:
    assert judge(an_attempt(5, needs_approval=True), [-5], TWO_UNITS).status is NEEDS_APPROVAL
    assert judge(an_attempt(9, needs_approval=True), [], TWO_UNITS).status is NEEDS_APPROVAL
    assert judge(an_attempt(1), [], ANY_DIFFERENCE).status is POSTED


FACTS = st.builds(
    AttemptFacts,
    counted=st.integers(0, 9),
    expected=st.integers(0, 9),
    has_shelf_moved=st.booleans(),
    is_being_picked=st.booleans(),
    value=st.none() | st.builds(Money, st.integers(0, 100_00), st.just("GBP")),
    needs_approval=st.booleans(),
)


@given(FACTS, st.lists(st.integers(-9, 9), max_size=2), st.integers(0, 3))
def test_a_decision_is_one_that_the_line_may_take(
    facts: AttemptFacts, earlier: list[int], units: int
) -> None:
    decision = judge(facts, earlier, RecountLimits(units, NO_LIMITS))
    for status in (CountLineStatus.OPEN, RECOUNT):
        assert decision.status in LINE_TRANSITIONS[status]
    assert (decision.status is RECOUNT) == (decision.reason is not None)
    assert decision.is_void == (
        bool(facts.variance) and (facts.has_shelf_moved or facts.is_being_picked)
    )


@given(FACTS, st.lists(st.integers(-9, 9), min_size=ATTEMPTS_MAX - 1, max_size=5))
def test_no_line_is_counted_again_without_end(facts: AttemptFacts, earlier: list[int]) -> None:
    quiet = replace(facts, has_shelf_moved=False, is_being_picked=False)
    assert judge(quiet, earlier, RecountLimits(0, NO_LIMITS)).status is not RECOUNT
