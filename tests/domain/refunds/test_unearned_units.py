"""Units of refunds matched with the units that their return still has."""

from uuid import UUID

from domain.refunds.unearned_units import GradedUnits, unearned_units

FIRST, SECOND, LINE = UUID(int=1), UUID(int=2), UUID(int=9)


def units(quantity: int, grade: str | None = "NEW") -> GradedUnits:
    return GradedUnits(LINE, grade, quantity)


def test_refunds_of_present_units_are_earned() -> None:
    found = unearned_units(
        [(FIRST, [units(2)]), (SECOND, [units(1, "USED")])], [units(2), units(1, "USED")]
    )
    assert found == {}


def test_earlier_refunds_take_units_first() -> None:
    assert unearned_units([(FIRST, [units(2)]), (SECOND, [units(2)])], [units(3)]) == {SECOND: 1}


def test_a_grade_takes_only_its_own_units() -> None:
    refunds = [(FIRST, [units(1)]), (SECOND, [units(1, "USED")])]
    assert unearned_units(refunds, [units(1)]) == {SECOND: 1}


def test_units_refunded_before_grading_take_what_is_left() -> None:
    refunds = [(FIRST, [units(2, None)]), (SECOND, [units(1)])]
    assert unearned_units(refunds, [units(1), units(1, "USED")]) == {FIRST: 1}


def test_units_of_another_line_do_not_count() -> None:
    other = GradedUnits(UUID(int=8), "NEW", 5)
    assert unearned_units([(FIRST, [units(2)])], [other]) == {FIRST: 2}
