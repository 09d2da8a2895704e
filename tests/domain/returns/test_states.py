from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import IllegalTransition
from domain.returns.states import (
    ITEM_TRANSITIONS,
    MISSING_AFTER,
    RETURN_ACTIONS,
    RETURN_TRANSITIONS,
    ReturnAction,
    ReturnItemState,
    ReturnStatus,
    check_action,
    may_close,
    overdue_status,
)
from domain.transitions import step

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXPECTED_BY = datetime(2026, 2, 10, tzinfo=UTC)

# the allowed transitions of a return, written out
WRITTEN = {
    "REQUESTED": "AUTHORIZED DECLINED CANCELLED",
    "DECLINED": "AUTHORIZED",
    "AUTHORIZED": "IN_TRANSIT PARTIALLY_RECEIVED RECEIVED CANCELLED EXPIRED",
    "IN_TRANSIT": "PARTIALLY_RECEIVED RECEIVED CANCELLED EXPIRED",
    "PARTIALLY_RECEIVED": "RECEIVED",
    "EXPIRED": "PARTIALLY_RECEIVED RECEIVED",
    "RECEIVED": "CLOSED",
    "CLOSED": "RECEIVED",
    "CANCELLED": "",
}
WRITTEN_ITEMS = {
    "EXPECTED": "RECEIVED MISSING",
    "MISSING": "RECEIVED",
    "RECEIVED": "INSPECTED",
    "WRONG_ITEM": "INSPECTED",
    "INSPECTED": "DISPOSED",
    "DISPOSED": "",
}


def test_the_tables_are_those_of_the_contract() -> None:
    assert {str(key): set(map(str, to)) for key, to in RETURN_TRANSITIONS.items()} == {
        key: set(to.split()) for key, to in WRITTEN.items()
    }
    assert {str(key): set(map(str, to)) for key, to in ITEM_TRANSITIONS.items()} == {
        key: set(to.split()) for key, to in WRITTEN_ITEMS.items()
    }


@pytest.mark.parametrize(("current", "requested"), list(product(ReturnStatus, ReturnStatus)))
def test_every_pair_of_states_is_a_step_or_names_the_allowed_ones(
    current: ReturnStatus, requested: ReturnStatus
) -> None:
    if requested in WRITTEN[current].split():
        assert step("return", RETURN_TRANSITIONS, current, requested) is requested
        return
    with pytest.raises(IllegalTransition) as refusal:
        step("return", RETURN_TRANSITIONS, current, requested)
    assert refusal.value.details["allowed"] == sorted(WRITTEN[current].split())


@pytest.mark.parametrize(("status", "action"), list(product(ReturnStatus, ReturnAction)))
def test_every_action_fits_a_status_or_is_an_illegal_transition(
    status: ReturnStatus, action: ReturnAction
) -> None:
    if status in RETURN_ACTIONS[action]:
        check_action(status, action)
        return
    with pytest.raises(IllegalTransition) as refusal:
        check_action(status, action)
    assert refusal.value.details["from"] == status
    assert refusal.value.details["allowed"] == sorted(RETURN_TRANSITIONS[status])


@pytest.mark.parametrize(
    ("action", "aim"),
    [
        (ReturnAction.AUTHORIZE, ReturnStatus.AUTHORIZED),
        (ReturnAction.DECLINE, ReturnStatus.DECLINED),
        (ReturnAction.CANCEL, ReturnStatus.CANCELLED),
        (ReturnAction.EXPIRE, ReturnStatus.EXPIRED),
        (ReturnAction.CLOSE, ReturnStatus.CLOSED),
    ],
)
def test_an_action_starts_exactly_where_the_table_leads_to_its_aim(
    action: ReturnAction, aim: ReturnStatus
) -> None:
    leads = {status for status, reached in RETURN_TRANSITIONS.items() if aim in reached}
    assert RETURN_ACTIONS[action] == leads


@pytest.mark.parametrize("status", ReturnStatus)
def test_waiting_too_long_expires_what_never_came_and_gives_up_the_rest(
    status: ReturnStatus,
) -> None:
    outcome = {
        ReturnStatus.AUTHORIZED: ReturnStatus.EXPIRED,
        ReturnStatus.IN_TRANSIT: ReturnStatus.EXPIRED,
        ReturnStatus.PARTIALLY_RECEIVED: ReturnStatus.RECEIVED,
    }.get(status)
    at = EXPECTED_BY + MISSING_AFTER
    assert overdue_status(status, EXPECTED_BY, at - timedelta(microseconds=1)) is None
    assert overdue_status(status, EXPECTED_BY, at) is outcome
    assert overdue_status(status, None, NOW) is None


@given(
    st.sampled_from(ReturnStatus),
    st.lists(st.sampled_from(ReturnItemState)),
    st.lists(st.booleans()),
)
def test_a_return_closes_only_when_everything_is_over(
    status: ReturnStatus, states: list[ReturnItemState], settled: list[bool]
) -> None:
    over = {ReturnItemState.DISPOSED, ReturnItemState.MISSING}
    expected = status is ReturnStatus.RECEIVED and set(states) <= over and False not in settled
    assert may_close(status, states, settled) is expected
