from itertools import product
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import IllegalTransition, Invalid, NotFound
from domain.returns.receipts import (
    ArrivedUnits,
    Discrepancy,
    DiscrepancyKind,
    ItemMove,
    ItemUnits,
    Parcel,
    Receipt,
    TooFewUnits,
    UnannouncedUnits,
    UnexpectedUnits,
    mark_missing,
    move,
    receive,
)
from domain.returns.states import (
    ITEM_TRANSITIONS,
    RETURN_ACTIONS,
    ReturnAction,
    ReturnItemState,
    ReturnStatus,
)

ITEM, OTHER, LINE, LINE_TWO = UUID(int=1), UUID(int=2), UUID(int=11), UUID(int=12)
_R, _S = ReturnItemState, ReturnStatus


def an_item(
    id: UUID = ITEM,
    sku: str = "COAT",
    quantity: int = 3,
    state: ReturnItemState = _R.EXPECTED,
    line: UUID | None = LINE,
) -> ItemUnits:
    return ItemUnits(id, sku, quantity, state, line)


def a_parcel(*contents: tuple[str, int], item: UUID | None = None, last: bool = False) -> Parcel:
    return Parcel(tuple(ArrivedUnits(sku, units, item) for sku, units in contents), last)


def kinds(receipt: Receipt) -> list[DiscrepancyKind]:
    return [each.kind for each in receipt.discrepancies]


def test_all_that_was_expected_keeps_its_id() -> None:
    receipt = receive(_S.AUTHORIZED, [an_item()], a_parcel(("COAT", 3)), {})
    assert receipt == Receipt(_S.RECEIVED, (ItemMove(ITEM, 3, _R.RECEIVED, False),), (), ())


def test_a_first_parcel_splits_what_came_from_what_is_still_expected() -> None:
    receipt = receive(_S.IN_TRANSIT, [an_item()], a_parcel(("COAT", 1)), {})
    assert receipt.status is _S.PARTIALLY_RECEIVED
    assert receipt.moves == (ItemMove(ITEM, 1, _R.RECEIVED, True),)


def test_the_last_parcel_makes_the_rest_missing_and_the_rest_keeps_the_id() -> None:
    receipt = receive(_S.AUTHORIZED, [an_item()], a_parcel(("COAT", 1), last=True), {})
    assert receipt.status is _S.RECEIVED
    assert receipt.moves == (
        ItemMove(ITEM, 1, _R.RECEIVED, True),
        ItemMove(ITEM, 2, _R.MISSING, False),
    )
    assert receipt.discrepancies == (
        Discrepancy(DiscrepancyKind.MISSING, "2 units of COAT did not arrive.", "COAT", 2),
    )


def test_nothing_more_comes_is_a_receipt_of_its_own_once_something_came() -> None:
    items = [an_item(quantity=2), an_item(OTHER, state=_R.RECEIVED)]
    receipt = receive(_S.PARTIALLY_RECEIVED, items, Parcel((), is_last=True), {})
    assert receipt.status is _S.RECEIVED
    assert receipt.moves == (ItemMove(ITEM, 2, _R.MISSING, False),)
    with pytest.raises(Invalid):
        receive(_S.AUTHORIZED, items, Parcel((), is_last=True), {})


def test_foreign_and_surplus_units_are_recorded_as_such() -> None:
    parcel = a_parcel(("COAT", 4), ("HAT", 1), ("COAT", 1))
    receipt = receive(_S.AUTHORIZED, [an_item()], parcel, {})
    assert receipt.status is _S.RECEIVED
    assert receipt.unexpected == (
        UnexpectedUnits("COAT", 2, DiscrepancyKind.EXTRA),
        UnexpectedUnits("HAT", 1, DiscrepancyKind.WRONG),
    )
    assert kinds(receipt) == [DiscrepancyKind.EXTRA, DiscrepancyKind.WRONG]


def test_another_sku_in_place_of_a_named_item_is_a_wrong_item() -> None:
    receipt = receive(_S.AUTHORIZED, [an_item()], a_parcel(("HAT", 1), item=ITEM), {})
    assert receipt.status is _S.PARTIALLY_RECEIVED
    assert receipt.moves == ()
    assert receipt.unexpected == (UnexpectedUnits("HAT", 1, DiscrepancyKind.WRONG),)


def test_a_named_item_is_filled_before_others_of_its_sku() -> None:
    items = [an_item(ITEM, quantity=1), an_item(OTHER, quantity=1, line=LINE_TWO)]
    receipt = receive(_S.AUTHORIZED, items, a_parcel(("COAT", 1), item=OTHER), {})
    assert receipt.moves == (ItemMove(OTHER, 1, _R.RECEIVED, False),)


def test_an_item_of_another_return_is_not_found() -> None:
    with pytest.raises(NotFound) as refusal:
        receive(_S.AUTHORIZED, [an_item()], a_parcel(("COAT", 1), item=OTHER), {})
    assert refusal.value.field == ("items", "0", "returnItemId")


@pytest.mark.parametrize("state", [_R.RECEIVED, _R.WRONG_ITEM, _R.INSPECTED, _R.DISPOSED])
def test_a_named_item_that_is_here_is_not_received_again(state: ReturnItemState) -> None:
    with pytest.raises(IllegalTransition):
        receive(_S.PARTIALLY_RECEIVED, [an_item(state=state)], a_parcel(("COAT", 1), item=ITEM), {})


def test_the_second_receipt_of_one_parcel_is_refused() -> None:
    with pytest.raises(IllegalTransition) as refusal:
        receive(_S.RECEIVED, [an_item(state=_R.RECEIVED)], a_parcel(("COAT", 3)), {LINE: 0})
    assert refusal.value.details["allowed"] == ["CLOSED"]


def test_a_missing_unit_may_still_come_while_its_line_has_room() -> None:
    items = [an_item(quantity=2, state=_R.MISSING)]
    receipt = receive(_S.RECEIVED, items, a_parcel(("COAT", 2)), {LINE: 1})
    assert receipt.status is _S.RECEIVED
    assert receipt.moves == (ItemMove(ITEM, 1, _R.RECEIVED, True),)
    assert receipt.unexpected == (UnexpectedUnits("COAT", 1, DiscrepancyKind.EXTRA),)


def test_a_late_parcel_is_a_discrepancy() -> None:
    receipt = receive(_S.EXPIRED, [an_item()], a_parcel(("COAT", 1)), {LINE: 3})
    assert receipt.status is _S.PARTIALLY_RECEIVED
    assert kinds(receipt) == [DiscrepancyKind.LATE]


def test_late_units_that_another_return_has_claimed_are_extra_and_the_rest_is_missing() -> None:
    receipt = receive(_S.EXPIRED, [an_item()], a_parcel(("COAT", 2)), {LINE: 1})
    assert receipt.status is _S.RECEIVED
    assert receipt.moves == (
        ItemMove(ITEM, 1, _R.RECEIVED, True),
        ItemMove(ITEM, 2, _R.MISSING, False),
    )
    assert receipt.unexpected == (UnexpectedUnits("COAT", 1, DiscrepancyKind.EXTRA),)


@pytest.mark.parametrize("status", ReturnStatus)
def test_only_some_returns_receive_anything(status: ReturnStatus) -> None:
    is_complete = status in (_S.RECEIVED, _S.CLOSED)
    items = [an_item(state=_R.MISSING if is_complete else _R.EXPECTED)]
    if status in RETURN_ACTIONS[ReturnAction.RECEIVE]:
        receive(status, items, a_parcel(("COAT", 1)), {LINE: 3})
        return
    with pytest.raises(IllegalTransition):
        receive(status, items, a_parcel(("COAT", 1)), {LINE: 3})


@pytest.mark.parametrize("status", [_S.AUTHORIZED, _S.PARTIALLY_RECEIVED, _S.EXPIRED])
def test_units_beyond_the_request_join_within_the_room_of_their_line(status: ReturnStatus) -> None:
    room = {LINE: 2 + (3 if status is _S.EXPIRED else 0)}
    parcel = a_parcel(("COAT", 6))
    receipt = receive(status, [an_item(quantity=3)], parcel, room, [(LINE, "COAT")])
    assert receipt.unannounced == (UnannouncedUnits(LINE, "COAT", 2),)
    assert receipt.unexpected == (UnexpectedUnits("COAT", 1, DiscrepancyKind.EXTRA),)
    kinds = {each.kind for each in receipt.discrepancies} - {DiscrepancyKind.LATE}
    assert kinds == {DiscrepancyKind.UNANNOUNCED, DiscrepancyKind.EXTRA}


@pytest.mark.parametrize("status", [_S.RECEIVED, _S.CLOSED])
def test_a_complete_return_is_reopened_only_by_units_that_count(status: ReturnStatus) -> None:
    items, parcel = [an_item(state=_R.DISPOSED)], a_parcel(("COAT", 1))
    assert receive(status, items, parcel, {LINE: 1}, [(LINE, "COAT")]).status is _S.RECEIVED
    with pytest.raises(IllegalTransition):
        receive(status, items, parcel, {LINE: 0}, [(LINE, "COAT")])


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_receipt_of_no_units_is_invalid(quantity: int) -> None:
    with pytest.raises(Invalid) as refusal:
        receive(_S.AUTHORIZED, [an_item()], a_parcel(("COAT", quantity)), {})
    assert refusal.value.field == ("items", "0", "quantity")


@pytest.mark.parametrize(("state", "to"), list(product(ReturnItemState, ReturnItemState)))
def test_every_pair_of_item_states_is_a_move_or_refused(
    state: ReturnItemState, to: ReturnItemState
) -> None:
    if to in ITEM_TRANSITIONS[state]:
        assert move(an_item(state=state), 3, to) == ItemMove(ITEM, 3, to, False)
        assert move(an_item(state=state), 1, to) == ItemMove(ITEM, 1, to, True)
        with pytest.raises(TooFewUnits) as refusal:
            move(an_item(state=state), 4, to)
        assert refusal.value.code == "ILLEGAL_TRANSITION"
        assert refusal.value.details["available"] == 3
        return
    with pytest.raises(IllegalTransition) as refused:
        move(an_item(state=state), 1, to)
    assert refused.value.details["allowed"] == sorted(ITEM_TRANSITIONS[state])


def test_giving_up_makes_only_expected_units_missing() -> None:
    items = [an_item(uuid4(), state=state) for state in ReturnItemState]
    assert [(each.item_id, each.to) for each in mark_missing(items)] == [(items[0].id, _R.MISSING)]


@given(
    st.sampled_from([_S.AUTHORIZED, _S.IN_TRANSIT, _S.PARTIALLY_RECEIVED, _S.EXPIRED, _S.RECEIVED]),
    st.lists(
        st.tuples(
            st.sampled_from("AB"),
            st.integers(1, 5),
            st.sampled_from([_R.EXPECTED, _R.MISSING, _R.RECEIVED]),
        ),
        min_size=1,
        max_size=5,
    ),
    st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 6)), min_size=1, max_size=4),
    st.booleans(),
    st.integers(0, 6),
)
def test_every_unit_that_came_is_placed_once_and_no_line_grows(
    status: ReturnStatus,
    groups: list[tuple[str, int, ReturnItemState]],
    came: list[tuple[str, int]],
    last: bool,
    room: int,
) -> None:
    items = [an_item(uuid4(), sku, units, state, uuid4()) for sku, units, state in groups]
    rooms = {item.order_line_id: room for item in items if item.order_line_id is not None}
    try:
        receipt = receive(status, items, a_parcel(*came, last=last), rooms)
    except IllegalTransition:
        assert status is _S.RECEIVED
        return
    received = [each for each in receipt.moves if each.to is _R.RECEIVED]
    placed = sum(each.quantity for each in received)
    strange = sum(each.quantity for each in receipt.unexpected)
    assert placed + strange == sum(units for _, units in came)
    for item in items:
        moved = [each for each in receipt.moves if each.item_id == item.id]
        assert sum(each.quantity for each in moved) <= item.quantity
        # Only the last move of a return item may keep its id, and only if no units remain.
        whole = [each for each in moved if not each.is_split]
        assert whole in ([], moved[-1:])
        stays = item.quantity - sum(each.quantity for each in moved)
        assert bool(whole) is (bool(moved) and not stays)
        if item.state is _R.MISSING or status is _S.EXPIRED:
            counted = sum(each.quantity for each in received if each.item_id == item.id)
            assert counted <= room
            if status is _S.EXPIRED and item.state is _R.EXPECTED:
                assert counted + stays <= room
    if last:
        assert receipt.status is _S.RECEIVED
