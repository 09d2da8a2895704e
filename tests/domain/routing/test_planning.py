import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain.routing.planning as routing
from domain.errors import InsufficientStock, NotFound
from domain.policies.routing import Criterion, RoutingRules
from domain.routing.planning import Allocation, Candidate, Pin, RoutingDecision
from domain.routing.shipping_calendar import Promise

MONDAY = date(2026, 3, 2)
SKUS = ("A", "B", "C")
PLACES = ("LEEDS", "LONDON", "PARIS", "ROME", "YORK")


def the_rules(*order: Criterion, parcels_max: int | None = None) -> RoutingRules:
    return RoutingRules(
        order=order or tuple(Criterion),
        preference=("london", "leeds"),
        parcels_max=parcels_max,
        protected=(),
        locations={},
        lead_times=(),
    )


def a_promise(days: int, transit: int = 1) -> Promise:
    ships, arrives = MONDAY + timedelta(days=days), MONDAY + timedelta(days=days + transit)
    end = datetime(2026, 3, 2, tzinfo=UTC)
    return Promise(ships, end, arrives, end)


def reasons(decision: RoutingDecision, location: str) -> str:
    return next("; ".join(e.reasons) for e in decision.considered if e.location == location)


stocks = st.dictionaries(st.sampled_from(SKUS), st.integers(0, 6), max_size=3)
demands = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 8), min_size=1)


@st.composite
def markets(draw: st.DrawFn) -> list[Candidate]:
    places = draw(st.permutations(PLACES))[: draw(st.integers(1, 5))]
    return [
        Candidate(
            location=place,
            stock=draw(stocks),
            promise=draw(st.none() | st.integers(0, 3).map(a_promise)),
            capacity_left=draw(st.none() | st.integers(0, 3)),
        )
        for place in places
    ]


def fewest(demand: dict[str, int], candidates: list[Candidate]) -> int:
    for size in range(1, len(candidates) + 1):
        for some in combinations(candidates, size):
            if all(sum(e.stock.get(s, 0) for e in some) >= n for s, n in demand.items()):
                return size
    raise AssertionError("cannot be served")


@given(demands, markets(), st.permutations(list(Criterion)))
def test_a_plan_conserves_units_and_uses_as_few_locations_as_can_be(
    demand: dict[str, int], candidates: list[Candidate], order: list[Criterion]
) -> None:
    total = {sku: sum(each.stock.get(sku, 0) for each in candidates) for sku in SKUS}
    short = [sku for sku, units in demand.items() if total[sku] < units]
    if short:
        with pytest.raises(InsufficientStock) as refusal:
            routing.plan(demand, candidates, the_rules(*order), 1)
        assert (refusal.value.sku, refusal.value.available) == (short[0], total[short[0]])
        return
    decision = routing.plan(demand, candidates, the_rules(*order), 1)
    planned: Counter[str] = Counter()
    stock = {each.location: each.stock for each in candidates}
    for part in decision.allocation:
        assert 0 < part.quantity <= stock[part.location][part.sku]
        planned[part.sku] += part.quantity
    assert planned == demand
    assert {part.location for part in decision.allocation} == set(decision.chosen)
    assert len(decision.chosen) == fewest(demand, candidates)
    accepted = {each.location for each in decision.considered if each.accepted}
    assert accepted == set(decision.chosen)
    assert len(decision.considered) == len(candidates)
    assert all(each.reasons for each in decision.considered)


@given(demands, markets(), st.randoms(use_true_random=False))
def test_the_order_of_candidates_does_not_matter(
    demand: dict[str, int], candidates: list[Candidate], chance: object
) -> None:
    turned = candidates[::-1]
    try:
        first = routing.plan(demand, candidates, the_rules(), 1)
    except InsufficientStock:
        return
    second = routing.plan(demand, turned, the_rules(), 1)
    assert first.chosen == second.chosen
    assert first.allocation == second.allocation


@given(demands, markets(), st.data())
def test_pinned_units_come_from_where_they_must(
    demand: dict[str, int], candidates: list[Candidate], data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from(candidates))
    pins = [Pin(sku, place.location, units) for sku, units in place.stock.items() if units]
    try:
        decision = routing.plan(demand, candidates, the_rules(), 1, pins=pins)
    except InsufficientStock:
        return
    for sku in SKUS:
        units = sum(part.quantity for part in decision.allocation if part.sku == sku)
        pinned = sum(pin.quantity for pin in pins if pin.sku == sku)
        assert units == demand.get(sku, 0) + pinned
    for pin in pins:
        assert Allocation(pin.sku, pin.location, pin.quantity) in decision.allocation


def test_one_location_that_has_all_beats_two_better_ones() -> None:
    candidates = [
        Candidate("LONDON", {"A": 1}, a_promise(0)),
        Candidate("LEEDS", {"B": 1}, a_promise(0)),
        Candidate("ROME", {"A": 1, "B": 1}, a_promise(9)),
    ]
    decision = routing.plan({"A": 1, "B": 1}, candidates, the_rules(), 7)
    assert decision.chosen == ("ROME",)
    assert decision.policy_version == 7
    assert reasons(decision, "LONDON") == "has 1 of 2 units; ROME can serve the demand without it"
    assert reasons(decision, "ROME") == (
        "supplies all 2 units; ships on 2026-03-11 and arrives on 2026-03-12"
    )


@pytest.mark.parametrize(
    ("criterion", "chosen", "why"),
    [
        (Criterion.LEAD_TIME, "PARIS", "arrives later than PARIS"),
        (Criterion.CAPACITY, "ROME", "has less capacity left today than ROME"),
        (Criterion.DEPTH, "YORK", "has less stock of these items than YORK"),
        (Criterion.PREFERENCE, "LEEDS", "comes later in the policy's preference than LEEDS"),
    ],
)
def test_among_equals_the_first_criterion_decides(
    criterion: Criterion, chosen: str, why: str
) -> None:
    candidates = [
        Candidate("PARIS", {"A": 5}, a_promise(0), 1),
        Candidate("ROME", {"A": 5}, a_promise(1), None),
        Candidate("YORK", {"A": 9}, a_promise(1), 1),
        Candidate("LEEDS", {"A": 5}, a_promise(1), 1),
        Candidate("BONN", {"A": 5}, a_promise(1), 1),
    ]
    others = [each for each in Criterion if each is not criterion]
    decision = routing.plan({"A": 5}, candidates, the_rules(criterion, *others), 1)
    assert decision.chosen == (chosen,)
    assert reasons(decision, "BONN") == f"has all 5 units, but {why}"


def test_ties_are_broken_by_location_code() -> None:
    candidates = [Candidate("YORK", {"A": 1}), Candidate("ROME", {"A": 1}), Candidate("BONN", {})]
    decision = routing.plan({"A": 1}, candidates, the_rules(), 1)
    assert decision.chosen == ("ROME",)
    assert "comes first by its code" in reasons(decision, "YORK")
    assert reasons(decision, "BONN") == "has none of these items to promise"
    assert reasons(decision, "ROME") == "supplies the one unit"


def test_a_location_without_a_lead_time_comes_after_those_with_one() -> None:
    unknown = Promise(MONDAY, datetime(2026, 3, 2, tzinfo=UTC))
    candidates = [Candidate("BONN", {"A": 1}, unknown), Candidate("ROME", {"A": 1}, a_promise(9))]
    assert routing.plan({"A": 1}, candidates, the_rules(), 1).chosen == ("ROME",)
    assert "ships on 2026-03-02" in reasons(
        routing.plan({"A": 1}, candidates[:1], the_rules(), 1), "BONN"
    )


def test_more_parcels_than_the_policy_prefers_are_used_and_explained() -> None:
    candidates = [Candidate(place, {"A": 1}) for place in PLACES]
    decision = routing.plan({"A": 3}, candidates, the_rules(parcels_max=2), 1)
    assert decision.chosen == ("LONDON", "LEEDS", "PARIS")
    assert "the policy prefers at most 2" in reasons(decision, "LEEDS")


def test_a_pinned_location_serves_the_rest_too_if_it_can() -> None:
    candidates = [
        Candidate("LONDON", {"A": 9, "B": 9}, a_promise(0)),
        Candidate("ROME", {"A": 9, "B": 3}, a_promise(5)),
    ]
    decision = routing.plan({"A": 2}, candidates, the_rules(), 1, pins=[Pin("B", "ROME", 2)])
    assert decision.chosen == ("ROME",)
    assert "is requested by an order line" in reasons(decision, "ROME")
    assert reasons(decision, "LONDON") == "has all 2 units, but ROME must ship anyway"
    only = routing.plan({}, candidates, the_rules(), 1, pins=[Pin("B", "ROME", 2)])
    assert only.allocation == (Allocation("B", "ROME", 2),)
    assert reasons(only, "LONDON") == "is not requested by any line"


def test_a_pin_takes_before_the_rest_is_counted() -> None:
    candidates = [Candidate("ROME", {"A": 3})]
    with pytest.raises(InsufficientStock) as refusal:
        routing.plan({"A": 2}, candidates, the_rules(), 1, pins=[Pin("A", "ROME", 2)])
    assert (refusal.value.requested, refusal.value.available) == (2, 1)
    with pytest.raises(InsufficientStock):
        routing.plan({}, candidates, the_rules(), 1, pins=[Pin("A", "ROME", 4)])
    with pytest.raises(NotFound):
        routing.plan({}, candidates, the_rules(), 1, pins=[Pin("A", "YORK", 1)])


def test_the_explanation_is_json() -> None:
    decision = routing.plan({"A": 1}, [Candidate("ROME", {"A": 1})], the_rules(), 3)
    assert json.loads(json.dumps(decision.explanation())) == {
        "policyVersion": 3,
        "chosen": ["ROME"],
        "considered": [
            {"location": "ROME", "accepted": True, "reasons": ["supplies the one unit"]}
        ],
    }
