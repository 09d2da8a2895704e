"""Health of an integration: its status as a state machine with hysteresis.

The table `STEPS` gives the next status for each status and happening. What happens follows from the
calls of an integration and the limits of the CONTINUITY policy:

1. HEALTHY and DEGRADED are judged by the figures of five minutes, and by failures in a row.
   Rates need at least ten calls.
2. A limit is entered at its value and left at half of it. DEGRADED lasts at least a minute. So an
   integration at a limit does not change its status with each call.
3. DOWN ends with the success of a call that began after it.
4. RECOVERING needs ten successes in a row, and no work that waits for five seconds. Three failures
   in a row lead back to DOWN.
5. Calls that began before the present status, and figures of that time, do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.integrations.figures import (
    ERROR_MAX,
    CallBucket,
    CallOutcome,
    TryResult,
    figures,
    with_outcomes,
)
from domain.integrations.limits import HealthRules
from domain.integrations.states import IntegrationStatus

CALLS_MIN: Final = 10
SUCCESSES_TO_RECOVER: Final = 10
FAILURES_TO_FALL: Final = 3
BACKLOG_OF_HEALTHY: Final = timedelta(seconds=5)
DEGRADED_MIN: Final = timedelta(minutes=1)
RAMP: Final = timedelta(seconds=5)
# From here on the limits of the workers hold alone.
RAMP_MAX: Final = 64


class Happening(StrEnum):
    """Anything that may change the status of an integration."""

    FAILING = "FAILING"
    """Failures in a row, or their rate, reach the limits of DOWN."""
    STRAINED = "STRAINED"
    """The rate of failures, the slowest calls, or the age of waiting work reach a limit."""
    WELL = "WELL"
    """All figures are below half of their limits, a minute after DEGRADED began."""
    SUCCEEDED = "SUCCEEDED"
    """A call that began in this status succeeded."""
    FELL = "FELL"
    """Three calls in a row failed."""
    PROVEN = "PROVEN"
    """Ten calls in a row succeeded, and no work waits for five seconds."""
    PAUSED = "PAUSED"
    """A person, or a rule, stops all calls."""
    RESUMED = "RESUMED"
    """A person allows calls again."""
    SWITCHED_OFF = "SWITCHED_OFF"
    """A person switches it off, or it has left the settings."""
    SWITCHED_ON = "SWITCHED_ON"
    """A person switches it on, or it has come back to the settings."""


_S, _H = IntegrationStatus, Happening
_BY_PEOPLE: Final = {_H.PAUSED: _S.PAUSED, _H.SWITCHED_OFF: _S.OFF}
# A happening that is absent here changes nothing.
STEPS: Final[Mapping[IntegrationStatus, Mapping[Happening, IntegrationStatus]]] = MappingProxyType(
    {
        _S.HEALTHY: {_H.FAILING: _S.DOWN, _H.STRAINED: _S.DEGRADED, **_BY_PEOPLE},
        _S.DEGRADED: {_H.FAILING: _S.DOWN, _H.WELL: _S.HEALTHY, **_BY_PEOPLE},
        _S.DOWN: {_H.SUCCEEDED: _S.RECOVERING, **_BY_PEOPLE},
        _S.RECOVERING: {_H.FELL: _S.DOWN, _H.PROVEN: _S.HEALTHY, **_BY_PEOPLE},
        _S.PAUSED: {_H.RESUMED: _S.RECOVERING, _H.SWITCHED_OFF: _S.OFF},
        _S.OFF: {_H.SWITCHED_ON: _S.HEALTHY},
    }
)
OF_PEOPLE: Final = frozenset({_H.PAUSED, _H.RESUMED, _H.SWITCHED_OFF, _H.SWITCHED_ON})
# Statuses in which calls are counted and judged.
JUDGED: Final = frozenset({_S.HEALTHY, _S.DEGRADED, _S.DOWN, _S.RECOVERING})
_BY_FIGURES: Final = frozenset({_S.HEALTHY, _S.DEGRADED})
# An outage begins with DOWN, and ends with one of these.
OUTAGE_ENDS: Final = frozenset({_S.HEALTHY, _S.OFF})


def after(status: IntegrationStatus, happening: Happening) -> IntegrationStatus:
    """The status after a happening; the same if it changes nothing."""
    return STEPS[status].get(happening, status)


def allowed_to_people(status: IntegrationStatus) -> frozenset[IntegrationStatus]:
    """The statuses that a person may give an integration next."""
    return frozenset(to for happening, to in STEPS[status].items() if happening in OF_PEOPLE)


def calls_max(status: IntegrationStatus, since: datetime, now: datetime) -> int | None:
    """The number of calls that may be under way; None: the status does not limit them.

    RECOVERING begins with one, and doubles it every five seconds.
    """
    if status in _BY_FIGURES:
        return None
    if status is not _S.RECOVERING:
        return 0
    doublings = max((now - since) // RAMP, 0)
    return None if doublings >= RAMP_MAX.bit_length() - 1 else 1 << doublings


@dataclass(frozen=True, slots=True)
class WaitingWork:
    """Work that waits for an integration and could be done now. `oldest_at`: since when."""

    count: int = 0
    oldest_at: datetime | None = None

    def age(self, now: datetime, since: datetime | None = None) -> timedelta:
        """The age of the oldest work, counted from `since` at the earliest; zero without any."""
        if self.oldest_at is None:
            return timedelta()
        return max(now - max(self.oldest_at, since or self.oldest_at), timedelta())


@dataclass(frozen=True, slots=True)
class HealthRecord:
    """Calls of an integration, counted and summed up.

    `since`: the beginning of the status that the counts in a row are about. `judged_since`: figures
    from before it are not judged; they are those of an earlier outage or pause.
    """

    since: datetime
    judged_since: datetime
    failures_in_a_row: int = 0
    successes_in_a_row: int = 0
    last_success_at: datetime | None = None
    last_error: str | None = None
    backlog: WaitingWork = WaitingWork()
    buckets: tuple[CallBucket, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthVerdict:
    """A status that follows from calls, and the reasons for it, as text for people."""

    status: IntegrationStatus
    reasons: tuple[str, ...] = ()


def in_status(record: HealthRecord, status: IntegrationStatus, since: datetime) -> HealthRecord:
    """The record under a status that began at `since`: counts in a row begin anew."""
    if record.since == since:
        return record
    judged_since = min(record.judged_since, since) if status in _BY_FIGURES else since
    return replace(
        record,
        since=since,
        judged_since=judged_since,
        failures_in_a_row=0,
        successes_in_a_row=0,
    )


def with_calls(
    record: HealthRecord, outcomes: Sequence[CallOutcome], now: datetime
) -> HealthRecord:
    """The record with these calls, in their order."""
    failures, successes = record.failures_in_a_row, record.successes_in_a_row
    last_success_at, last_error = record.last_success_at, record.last_error
    for outcome in outcomes:
        is_of_status = outcome.began_at >= record.since
        if outcome.result is TryResult.SUCCEEDED:
            last_success_at = max(outcome.ended_at, last_success_at or outcome.ended_at)
            if is_of_status:
                failures, successes = 0, successes + 1
        elif outcome.result is TryResult.FAILED:
            last_error = (outcome.error or "")[:ERROR_MAX] or last_error
            if is_of_status:
                failures, successes = failures + 1, 0
    return replace(
        record,
        failures_in_a_row=failures,
        successes_in_a_row=successes,
        last_success_at=last_success_at,
        last_error=last_error,
        buckets=with_outcomes(record.buckets, outcomes, now, record.judged_since),
    )


def judge(
    status: IntegrationStatus, record: HealthRecord, rules: HealthRules, now: datetime
) -> HealthVerdict | None:
    """The status that follows from the record; None: it stays."""
    for happening, reasons in _happenings(status, record, rules, now):
        found = after(status, happening)
        if found is not status:
            return HealthVerdict(found, tuple(reasons))
    return None


def _happenings(
    status: IntegrationStatus, record: HealthRecord, rules: HealthRules, now: datetime
) -> Iterable[tuple[Happening, list[str]]]:
    """Happenings that follow from the record, the worst first."""
    if status in _BY_FIGURES:
        yield from _by_figures(record, rules, now)
    elif status is _S.DOWN and record.successes_in_a_row:
        yield _H.SUCCEEDED, ["A call succeeded again."]
    elif status is _S.RECOVERING:
        if record.failures_in_a_row >= FAILURES_TO_FALL:
            row = f"{record.failures_in_a_row} calls in a row failed."
            yield _H.FELL, [row, *_last_error(record)]
        is_fresh = record.backlog.age(now) < BACKLOG_OF_HEALTHY
        if record.successes_in_a_row >= SUCCESSES_TO_RECOVER and is_fresh:
            yield _H.PROVEN, []


def _by_figures(
    record: HealthRecord, rules: HealthRules, now: datetime
) -> Iterable[tuple[Happening, list[str]]]:
    found = figures(record.buckets, now, record.judged_since)
    rate = Decimal(found.failures) / found.judged if found.judged else Decimal(0)
    has_rate = found.judged >= CALLS_MIN
    text = f"{found.failures} of {found.judged} calls in 5 minutes failed"
    failing, strained = [], []
    if record.failures_in_a_row >= rules.failures_in_a_row:
        failing.append(f"{record.failures_in_a_row} calls in a row failed.")
    if has_rate and rate and rate >= rules.down_error_rate:
        failing.append(f"{text}; the limit is {_percent(rules.down_error_rate)}.")
    if failing:
        yield _H.FAILING, [*failing, *_last_error(record)]
    if has_rate and rate and rate >= rules.degraded_error_rate:
        strained += [f"{text}; the limit is {_percent(rules.degraded_error_rate)}."]
        strained += _last_error(record)
    if has_rate and found.p99 is not None and found.p99 >= rules.slow:
        strained.append(
            f"One call in a hundred took {_seconds(found.p99)} or longer;"
            f" the limit is {_seconds(rules.slow)}."
        )
    # Work that waited through an outage is late by no fault of the present.
    age = record.backlog.age(now, record.judged_since)
    if age >= rules.backlog:
        strained.append(
            f"The oldest work waits for {_seconds(age)}; the limit is {_seconds(rules.backlog)}."
        )
    if strained:
        yield _H.STRAINED, strained
    is_quick = found.p99 is None or found.p99 <= rules.slow / 2
    is_sure = rate <= rules.degraded_error_rate / 2 and age <= rules.backlog / 2
    if is_quick and is_sure and now - record.since >= DEGRADED_MIN:
        yield _H.WELL, []


def _last_error(record: HealthRecord) -> list[str]:
    return [] if record.last_error is None else [f"Last failure: {record.last_error}."]


def _percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} %"


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():,.1f}".rstrip("0").rstrip(".") + " s"
