import time
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain.routing.location_cover as location_cover
from domain.routing.location_cover import Cover, Need


def by_codes(chosen: frozenset[int]) -> list[int]:
    return sorted(chosen)


def is_cover(needs: list[Need], chosen: frozenset[int]) -> bool:
    return all(sum(need.supply[index] for index in chosen) >= need.units for need in needs)


def brute_force(needs: list[Need], count: int, given: frozenset[int]) -> frozenset[int]:
    others = [index for index in range(count) if index not in given]
    for size in range(len(others) + 1):
        found = [given | set(extra) for extra in combinations(others, size)]
        found = [chosen for chosen in found if is_cover(needs, chosen)]
        if found:
            return min(found, key=by_codes)
    raise AssertionError("no cover at all")


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Need], int, frozenset[int]]:
    count = draw(st.integers(1, 8))
    supplies = st.tuples(*[st.integers(0, 4)] * count)
    needs = []
    for supply in draw(st.lists(supplies, min_size=1, max_size=6)):
        if sum(supply):
            needs.append(Need(draw(st.integers(1, sum(supply))), supply))
    return needs, count, draw(st.frozensets(st.integers(0, count - 1), max_size=2))


@given(problems())
def test_a_cover_is_the_smallest_and_of_those_the_best(
    problem: tuple[list[Need], int, frozenset[int]],
) -> None:
    needs, count, pinned = problem
    cover = location_cover.smallest(needs, count, pinned, by_codes)
    assert cover == Cover(brute_force(needs, count, pinned), is_proven=True)


def test_nothing_to_cover_needs_no_location() -> None:
    assert location_cover.smallest([], 3, frozenset(), by_codes) == Cover(
        frozenset(), is_proven=True
    )
    assert location_cover.smallest([Need(2, (5, 5))], 2, frozenset({1}), by_codes).chosen == {1}


def test_greed_is_not_enough_and_the_search_knows() -> None:
    # Starting with the largest location needs three locations; the two others are enough.
    needs = [Need(1, (1, 0, 1)), Need(1, (1, 0, 1)), Need(1, (0, 1, 1)), Need(1, (0, 1, 1))]
    needs += [Need(1, (1, 0, 0)), Need(1, (0, 1, 0))]
    assert location_cover.smallest(needs, 3, frozenset(), by_codes).chosen == {0, 1}


def test_a_search_cut_short_still_covers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(location_cover, "WORK_MAX", 200)
    count = 40
    needs = [
        Need(3, tuple(int(index % 7 == each or index % 5 == each) for index in range(count)))
        for each in range(5)
    ]
    cover = location_cover.smallest(needs, count, frozenset(), by_codes)
    assert not cover.is_proven
    assert is_cover(needs, cover.chosen)


def test_the_greedy_cover_has_no_superfluous_location(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(location_cover, "WORK_MAX", 0)
    count = 60
    needs = [
        Need(4, tuple((index * each) % 7 % 3 for index in range(count))) for each in range(1, 7)
    ]
    cover = location_cover.smallest(needs, count, frozenset({0}), by_codes)
    assert is_cover(needs, cover.chosen)
    for index in cover.chosen - {0}:
        assert not is_cover(needs, cover.chosen - {index})


def test_a_thousand_locations_end_in_bounded_time() -> None:
    count = 1_000
    needs = [
        Need(300, tuple(int((index + each) % 3 == 0) for index in range(count))) for each in (0, 1)
    ]
    start = time.process_time()
    cover = location_cover.smallest(needs, count, frozenset(), by_codes)
    assert is_cover(needs, cover.chosen)
    assert not cover.is_proven
    assert time.process_time() - start < 5
