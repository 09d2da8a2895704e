"""ABC classes, by hand and for all numbers."""

from hypothesis import given
from hypothesis import strategies as st

from domain.counts.classes import AbcClass, classes

A, B, C = AbcClass


def test_classes_by_hand() -> None:
    # Of 100: 50, 80 and 90 come before the second, third and fourth level.
    assert classes({1: 50, 2: 30, 3: 10, 4: 6, 5: 4, 6: 0}) == {1: A, 2: A, 3: B, 4: B, 5: C, 6: C}
    assert classes({1: 100}) == {1: A}
    assert classes({1: 0, 2: 0}) == {1: C, 2: C}
    assert classes({}) == {}


@given(st.dictionaries(st.integers(1, 50), st.integers(0, 1_000)))
def test_the_dearest_levels_have_the_first_classes(costs: dict[int, int]) -> None:
    found = classes(costs)
    assert found.keys() == costs.keys()
    ranked = sorted(costs, key=lambda each: (-costs[each], each))
    assert [found[each] for each in ranked] == sorted(found.values())
    total = sum(costs.values())
    if total:
        of_a = sum(cost for each, cost in costs.items() if found[each] is A)
        assert of_a >= 0.8 * total
        cheapest = min(costs[each] for each in costs if found[each] is A)
        assert of_a - cheapest < 0.8 * total
