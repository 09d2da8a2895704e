"""The status of an integration as a state machine."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.integrations.figures import (
    WINDOW,
    CallOutcome,
    TryResult,
    buckets_as_json,
    buckets_from_json,
    figures,
    with_outcomes,
)
from domain.integrations.health import (
    Happening,
    HealthRecord,
    WaitingWork,
    after,
    allowed_to_people,
    calls_max,
    in_status,
    judge,
    with_calls,
)
from domain.integrations.limits import DEFAULT_HEALTH, HealthRules
from domain.integrations.states import IntegrationStatus as S

SUCCEEDED, FAILED, THROTTLED = TryResult
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)

# The status after each happening; "." means that it stays.
TABLE = """
            FAILING  STRAINED  WELL     SUCCEEDED   FELL  PROVEN   PAUSED  RESUMED     SWITCHED_OFF  SWITCHED_ON
HEALTHY     DOWN     DEGRADED  .        .           .     .        PAUSED  .           OFF           .
DEGRADED    DOWN     .         HEALTHY  .           .     .        PAUSED  .           OFF           .
DOWN        .        .         .        RECOVERING  .     .        PAUSED  .           OFF           .
RECOVERING  .        .         .        .           DOWN  HEALTHY  PAUSED  .           OFF           .
PAUSED      .        .         .        .           .     .        .       RECOVERING  OFF           .
OFF         .        .         .        .           .     .        .       .           .             HEALTHY
"""  # noqa: E501


def table() -> dict[tuple[S, Happening], S]:
    head, *lines = [line.split() for line in TABLE.strip().splitlines()]
    return {
        (S(line[0]), Happening(name)): S(line[0]) if cell == "." else S(cell)
        for line in lines
        for name, cell in zip(head, line[1:], strict=True)
    }


def test_the_table_names_every_pair() -> None:
    assert table().keys() == set(product(S, Happening))


@pytest.mark.parametrize(("status", "happening"), [*product(S, Happening)])
def test_a_happening_leads_from_a_status_where_the_table_says(
    status: S, happening: Happening
) -> None:
    assert after(status, happening) is table()[status, happening]


def test_people_pause_resume_and_switch() -> None:
    assert allowed_to_people(S.DOWN) == {S.PAUSED, S.OFF}
    assert allowed_to_people(S.PAUSED) == {S.RECOVERING, S.OFF}
    assert allowed_to_people(S.OFF) == {S.HEALTHY}


def call(result: TryResult, at: datetime, seconds: float = 0.1) -> CallOutcome:
    error = "the gateway answered 503" if result is FAILED else None
    return CallOutcome(result, at - timedelta(seconds=seconds), at, error)


def record_of(
    results: list[TryResult], seconds: float = 0.1, status: S = S.HEALTHY
) -> HealthRecord:
    """A record of calls that ended one second after the other, until NOW."""
    begin = NOW - SECOND * len(results) - SECOND
    record = in_status(HealthRecord(begin - SECOND, begin - SECOND), status, begin - SECOND)
    calls = [call(each, begin + SECOND * n, seconds) for n, each in enumerate(results, start=1)]
    return with_calls(record, calls, NOW)


def status_after(
    record: HealthRecord, status: S = S.HEALTHY, rules: HealthRules = DEFAULT_HEALTH
) -> S:
    verdict = judge(status, record, rules, NOW)
    return status if verdict is None else verdict.status


def mixed(failures: int, successes: int) -> list[TryResult]:
    """Failures spread among successes, so that few come in a row."""
    every = failures + successes
    return [FAILED if n * failures % every < failures else SUCCEEDED for n in range(every)]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([], S.HEALTHY),
        ([FAILED] * 4, S.HEALTHY),
        ([FAILED] * 5, S.DOWN),
        ([FAILED] * 4 + [SUCCEEDED] + [FAILED] * 4, S.HEALTHY),
        (mixed(1, 9), S.DEGRADED),
        (mixed(1, 10), S.HEALTHY),
        (mixed(5, 5), S.DOWN),
        (mixed(4, 5), S.HEALTHY),
        ([THROTTLED] * 50, S.HEALTHY),
        ([FAILED] * 4 + [THROTTLED] * 50 + [FAILED], S.DOWN),
    ],
)
def test_rates_and_failures_in_a_row_decide(results: list[TryResult], expected: S) -> None:
    assert status_after(record_of(results)) is expected


def test_throttled_calls_are_no_failures() -> None:
    record = record_of([THROTTLED] * 10 + [FAILED, *[SUCCEEDED] * 9])
    found = figures(record.buckets, NOW)
    assert (found.calls, found.failures, found.throttled) == (20, 1, 10)
    assert status_after(record) is S.DEGRADED


def test_a_reason_names_the_figure_the_limit_and_the_last_failure() -> None:
    verdict = judge(S.HEALTHY, record_of([FAILED] * 5), DEFAULT_HEALTH, NOW)
    assert verdict is not None
    assert verdict.reasons == (
        "5 calls in a row failed.",
        "Last failure: the gateway answered 503.",
    )
    strained = judge(S.HEALTHY, record_of(mixed(2, 8)), DEFAULT_HEALTH, NOW)
    assert strained is not None
    assert strained.reasons[0] == "2 of 10 calls in 5 minutes failed; the limit is 10 %."


def test_slow_calls_degrade_and_quick_ones_are_well_again() -> None:
    slow, quick = record_of([SUCCEEDED] * 10, 2.2), record_of([SUCCEEDED] * 10, 1.8)
    assert status_after(slow) is S.DEGRADED
    assert status_after(quick) is S.HEALTHY
    long_ago = NOW - timedelta(minutes=2)
    assert status_after(replace(quick, since=long_ago), S.DEGRADED) is S.DEGRADED
    half = replace(record_of([SUCCEEDED] * 10, 0.9), since=long_ago)
    assert status_after(half, S.DEGRADED) is S.HEALTHY


@pytest.mark.parametrize(
    ("minutes", "status", "expected"),
    [
        (1.9, S.HEALTHY, S.HEALTHY),
        (2.0, S.HEALTHY, S.DEGRADED),
        (1.5, S.DEGRADED, S.DEGRADED),
        (1.0, S.DEGRADED, S.HEALTHY),
    ],
)
def test_old_work_degrades(minutes: float, status: S, expected: S) -> None:
    long_ago = NOW - timedelta(hours=1)
    backlog = WaitingWork(3, NOW - timedelta(minutes=minutes))
    assert status_after(HealthRecord(long_ago, long_ago, backlog=backlog), status) is expected


def test_work_that_waited_through_an_outage_does_not_degrade() -> None:
    backlog = WaitingWork(3, NOW - timedelta(hours=1))
    assert status_after(HealthRecord(NOW - SECOND, NOW - SECOND, backlog=backlog)) is S.HEALTHY


def test_degraded_lasts_a_minute() -> None:
    assert status_after(HealthRecord(NOW - 59 * SECOND, NOW), S.DEGRADED) is S.DEGRADED
    assert status_after(HealthRecord(NOW - 60 * SECOND, NOW), S.DEGRADED) is S.HEALTHY


def test_down_ends_with_a_call_that_began_in_it() -> None:
    record = HealthRecord(NOW, NOW)
    earlier = with_calls(record, [call(SUCCEEDED, NOW + SECOND, seconds=2)], NOW + SECOND)
    assert judge(S.DOWN, earlier, DEFAULT_HEALTH, NOW + SECOND) is None
    probe = with_calls(record, [call(SUCCEEDED, NOW + SECOND, seconds=0.5)], NOW + SECOND)
    verdict = judge(S.DOWN, probe, DEFAULT_HEALTH, NOW + SECOND)
    assert verdict is not None
    assert verdict.status is S.RECOVERING


@pytest.mark.parametrize(
    ("results", "backlog", "expected"),
    [
        ([SUCCEEDED] * 9, 0, S.RECOVERING),
        ([SUCCEEDED] * 10, 0, S.HEALTHY),
        ([SUCCEEDED] * 10, 4, S.HEALTHY),
        ([SUCCEEDED] * 10, 5, S.RECOVERING),
        ([SUCCEEDED] * 9 + [FAILED] + [SUCCEEDED] * 9, 0, S.RECOVERING),
        ([FAILED] * 2, 0, S.RECOVERING),
        ([FAILED] * 3, 0, S.DOWN),
        ([FAILED, FAILED, THROTTLED, FAILED], 0, S.DOWN),
        ([FAILED, FAILED, SUCCEEDED, FAILED], 0, S.RECOVERING),
    ],
)
def test_recovering_needs_successes_and_no_old_work(
    results: list[TryResult], backlog: int, expected: S
) -> None:
    waiting = WaitingWork(1, NOW - SECOND * backlog) if backlog else WaitingWork()
    record = replace(record_of(results, status=S.RECOVERING), backlog=waiting)
    assert status_after(record, S.RECOVERING) is expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, 1), (4.9, 1), (5, 2), (14, 4), (25, 32), (30, None)]
)
def test_recovering_allows_one_call_and_doubles_it(seconds: float, expected: int | None) -> None:
    assert calls_max(S.RECOVERING, NOW, NOW + timedelta(seconds=seconds)) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [(S.HEALTHY, None), (S.DEGRADED, None), (S.DOWN, 0), (S.PAUSED, 0), (S.OFF, 0)],
)
def test_other_statuses_allow_all_calls_or_none(status: S, expected: int | None) -> None:
    assert calls_max(status, NOW, NOW + timedelta(hours=1)) == expected


class Integration:
    """An integration whose status follows its calls, as the workers make them."""

    def __init__(self, status: S, rules: HealthRules) -> None:
        self.status, self.rules, self.now = status, rules, NOW
        self.record = HealthRecord(NOW, NOW)
        self.changes: list[datetime] = []

    def take(self, result: TryResult, seconds: float) -> None:
        """Make a call, or a probe once it is due, and judge it."""
        self.now += timedelta(seconds=seconds)
        if self.status is S.DOWN:
            self.now = max(self.now, self.record.since + timedelta(seconds=30))
        outcome = call(result, self.now, seconds=min(seconds, 0.01))
        self.record = with_calls(self.record, [outcome], self.now)
        verdict = judge(self.status, self.record, self.rules, self.now)
        if verdict is not None:
            self.status = verdict.status
            self.record = in_status(self.record, self.status, self.now)
            self.changes.append(self.now)

    def most_changes_a_minute(self) -> int:
        minute, changes = timedelta(minutes=1), self.changes
        counts = (sum(start <= each < start + minute for each in changes) for start in changes)
        return max(counts, default=0)


# A failure every third call is at most 4 of 10, and never two in a row.
rates = st.integers(1, 99)
down_rates = st.integers(45, 99)
all_rules = st.builds(
    lambda low, high, row: HealthRules(
        degraded_error_rate=Decimal(min(low, high)) / 100,
        down_error_rate=Decimal(max(low, high)) / 100,
        failures_in_a_row=row,
    ),
    rates,
    down_rates,
    st.integers(2, 10),
)


@given(
    st.sampled_from([S.HEALTHY, S.DEGRADED, S.DOWN, S.RECOVERING]),
    st.lists(st.floats(0.05, 60), min_size=1, max_size=5),
    st.one_of(st.just(DEFAULT_HEALTH), all_rules),
)
def test_a_failure_every_third_call_changes_the_status_at_most_twice_a_minute(
    status: S, distances: list[float], rules: HealthRules
) -> None:
    integration = Integration(status, rules)
    for number in range(240):
        result = FAILED if number % 3 == 2 else SUCCEEDED
        integration.take(result, distances[number % len(distances)])
    assert integration.most_changes_a_minute() <= 2


outcomes = st.lists(
    st.builds(
        lambda result, ago, took: call(result, NOW - timedelta(seconds=ago), took),
        st.sampled_from(TryResult),
        st.floats(0, 400),
        st.floats(0, 20),
    ),
    max_size=60,
)


@given(outcomes, st.floats(0, 400))
def test_figures_are_those_of_the_calls_of_the_window(calls: list[CallOutcome], cut: float) -> None:
    at = NOW - timedelta(seconds=cut)
    buckets = with_outcomes((), calls, NOW, at)
    assert buckets_from_json(buckets_as_json(buckets)) == buckets
    begin = min((each.starts_at for each in buckets), default=NOW)
    assert begin > NOW - WINDOW
    counted = [each for each in calls if each.ended_at >= begin]
    found = figures(buckets, NOW)
    assert found.calls == len(counted)
    assert found.failures == sum(each.result is FAILED for each in counted)
    assert found.throttled == sum(each.result is THROTTLED for each in counted)
    later = [each for each in counted if each.ended_at >= at]
    assert figures(buckets, NOW, at).calls == len(later)


@given(st.lists(st.floats(0.002, 30), min_size=1, max_size=50))
def test_percentiles_are_wrong_by_three_percent_at_most(durations: list[float]) -> None:
    buckets = with_outcomes((), [call(SUCCEEDED, NOW, each) for each in durations], NOW, NOW)
    found = figures(buckets, NOW)
    ordered = sorted(durations)
    assert found.p50 is not None
    assert found.p99 is not None
    exact = ordered[-(-len(ordered) * 50 // 100) - 1]
    assert abs(found.p50.total_seconds() - exact) <= exact * 0.03 + 0.001
    exact = ordered[-(-len(ordered) * 99 // 100) - 1]
    assert abs(found.p99.total_seconds() - exact) <= exact * 0.03 + 0.001
