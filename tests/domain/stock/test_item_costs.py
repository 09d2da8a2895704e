from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.stock.item_costs import EMPTY, CostPool

moves = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 1_000), st.integers(0, 10**7)),
        st.tuples(st.integers(1, 1_000), st.none()),
    ),
    max_size=40,
)


@given(moves)
def test_a_pool_never_drifts_from_what_went_in_and_out(steps: list[tuple[int, int | None]]) -> None:
    pool, put, taken = EMPTY, 0, 0
    for units, value in steps:
        if value is not None:
            pool, put = pool.receive(units, value), put + value
        else:
            units = min(units, pool.quantity)
            exact = Fraction(pool.value_minor * units, pool.quantity or 1)
            pool, cost = pool.issue(units)
            assert abs(cost - exact) <= Fraction(1, 2)
            taken += cost
        assert pool.value_minor == put - taken
        assert pool.quantity > 0 or pool.value_minor == 0
    pool, rest = pool.issue(pool.quantity)
    assert (pool, taken + rest) == (EMPTY, put)


@given(st.integers(1, 500), st.integers(0, 10**7))
def test_units_issued_one_by_one_cost_what_all_of_them_did(units: int, value: int) -> None:
    pool, costs = CostPool(units, value), []
    for _ in range(units):
        pool, cost = pool.issue(1)
        costs.append(cost)
    assert (pool, sum(costs)) == (EMPTY, value)
    assert max(costs) - min(costs) <= 1


def test_units_that_do_not_exist_cost_nothing_and_cannot_be_issued() -> None:
    assert EMPTY.issue(0) == (EMPTY, 0)
    for units in (4, -1):
        with pytest.raises(ValueError, match="from a pool of 3"):
            CostPool(3, 100).issue(units)


@pytest.mark.parametrize(("quantity", "value"), [(-1, 0), (1, -1), (0, 1)])
def test_an_impossible_pool_cannot_be_made(quantity: int, value: int) -> None:
    with pytest.raises(ValueError, match="invalid pool"):
        CostPool(quantity, value)


def test_found_units_are_worth_what_the_others_cost() -> None:
    assert CostPool(3, 100).value_of(6) == 200
    assert EMPTY.value_of(2, 50) == 100
    assert EMPTY.value_of(2) == 0
