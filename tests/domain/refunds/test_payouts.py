from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.refunds.payouts import (
    RESEND_MARGIN,
    UNSETTLED,
    Attempt,
    AttemptState,
    GatewaySignal,
    PayoutStep,
    apply,
    may_send_again,
    needs_person,
    next_step,
)

_T, _W = AttemptState, GatewaySignal
NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(hours=24)

# The transition table: rows are gateway reports, columns attempt states. "!" is a contradiction, ""
# leaves the attempt unchanged.
COLUMNS = ("OPEN", "UNKNOWN", "PENDING", "SUCCEEDED", "FAILED", "REVERSED")
TABLE = {
    "SUCCEEDED": ("SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "", "!", ""),
    "FAILED": ("FAILED", "FAILED", "FAILED", "!", "", "!"),
    "REVERSED": ("REVERSED", "REVERSED", "REVERSED", "REVERSED", "!", ""),
    "PENDING": ("PENDING", "", "", "", "!", ""),
    "SILENCE": ("UNKNOWN", "", "", "", "", ""),
    "NOT_FOUND": ("UNKNOWN", "", "UNKNOWN", "", "", ""),
    "NOT_ASKED": ("", "", "", "", "", ""),
}


@pytest.mark.parametrize(("state", "signal"), list(product(AttemptState, GatewaySignal)))
def test_every_report_on_every_attempt_state_is_decided(
    state: AttemptState, signal: GatewaySignal
) -> None:
    entry = TABLE[signal][COLUMNS.index(state)]
    report = apply(state, signal)
    assert report.is_contradiction is (entry == "!")
    assert report.state == (state if entry in ("", "!") else entry)


@pytest.mark.parametrize(("state", "signal"), list(product(AttemptState, GatewaySignal)))
def test_a_repeated_report_changes_nothing(state: AttemptState, signal: GatewaySignal) -> None:
    once = apply(state, signal)
    assert apply(once.state, signal).state is once.state


@given(st.lists(st.sampled_from(GatewaySignal), max_size=12))
def test_a_settled_attempt_is_never_unsettled_again(signals: list[GatewaySignal]) -> None:
    state, settled = _T.OPEN, None
    for signal in signals:
        state = apply(state, signal).state
        if settled is not None:
            assert state is settled or (settled, state) == (_T.SUCCEEDED, _T.REVERSED)
        if state not in UNSETTLED:
            settled = state


@given(st.permutations([_W.SUCCEEDED, _W.SUCCEEDED, _W.PENDING, _W.SILENCE]))
def test_the_order_of_answer_timeout_and_webhooks_does_not_matter(
    signals: list[GatewaySignal],
) -> None:
    state = _T.OPEN
    for signal in signals:
        report = apply(state, signal)
        assert not report.is_contradiction
        state = report.state
    assert state is _T.SUCCEEDED


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (Attempt("k", _T.OPEN), PayoutStep.SEND),
        (Attempt("k", _T.OPEN, claimed_until=NOW + DAY), PayoutStep.WAIT),
        (Attempt("k", _T.OPEN, NOW, NOW + DAY), PayoutStep.WAIT),
        (Attempt("k", _T.OPEN, NOW - DAY, NOW), PayoutStep.LOOK_UP),
        (Attempt("k", _T.UNKNOWN, NOW), PayoutStep.LOOK_UP),
        (Attempt("k", _T.PENDING, NOW), PayoutStep.LOOK_UP),
        (Attempt("k", _T.SUCCEEDED, NOW), PayoutStep.NOTHING),
        (Attempt("k", _T.FAILED, NOW), PayoutStep.NOTHING),
        (Attempt("k", _T.REVERSED, NOW), PayoutStep.NOTHING),
    ],
)
def test_what_may_have_been_sent_is_looked_up_and_not_sent(
    attempt: Attempt, expected: PayoutStep
) -> None:
    assert next_step(attempt, NOW) is expected


def test_a_key_is_sent_again_only_while_the_gateway_surely_keeps_it() -> None:
    attempt = Attempt("k", _T.UNKNOWN, NOW)
    last = NOW + DAY - RESEND_MARGIN
    assert may_send_again(attempt, last - timedelta(seconds=1), DAY)
    assert not may_send_again(attempt, last, DAY)
    assert not needs_person(attempt, last - timedelta(seconds=1), DAY)
    assert needs_person(attempt, last, DAY)
    assert not needs_person(Attempt("k", _T.PENDING, NOW), NOW + 2 * DAY, DAY)
    assert may_send_again(Attempt("k", _T.OPEN), NOW + 2 * DAY, DAY)


def test_a_short_retention_still_leaves_time_to_send_again() -> None:
    attempt = Attempt("k", _T.UNKNOWN, NOW)
    assert may_send_again(attempt, NOW + timedelta(seconds=1), timedelta(seconds=4))
    assert not may_send_again(attempt, NOW + timedelta(seconds=2), timedelta(seconds=4))
