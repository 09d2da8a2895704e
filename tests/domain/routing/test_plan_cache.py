"""Cached plans equal newly made plans."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import domain.routing.planning as routing
from domain.errors import InsufficientStock
from domain.policies.routing import Criterion
from domain.routing.plan_cache import Plans
from domain.routing.planning import Allocation, Candidate, Pin
from tests.domain.routing.test_planning import demands, markets, stocks, the_rules

orders = st.permutations(list(Criterion)).map(tuple)
Planned = tuple[Sequence[Allocation], Any]


def outcome_of(plan: Callable[[], Planned]) -> object:
    """The plan, or the facts of the error raised instead."""
    try:
        allocation, explanation = plan()
    except InsufficientStock as error:
        return error.field, error.details
    return tuple(allocation), explanation


@settings(deadline=None)
@given(markets(), st.lists(st.tuples(demands, st.lists(stocks, min_size=5, max_size=5))), orders)
def test_each_plan_of_many_is_the_one_that_would_be_made_alone(
    places: list[Candidate],
    requested: list[tuple[dict[str, int], list[dict[str, int]]]],
    order: tuple[Criterion, ...],
) -> None:
    rules = the_rules(*order, parcels_max=1)
    plans = Plans(rules, 7)
    for demand, stock in requested:
        now = [replace(place, stock=units) for place, units in zip(places, stock, strict=False)]

        def alone(demand: dict[str, int] = demand, now: list[Candidate] = now) -> Planned:
            made = routing.plan(demand, now, rules, 7)
            return made.allocation, made.explanation()

        assert outcome_of(lambda d=demand, n=now: plans.plan(d, n)) == outcome_of(alone)  # type: ignore[misc]


def test_other_skus_and_other_depths_of_the_same_order_have_the_same_shape() -> None:
    plans = Plans(the_rules(), 1)
    _, first = plans.plan({"A": 2}, [Candidate("LEEDS", {"A": 9}), Candidate("YORK", {"A": 3})])
    taken, then = plans.plan({"B": 2}, [Candidate("LEEDS", {"B": 5}), Candidate("YORK", {"B": 4})])
    assert then is first
    assert [(each.sku, each.location, each.quantity) for each in taken] == [("B", "LEEDS", 2)]


def test_pinned_lines_are_planned_anew() -> None:
    plans = Plans(the_rules(), 1)
    places = [Candidate("LEEDS", {"A": 9}), Candidate("YORK", {"A": 9})]
    plans.plan({"A": 1}, places)
    taken, _ = plans.plan({}, places, pins=[Pin("A", "YORK", 1)])
    assert [each.location for each in taken] == ["YORK"]
