from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.returns.risk import CustomerHistory, RiskFacts, assess
from domain.values.money import Money

ORDINARY = RiskFacts(
    order_value=Money(4_000, "GBP"),
    reasons=("UNWANTED",),
    age=timedelta(days=2),
    window=timedelta(days=30),
    history=None,
)
NOTORIOUS = CustomerHistory(40, 38, recent_returns=9, same_sku_returns=4)

histories = st.one_of(
    st.none(),
    st.builds(
        CustomerHistory,
        st.integers(0, 1_000),
        st.integers(0, 1_000),
        st.integers(0, 50),
        st.integers(0, 50),
    ),
)
facts = st.builds(
    RiskFacts,
    st.builds(Money, st.integers(0, 10**9), st.sampled_from(["GBP", "JPY", "KWD"])),
    st.lists(st.sampled_from(["UNWANTED", "OTHER", "COUNTERFEIT", "HOUSE"]), min_size=1).map(tuple),
    st.timedeltas(timedelta(days=-1), timedelta(days=400)),
    st.timedeltas(timedelta(0), timedelta(days=400)),
    histories,
)


def test_an_ordinary_return_of_an_unknown_customer_is_a_low_risk() -> None:
    risk = assess(ORDINARY)
    assert Decimal(0) < risk.value < Decimal("0.2")
    assert len(risk.reasons) == 4
    assert risk.score == float(risk.value)


def test_a_customer_who_returns_nearly_everything_is_a_high_risk() -> None:
    facts = replace(
        ORDINARY,
        order_value=Money(500_000, "GBP"),
        reasons=("OTHER", "UNWANTED"),
        age=timedelta(days=28),
        history=NOTORIOUS,
    )
    assert assess(facts).value > Decimal("0.7")


def test_every_return_with_a_value_scores_above_zero() -> None:
    facts = replace(
        ORDINARY, order_value=Money(1, "GBP"), reasons=("UNDELIVERED",), age=timedelta(0)
    )
    assert assess(facts).value > 0
    assert assess(replace(facts, history=CustomerHistory(5, 0))).value == Decimal("0.0001")


@pytest.mark.parametrize(
    "worse",
    [
        replace(ORDINARY, order_value=Money(400_000, "GBP")),
        replace(ORDINARY, reasons=("DEFECTIVE",)),
        replace(ORDINARY, age=timedelta(days=20)),
        replace(ORDINARY, history=CustomerHistory(10, 9)),
        replace(ORDINARY, history=CustomerHistory(100, 1, recent_returns=3)),
        replace(ORDINARY, history=CustomerHistory(100, 1, same_sku_returns=2)),
    ],
)
def test_each_term_raises_the_score(worse: RiskFacts) -> None:
    assert assess(worse).value > assess(ORDINARY).value


@given(facts)
def test_the_score_is_bounded_repeatable_and_the_sum_of_its_terms(each: RiskFacts) -> None:
    risk = assess(each)
    assert 0 <= risk.value <= 1
    assert assess(each) == risk
    assert sum(Decimal(term.points) for term in risk.terms) / 10_000 == risk.value
    assert len(risk.reasons) == sum(term.points > 0 for term in risk.terms)
