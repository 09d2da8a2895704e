import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain.stock.states as stock
from domain.errors import DomainError, Invalid
from domain.policies.routing import Protection
from domain.stock.states import CLAIMED_STATES, HAND_STATES, MovementKind, StockState

units = st.integers(0, 1_000)
PRIORITIES = {"web": 1, "shop": 2, "amazon": 3}


@pytest.mark.parametrize("to_state", StockState)
@pytest.mark.parametrize("from_state", StockState)
def test_only_unclaimed_units_are_moved_by_hand(
    from_state: StockState, to_state: StockState
) -> None:
    if from_state in HAND_STATES and to_state in HAND_STATES and from_state is not to_state:
        stock.check_move(from_state, to_state, 1)
        return
    with pytest.raises(DomainError) as refusal:
        stock.check_move(from_state, to_state, 1)
    fields = [part.field for part in refusal.value.parts]
    claimed = [
        (name,)
        for name, state in (("fromState", from_state), ("toState", to_state))
        if state not in HAND_STATES
    ]
    assert fields == (claimed or [("toState",)])
    assert all(isinstance(part, Invalid) for part in refusal.value.parts)


@pytest.mark.parametrize("quantity", [0, -1, stock.UNITS_MAX + 1])
def test_a_quantity_is_positive_and_not_huge(quantity: int) -> None:
    with pytest.raises(Invalid) as refusal:
        stock.check_move(StockState.AVAILABLE, StockState.DAMAGED, quantity)
    assert refusal.value.field == ("quantity",)


def test_zero_is_a_quantity_where_it_is_the_least() -> None:
    stock.check_quantity(0, least=0)


@pytest.mark.parametrize("state", StockState)
def test_claimed_units_are_not_adjusted(state: StockState) -> None:
    if state in HAND_STATES:
        stock.check_adjustment(state, -1)
        return
    with pytest.raises(Invalid) as refusal:
        stock.check_adjustment(state, -1)
    assert refusal.value.field == ("state",)


@pytest.mark.parametrize("delta", [0, stock.UNITS_MAX + 1, -stock.UNITS_MAX - 1])
def test_a_correction_changes_something_sensible(delta: int) -> None:
    with pytest.raises(Invalid) as refusal:
        stock.check_adjustment(StockState.AVAILABLE, delta)
    assert refusal.value.field == ("delta",)


@pytest.mark.parametrize(
    ("from_state", "to_state", "kind"),
    [
        (None, StockState.AVAILABLE, MovementKind.RECEIVED),
        (StockState.AVAILABLE, StockState.HELD, MovementKind.HELD),
        (StockState.HELD, StockState.AVAILABLE, MovementKind.RELEASED),
        (StockState.HELD, StockState.ALLOCATED, MovementKind.ALLOCATED),
        (StockState.AVAILABLE, StockState.ALLOCATED, MovementKind.ALLOCATED),
        (StockState.ALLOCATED, StockState.AVAILABLE, MovementKind.DEALLOCATED),
        (StockState.ALLOCATED, None, MovementKind.SHIPPED),
        (StockState.ALLOCATED, StockState.QUARANTINE, MovementKind.MOVED),
        (None, StockState.QUALITY_CONTROL, MovementKind.RETURNED),
        (StockState.QUALITY_CONTROL, StockState.AVAILABLE, MovementKind.MOVED),
        (StockState.AVAILABLE, None, MovementKind.ADJUSTED),
        (None, StockState.DAMAGED, MovementKind.ADJUSTED),
    ],
)
def test_a_pair_of_states_has_a_usual_kind(
    from_state: StockState | None, to_state: StockState | None, kind: MovementKind
) -> None:
    assert stock.movement_kind(from_state, to_state) is kind


def test_every_state_is_on_one_of_the_two_books() -> None:
    assert CLAIMED_STATES | {StockState.AVAILABLE} == stock.INVENTORY_STATES
    assert set(StockState) == HAND_STATES | CLAIMED_STATES


def test_a_buffer_is_of_the_sum_and_safety_stock_of_each_location() -> None:
    leeds, london = stock.promisable(60, 0, 0), stock.promisable(55, 5, 0)
    assert stock.available_to_promise([leeds, london], buffer=20, protected=0, backordered=0) == 100
    short = stock.promisable(3, 0, 10)
    assert stock.available_to_promise([short, 5], buffer=0, protected=1, backordered=1) == 3


@given(st.lists(st.tuples(units, units, units), max_size=5), units, units, units)
def test_promised_units_exist_and_leave_what_must_stay(
    levels: list[tuple[int, int, int]], buffer: int, protected: int, backordered: int
) -> None:
    atp = stock.available_to_promise(
        [stock.promisable(*level) for level in levels],
        buffer=buffer,
        protected=protected,
        backordered=backordered,
    )
    assert atp >= 0
    there = sum(available + expired for available, expired, _ in levels)
    if atp:
        assert atp + buffer + protected + backordered <= there


def test_a_channel_leaves_units_for_those_served_before_it() -> None:
    rules = (Protection("web", None, 5), Protection("web", "coats", 8), Protection("shop", None, 2))
    assert stock.protected_units(rules, 3, "shoes", PRIORITIES) == 7
    assert stock.protected_units(rules, 3, "coats", PRIORITIES) == 10
    assert stock.protected_units(rules, 2, "coats", PRIORITIES) == 8
    assert stock.protected_units(rules, 1, "coats", PRIORITIES) == 0
    assert stock.protected_units(rules, 3, None, {"amazon": 3}) == 0
