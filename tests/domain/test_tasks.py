"""Tasks: status by the clock, permitted actors, order of work and its reasons."""

from datetime import datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access.callers import Role, holder
from domain.errors import IllegalTransition, LimitExceeded, TaskNotClaimed
from domain.orders.fulfillments import FulfillmentStatus
from domain.returns.states import ITEM_TRANSITIONS, RETURN_TRANSITIONS, ReturnStatus
from domain.tasks import (
    CLAIMED_MAX,
    FULFILLMENT_STEPS,
    HEAD_STARTS,
    ITEM_STEPS,
    LEASE,
    RETURN_STEPS,
    TASK_TRANSITIONS,
    TaskStatus,
    check_holder,
    check_limit,
    check_live,
    dispatch_priority,
    may_act,
    receipt_priority,
    seniority,
    status_at,
)
from tests.builders.transactions import MORNING

INSTANTS = st.integers(0, 3_650 * 24 * 3_600).map(lambda s: MORNING + timedelta(seconds=s))
LEVELS = st.sampled_from([*HEAD_STARTS, "BY_DRONE"])


def test_a_claim_is_over_at_its_end_and_not_before() -> None:
    until = MORNING + LEASE
    claimed = TaskStatus.CLAIMED
    assert status_at(claimed, until, until - timedelta(microseconds=1)) is claimed
    assert status_at(claimed, until, until) is TaskStatus.OPEN


@pytest.mark.parametrize("status", [s for s in TaskStatus if s is not TaskStatus.CLAIMED])
def test_only_claims_lapse(status: TaskStatus) -> None:
    assert status_at(status, None, MORNING) is status


def test_what_is_over_stays_over() -> None:
    for status in (TaskStatus.DONE, TaskStatus.CANCELLED):
        assert not TASK_TRANSITIONS[status]
        with pytest.raises(IllegalTransition):
            check_live(status, TaskStatus.CLAIMED, field=("id",))
    for status in (TaskStatus.OPEN, TaskStatus.CLAIMED):
        check_live(status, TaskStatus.CLAIMED, field=("id",))


def test_a_task_claimed_by_another_is_refused() -> None:
    assert may_act(TaskStatus.OPEN, None, "ann")
    assert may_act(TaskStatus.CLAIMED, "ann", "ann")
    assert not may_act(TaskStatus.CLAIMED, "ben", "ann")
    for role, shown in ((Role.WAREHOUSE, "ben"), (Role.PARTNER, "staff")):
        ann = holder(role, actor="ann")
        with pytest.raises(TaskNotClaimed) as refusal:
            check_holder(TaskStatus.CLAIMED, "ben", ann, field=("id",))
        assert refusal.value.details == {"claimedBy": shown}
        assert refusal.value.message == f"The task is claimed by {shown}."


@pytest.mark.parametrize(("limit", "allowed"), [(0, 1), (-3, 1), (CLAIMED_MAX + 1, CLAIMED_MAX)])
def test_a_limit_names_the_nearest_that_is_allowed(limit: int, allowed: int) -> None:
    with pytest.raises(LimitExceeded) as refusal:
        check_limit(limit, field=("limit",))
    assert refusal.value.allowed == allowed


@given(INSTANTS, INSTANTS, LEVELS)
def test_of_one_service_level_the_earlier_promise_goes_first(
    a: datetime, b: datetime, level: str
) -> None:
    first, second = sorted([a, b])
    one, two = (dispatch_priority(level, each, MORNING) for each in (first, second))
    assert one.points >= two.points


@given(INSTANTS)
def test_a_faster_service_goes_ahead_of_what_is_due_as_soon(due: datetime) -> None:
    points = {level: dispatch_priority(level, due, MORNING).points for level in HEAD_STARTS}
    assert points["SAME_DAY"] > points["EXPRESS"] > points["STANDARD"] > points["ECONOMY"]


def test_reasons_are_words() -> None:
    due = MORNING + timedelta(hours=8)
    assert dispatch_priority("express", due, MORNING).reasons == (
        "Promised to ship by 2026-03-02 17:00 UTC.",
        "express goes 24 hours before standard parcels.",
    )
    assert dispatch_priority("ECONOMY", None, MORNING).reasons == (
        "No date was promised: treated as due on 2026-03-04 09:00 UTC.",
        "ECONOMY goes 24 hours after standard parcels.",
    )
    assert receipt_priority(due, MORNING).reasons == ("Expected by 2026-03-02 17:00 UTC.",)
    assert receipt_priority(None, MORNING).points < receipt_priority(due, MORNING).points


@given(INSTANTS, INSTANTS)
def test_the_older_has_more_seniority(a: datetime, b: datetime) -> None:
    first, second = sorted([a, b])
    assert (seniority(first) > seniority(second)) is (first < second)


@given(INSTANTS, LEVELS)
def test_points_fit_graphql(due: datetime, level: str) -> None:
    assert 0 <= dispatch_priority(level, due, MORNING).points < 2**31


def test_each_state_asks_for_one_step_at_most() -> None:
    """States with work left have one step; final states, and work done elsewhere, have none."""
    assert set(FULFILLMENT_STEPS) == {
        FulfillmentStatus.OPEN,
        FulfillmentStatus.PICKED,
        FulfillmentStatus.PACKED,
    }
    waiting = {s for s, t in RETURN_TRANSITIONS.items() if ReturnStatus.RECEIVED in t}
    # Late units of an expired or closed return come without a task.
    assert set(RETURN_STEPS) == waiting - {ReturnStatus.EXPIRED, ReturnStatus.CLOSED}
    for state, queue in product(ITEM_TRANSITIONS, ["INSPECT", "DISPOSE"]):
        becomes = {"INSPECT": "INSPECTED", "DISPOSE": "DISPOSED"}[queue]
        asks = ITEM_STEPS.get(state) == queue
        assert asks is (becomes in ITEM_TRANSITIONS[state])
