from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DomainError, Invalid, NotFound, OverReturn
from domain.returns.returnable_units import (
    LineClaim,
    LineMatch,
    LineRequest,
    ReturnableLine,
    check_room,
    claimed_units,
    match_lines,
)
from domain.returns.states import ReturnItemState, ReturnStatus

ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)


def a_line(id: UUID = ONE, sku: str = "COAT", shipped: int = 2, claimed: int = 0) -> ReturnableLine:
    return ReturnableLine(id, sku, shipped, claimed)


def test_declined_cancelled_expired_and_missing_units_do_not_count() -> None:
    counted = {
        (status, state)
        for status in ReturnStatus
        for state in ReturnItemState
        if claimed_units([LineClaim(status, state, 1)])
    }
    forgotten = {ReturnStatus.DECLINED, ReturnStatus.CANCELLED, ReturnStatus.EXPIRED}
    assert counted == {
        (status, state)
        for status in set(ReturnStatus) - forgotten
        for state in set(ReturnItemState) - {ReturnItemState.MISSING}
    }


def test_a_sku_is_found_in_line_order_with_units_left_first() -> None:
    lines = [a_line(ONE, claimed=2), a_line(TWO), a_line(THREE, shipped=5)]
    assert match_lines([LineRequest(4, sku="COAT")], lines) == [
        LineMatch(0, TWO, 2),
        LineMatch(0, THREE, 2),
    ]


def test_a_sku_never_takes_the_units_of_a_line_that_another_item_names() -> None:
    lines = [a_line(ONE, shipped=1), a_line(TWO, shipped=1)]
    requested = [LineRequest(1, sku="COAT"), LineRequest(1, order_line_id=ONE)]
    assert match_lines(requested, lines) == [LineMatch(0, TWO, 1), LineMatch(1, ONE, 1)]


@pytest.mark.parametrize(
    ("item", "refusal", "field"),
    [
        (LineRequest(0, sku="COAT"), Invalid, ("items", "1", "quantity")),
        (LineRequest(-1, sku="COAT"), Invalid, ("items", "1", "quantity")),
        (LineRequest(1), Invalid, ("items", "1")),
        (LineRequest(1, sku="HAT"), NotFound, ("items", "1", "sku")),
        (LineRequest(1, order_line_id=THREE), NotFound, ("items", "1", "orderLineId")),
        (LineRequest(1, order_line_id=ONE, sku="HAT"), Invalid, ("items", "1", "sku")),
        (LineRequest(2, sku="COAT"), OverReturn, ("items", "1", "quantity")),
        (LineRequest(2, order_line_id=ONE), OverReturn, ("items", "0", "quantity")),
    ],
)
def test_what_cannot_be_matched_names_its_item(
    item: LineRequest, refusal: type[DomainError], field: tuple[str, ...]
) -> None:
    with pytest.raises(refusal) as raised:
        match_lines([LineRequest(1, sku="COAT"), item], [a_line()])
    assert raised.value.field == field


def test_an_over_return_says_how_many_are_left() -> None:
    with pytest.raises(OverReturn) as raised:
        match_lines([LineRequest(3, sku="COAT")], [a_line(shipped=5, claimed=3)])
    assert raised.value.details == {"sku": "COAT", "requested": 3, "returnable": 2}


def test_an_order_line_that_was_never_shipped_has_nothing_to_return() -> None:
    with pytest.raises(OverReturn):
        match_lines([LineRequest(1, order_line_id=ONE)], [a_line(shipped=0)])


def test_a_declined_return_comes_back_only_while_its_units_are_free() -> None:
    check_room({ONE: 2}, [a_line(shipped=2), a_line(TWO, claimed=2)])
    with pytest.raises(OverReturn):
        check_room({ONE: 2}, [a_line(shipped=2, claimed=1)])


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 4)), min_size=1, max_size=5),
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 6)), min_size=1, max_size=4),
)
def test_units_asked_for_are_matched_exactly_or_refused(
    shipped: list[tuple[str, int]], requested: list[tuple[str, int]]
) -> None:
    lines = [ReturnableLine(uuid4(), sku, units, 0) for sku, units in shipped]
    items = [LineRequest(quantity, sku=sku) for sku, quantity in requested]
    possible = all(
        sum(quantity for each, quantity in requested if each == sku)
        <= sum(units for each, units in shipped if each == sku)
        and any(each == sku for each, _ in shipped)
        for sku, _ in requested
    )
    if not possible:
        with pytest.raises(DomainError) as refusal:
            match_lines(items, lines)
        parts = refusal.value.parts
        assert all(isinstance(part, OverReturn | NotFound) for part in parts)
        assert len({part.field[:2] for part in parts}) == len(parts)  # each item once
        return
    matches = match_lines(items, lines)
    for position, item in enumerate(items):
        assert sum(m.quantity for m in matches if m.position == position) == item.quantity
    for line in lines:
        taken = sum(m.quantity for m in matches if m.order_line_id == line.id)
        assert taken <= line.returnable
