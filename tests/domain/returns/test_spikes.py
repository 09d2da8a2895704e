"""The expected returns of a week, checked by hand."""

import pytest

from domain.returns.spikes import AskedUnits


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        # 80 of 800 units came back in eight weeks: a tenth of 300 × 7 ÷ 30 = 70 units.
        (AskedUnits(0, 80, 800, 300), 7.0),
        (AskedUnits(0, 1, 800, 30), 1.0),
        (AskedUnits(0, 5, 0, 90), 1.0),
    ],
)
def test_the_rate_of_eight_weeks_leads_to_the_units_of_one(
    units: AskedUnits, expected: float
) -> None:
    assert units.expected == pytest.approx(expected)


@pytest.mark.parametrize(
    ("asked", "is_spike", "is_over"),
    # 7 + 3√7 = 14.94 and 7 + 2√7 = 12.29
    [(12, False, True), (13, False, False), (14, False, False), (15, True, False)],
)
def test_a_spike_is_above_three_deviations_and_ends_within_two(
    asked: int, is_spike: bool, is_over: bool
) -> None:
    units = AskedUnits(asked, 80, 800, 300)
    assert (units.is_spike, units.is_over) == (is_spike, is_over)


def test_a_spike_has_five_units_at_least() -> None:
    """1 + 3√1 = 4: four units are as many as allowed, and five are a spike."""
    assert not AskedUnits(4, 0, 0, 0).is_spike
    assert AskedUnits(5, 0, 0, 0).is_spike
    assert AskedUnits(3, 0, 0, 0).is_over
    assert not AskedUnits(4, 0, 0, 0).is_over
