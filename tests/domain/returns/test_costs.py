"""Costs of returned units: which parcel they come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders.fulfillments import FulfillmentStatus
from domain.returns.costs import ReceivedUnits, SentUnits, issue, pools, tracking
from domain.stock.item_costs import CostPool

_F = FulfillmentStatus
A, B, C = ("DHL", "A"), ("DHL", "B"), ("DHL", "C")
SENT = (
    SentUnits(_F.LOST, A, 1, 900),
    SentUnits(_F.SHIPPED, B, 2, 100),
    SentUnits(_F.DELIVERED, C, 3, 30),
)


def test_delivered_units_come_back_before_others_and_lost_ones_last() -> None:
    found = pools(SENT, (), None)
    costs = []
    for _ in range(6):
        found, cost = issue(found, 1)
        costs.append(cost)
    assert costs == [10, 10, 10, 50, 50, 900]


def test_one_issue_takes_from_several_parcels() -> None:
    left, cost = issue(pools(SENT, (), None), 5)
    assert cost == 130
    assert sum(each.quantity for each in left) == 1


def test_an_undelivered_parcel_is_apart_from_the_others() -> None:
    assert issue(pools(SENT, (), B), 2)[1] == 100
    came_back = (ReceivedUnits(B, 2, 100), ReceivedUnits(None, 2, 20))
    assert pools(SENT, came_back, None) == [
        CostPool(0, 0),
        CostPool(1, 10),
        CostPool(0, 0),
        CostPool(1, 900),
    ]


def test_a_cost_that_came_back_already_comes_back_only_once() -> None:
    sent = (SentUnits(_F.DELIVERED, None, 2, 20), SentUnits(_F.LOST, B, 1, 400))
    [_, kept, _, _] = pools(sent, (ReceivedUnits(None, 1, 140),), None)
    assert kept == CostPool(1, 0)


PARCELS = st.lists(
    st.tuples(st.sampled_from(FulfillmentStatus), st.integers(1, 3), st.integers(0, 9)),
    min_size=1,
    max_size=4,
)


@given(PARCELS, st.lists(st.integers(-1, 3), max_size=12))
def test_all_cost_comes_back_once_whatever_comes_first(
    parcels: list[tuple[FulfillmentStatus, int, int]], came: list[int]
) -> None:
    """Each unit comes back by itself, with the number of a parcel or without one."""
    numbers = [("DHL", str(place)) for place in range(len(parcels))]
    sent = [
        SentUnits(status, number, units, cost)
        for number, (status, units, cost) in zip(numbers, parcels, strict=True)
    ]
    received: list[ReceivedUnits] = []
    units, cost = sum(each.quantity for each in sent), sum(each.cost_minor for each in sent)
    for place in [*came, *(-1 for _ in range(units))][:units]:
        came_as = numbers[place] if 0 <= place < len(numbers) else None
        _, minor = issue(pools(sent, received, came_as), 1)
        received.append(ReceivedUnits(came_as, 1, minor))
        assert 0 <= sum(each.cost_minor for each in received) <= cost
    assert sum(each.cost_minor for each in received) == cost


def test_units_that_never_left_are_refused() -> None:
    with pytest.raises(ValueError, match="1 units"):
        issue(pools(SENT, (), None), 7)


def test_a_number_is_compared_as_codes_are() -> None:
    assert tracking("DHL", "JD 1") == tracking("dhl", "ｊd 1")
    assert tracking("DHL", None) is None
