"""The result of each call, and the next step of its message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.integrations.states import Ordering
from domain.webhooks.messages import MANUAL_TRANSITIONS, MessageStatus
from domain.webhooks.retries import (
    JITTER,
    OUTAGE_FAILURES,
    OUTAGE_MAX,
    REST_MAX,
    RETRY_SECONDS,
    CallAnswer,
    DeliveryResult,
    Outage,
    answer_of,
    next_step,
    rest_until,
    retry_delay,
    stops_at_end,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
A, F, T, G = (
    DeliveryResult.ACCEPTED,
    DeliveryResult.FAILED,
    DeliveryResult.THROTTLED,
    DeliveryResult.GONE,
)


@pytest.mark.parametrize(
    ("status", "retry_after", "result"),
    [
        (200, None, A),
        (204, "60", A),
        (299, None, A),
        (100, None, F),
        (301, None, F),
        (302, "5", F),
        (400, None, F),
        (404, "60", F),
        (410, None, G),
        (410, "60", G),
        (429, None, F),
        (429, "60", T),
        (429, "soon", F),
        (500, "60", F),
        (503, None, F),
        (503, "0", T),
        (503, "Mon, 02 Mar 2026 10:00:00 GMT", T),
    ],
)
def test_a_status_has_one_result(
    status: int, retry_after: str | None, result: DeliveryResult
) -> None:
    assert answer_of(status, retry_after, NOW).result is result


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 90 ", 90),
        ("86400", 86_400),
        ("86401", 86_400),
        ("99999999999999999999", 86_400),
        ("Mon, 02 Mar 2026 09:30:00 GMT", 1_800),
        ("Mon, 02 Mar 2026 08:00:00 GMT", 0),
        ("Mon, 02 Mar 2099 08:00:00 GMT", 86_400),
        ("Monday, 02-Mar-26 09:30:00 GMT", 1_800),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("tomorrow", None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: int | None) -> None:
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert rest_until(text, NOW) == expected


@given(st.text(max_size=60))
def test_no_header_rests_for_longer_than_a_day(text: str) -> None:
    found = rest_until(text, NOW)
    assert found is None or NOW <= found <= NOW + REST_MAX


@given(st.integers(1, 30), st.floats(0, 1, exclude_max=True))
def test_delays_follow_the_schedule(attempts: int, roll: float) -> None:
    delay = retry_delay(RETRY_SECONDS, attempts, roll)
    if attempts > len(RETRY_SECONDS):
        assert delay is None
    else:
        planned = RETRY_SECONDS[attempts - 1]
        assert delay is not None
        assert planned * (1 - JITTER) - 1e-6 <= delay.total_seconds() <= planned * (1 + JITTER)


def step(answer: CallAnswer, attempts: int = 0, **kind: bool) -> tuple[MessageStatus, int, object]:
    found = next_step(answer, attempts, NOW, schedule=RETRY_SECONDS, roll=0.5, **kind)
    return found.status, found.attempts, found.next_attempt_at


def test_each_failure_uses_a_retry_up_until_the_message_is_parked() -> None:
    attempts, delays = 0, []
    while True:
        status, attempts, due = step(CallAnswer(F), attempts)
        if status is MessageStatus.PARKED:
            break
        assert status is MessageStatus.RETRYING
        assert isinstance(due, datetime)
        delays.append((due - NOW).total_seconds())
    assert delays == pytest.approx(list(RETRY_SECONDS))
    assert attempts == len(RETRY_SECONDS) + 1
    assert due is None


def test_what_is_not_the_fault_of_the_message_uses_no_retry_up() -> None:
    until = NOW + timedelta(minutes=5)
    assert step(CallAnswer(T, until), 3) == (MessageStatus.RETRYING, 3, until)
    assert step(CallAnswer(G), 3) == (MessageStatus.RETRYING, 3, NOW)
    assert step(CallAnswer(F), 9, is_probe=True) == (MessageStatus.RETRYING, 9, NOW)
    assert step(CallAnswer(A), 3) == (MessageStatus.DONE, 3, None)


@pytest.mark.parametrize("result", [F, T, G])
def test_a_test_message_has_one_attempt(result: DeliveryResult) -> None:
    assert step(CallAnswer(result), is_test=True) == (MessageStatus.PARKED, 1, None)


@given(st.lists(st.tuples(st.sampled_from(DeliveryResult), st.integers(0, 86_400)), max_size=40))
def test_a_webhook_is_hopeless_after_five_days_and_ten_failures(
    calls: list[tuple[DeliveryResult, int]],
) -> None:
    outage, now = Outage(), NOW
    failed: list[datetime] = []
    for result, seconds in calls:
        now += timedelta(seconds=seconds)
        outage = outage.after(result, now)
        if result is A:
            failed = []
        elif result is not T:
            failed.append(now)
        is_hopeless = len(failed) >= OUTAGE_FAILURES and now - failed[0] >= OUTAGE_MAX
        assert outage.is_hopeless(now) == is_hopeless


def test_only_a_strict_order_stops_at_a_parked_message() -> None:
    assert [each for each in Ordering if stops_at_end(each)] == [Ordering.STRICT]


def test_people_retry_and_skip() -> None:
    assert {
        (current.value, each.value) for current, to in MANUAL_TRANSITIONS.items() for each in to
    } == {
        ("PENDING", "SKIPPED"),
        ("RETRYING", "SKIPPED"),
        ("PARKED", "SKIPPED"),
        ("PARKED", "PENDING"),
        ("DONE", "PENDING"),
    }
