from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

import domain.policies.returns as returns
from domain.errors import SelfApproval
from domain.policies.dispositions import ConditionGrade
from domain.policies.reading import Value
from domain.policies.returns import ReturnRules
from domain.returns.inspections import (
    CONTROLLED_GRADES,
    GRADES,
    Grading,
    Lane,
    inspect,
    inspection_priority,
    inspectors_required,
    lane_of,
)
from domain.returns.states import ReturnItemState
from domain.values.money import Money

NOW = datetime(2026, 3, 1, tzinfo=UTC)
_G, _R = ConditionGrade, ReturnItemState


def the_rules(**rules: Any) -> ReturnRules:
    return returns.parse(Value({"window": "P30D", **rules}))


@pytest.mark.parametrize("grade", ConditionGrade)
def test_damaged_defective_and_counterfeit_units_go_to_the_controlled_lane(
    grade: ConditionGrade,
) -> None:
    lane = lane_of(the_rules(), Decimal(0), "UNWANTED", grade)
    assert (lane is Lane.CONTROLLED) is (grade in CONTROLLED_GRADES)


def test_so_do_high_risk_units_and_what_the_customer_calls_damaged() -> None:
    rules = the_rules(twoInspectorsAboveRisk=0.8)
    assert lane_of(rules, Decimal("0.81"), "UNWANTED", None) is Lane.CONTROLLED
    assert lane_of(rules, Decimal("0.8"), "UNWANTED", None) is Lane.STANDARD
    assert lane_of(rules, Decimal(0), "DEFECTIVE", None) is Lane.CONTROLLED
    assert lane_of(rules, Decimal(0), None, None) is Lane.STANDARD


def test_two_inspectors_are_needed_only_where_the_policy_says_so() -> None:
    assert inspectors_required(the_rules(), Decimal(1)) == 1
    rules = the_rules(twoInspectorsAboveRisk=0.8)
    assert inspectors_required(rules, Decimal("0.8")) == 1
    assert inspectors_required(rules, Decimal("0.8001")) == 2


def test_one_inspector_is_enough_by_default() -> None:
    found = inspect(_R.RECEIVED, None, Grading("ann", _G.USED), 1)
    assert (found.state, found.condition, found.inspectors) == (_R.INSPECTED, _G.USED, ("ann",))
    assert found.is_complete


@pytest.mark.parametrize("state", [_R.RECEIVED, _R.WRONG_ITEM])
def test_after_the_first_of_two_inspections_the_state_stays(state: ReturnItemState) -> None:
    first = inspect(state, None, Grading("ann", _G.NEW), 2)
    assert first.state is state
    assert not first.is_complete
    with pytest.raises(SelfApproval):
        inspect(state, Grading("ann", _G.NEW), Grading("ann", _G.NEW), 2)
    second = inspect(state, Grading("ann", _G.NEW), Grading("bob", _G.NEW), 2)
    assert second.is_complete
    assert second.inspectors == ("ann", "bob")


@pytest.mark.parametrize(("one", "other"), list(product(ConditionGrade, ConditionGrade)))
def test_of_two_different_grades_the_worse_one_stands(
    one: ConditionGrade, other: ConditionGrade
) -> None:
    found = inspect(_R.RECEIVED, Grading("ann", one), Grading("bob", other), 2)
    assert GRADES.index(found.condition) == max(GRADES.index(one), GRADES.index(other))


def test_the_grades_are_all_ranked() -> None:
    assert set(GRADES) == set(ConditionGrade)


def test_what_recovers_more_is_inspected_first_and_waiting_adds_up() -> None:
    dear = inspection_priority(Money(20_000, "GBP"), "UNWANTED", NOW)
    cheap = inspection_priority(Money(2_000, "GBP"), "UNWANTED", NOW)
    broken = inspection_priority(Money(20_000, "GBP"), "DEFECTIVE", NOW)
    assert dear.points > broken.points > cheap.points
    # The amounts make a difference of 162 hours: 163 hours of waiting outweigh it, 161 do not.
    waited = inspection_priority(Money(2_000, "GBP"), "UNWANTED", NOW - timedelta(hours=163))
    nearly = inspection_priority(Money(2_000, "GBP"), "UNWANTED", NOW - timedelta(hours=161))
    assert waited.points > dear.points > nearly.points


def test_the_reasons_stand_beside_the_priority_and_it_fits_an_int() -> None:
    priority = inspection_priority(Money(10**15, "GBP"), None, datetime(1990, 1, 1, tzinfo=UTC))
    assert 0 < priority.points < 2**31
    assert "60 %" in priority.reasons[0]
    assert "1990-01-01" in priority.reasons[1]
    assert inspection_priority(Money(-5, "GBP"), "UNWANTED", NOW).points > 0
