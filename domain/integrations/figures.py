"""Figures of an integration over the last five minutes, in buckets of ten seconds.

A bucket counts calls and their durations. Durations are kept as numbers of a logarithmic scale, so
that buckets can be added up, and percentiles are wrong by at most 3 %.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

WINDOW: Final = timedelta(minutes=5)
BUCKET_SECONDS: Final = 10
ERROR_MAX: Final = 200
# Ratio of a step of the scale of durations to the step before it.
_STEP: Final = 1.05


class TryResult(StrEnum):
    """Result of one call."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    THROTTLED = "THROTTLED"


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """One call to an integration. `error`: why it failed, as text for people."""

    result: TryResult
    began_at: datetime
    ended_at: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True)
class CallBucket:
    """Calls that ended within ten seconds from `starts_at`.

    `durations`: the number of calls per step of the scale; throttled calls are not among them.
    """

    starts_at: datetime
    calls: int = 0
    failures: int = 0
    throttled: int = 0
    durations: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums of buckets. `p50` and `p99` None: no call was answered or failed."""

    calls: int = 0
    failures: int = 0
    throttled: int = 0
    p50: timedelta | None = None
    p99: timedelta | None = None

    @property
    def judged(self) -> int:
        """Calls that succeeded or failed."""
        return self.calls - self.throttled


def bucket_start(at: datetime, cut: datetime) -> datetime:
    """The start of the bucket of an instant. A bucket that would begin before `cut` begins there
    for what ended after it.
    """
    seconds = int(at.timestamp()) // BUCKET_SECONDS * BUCKET_SECONDS
    start = datetime.fromtimestamp(seconds, UTC)
    return cut if start < cut <= at else start


def with_outcomes(
    buckets: Sequence[CallBucket], outcomes: Iterable[CallOutcome], now: datetime, cut: datetime
) -> tuple[CallBucket, ...]:
    """The buckets with these outcomes added; those older than the window are dropped.

    No bucket has outcomes from before `cut` and from after it.
    """
    found = {bucket.starts_at: bucket for bucket in buckets}
    for outcome in outcomes:
        start = bucket_start(outcome.ended_at, cut)
        found[start] = _added(found.get(start) or CallBucket(start), outcome)
    return tuple(found[start] for start in sorted(found) if start > now - WINDOW)


def _added(bucket: CallBucket, outcome: CallOutcome) -> CallBucket:
    is_throttled = outcome.result is TryResult.THROTTLED
    durations = Counter(bucket.durations)
    if not is_throttled:
        durations[_step_of(outcome.ended_at - outcome.began_at)] += 1
    return replace(
        bucket,
        calls=bucket.calls + 1,
        failures=bucket.failures + (outcome.result is TryResult.FAILED),
        throttled=bucket.throttled + is_throttled,
        durations=durations,
    )


def figures(buckets: Iterable[CallBucket], now: datetime, since: datetime | None = None) -> Figures:
    """The sums of the last five minutes; `since`: only of buckets that start then or later."""
    begin = now - WINDOW
    chosen = [
        bucket
        for bucket in buckets
        if bucket.starts_at > begin and (since is None or bucket.starts_at >= since)
    ]
    durations: Counter[int] = Counter()
    for bucket in chosen:
        durations.update(bucket.durations)
    return Figures(
        calls=sum(bucket.calls for bucket in chosen),
        failures=sum(bucket.failures for bucket in chosen),
        throttled=sum(bucket.throttled for bucket in chosen),
        p50=_percentile(durations, 50),
        p99=_percentile(durations, 99),
    )


def _step_of(duration: timedelta) -> int:
    milliseconds = max(duration / timedelta(milliseconds=1), 1.0)
    return round(math.log(milliseconds, _STEP))


def _percentile(durations: Mapping[int, int], percent: int) -> timedelta | None:
    """The duration that `percent` % of the calls did not exceed (nearest rank)."""
    count = sum(durations.values())
    if not count:
        return None
    rank = max(math.ceil(count * percent / 100), 1)
    seen = 0
    for step in sorted(durations):
        seen += durations[step]
        if seen >= rank:
            return timedelta(milliseconds=round(_STEP**step))
    raise AssertionError("unreachable: the ranks end at the count")


def buckets_as_json(buckets: Iterable[CallBucket]) -> list[list[Any]]:
    """Buckets as they are stored: start, calls, failures, throttled calls, and durations."""
    return [
        [
            bucket.starts_at.isoformat(),
            bucket.calls,
            bucket.failures,
            bucket.throttled,
            {str(step): count for step, count in sorted(bucket.durations.items())},
        ]
        for bucket in buckets
    ]


def buckets_from_json(stored: Iterable[Sequence[Any]]) -> tuple[CallBucket, ...]:
    """Buckets as `buckets_as_json` wrote them."""
    return tuple(
        CallBucket(
            datetime.fromisoformat(start),
            calls,
            failures,
            throttled,
            {int(step): count for step, count in durations.items()},
        )
        for start, calls, failures, throttled, durations in stored
    )
