"""Results of calls to webhooks, and what follows from each: the next attempt, or the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from domain.integrations.states import Ordering
from domain.webhooks.messages import MessageStatus

_MINUTE, _HOUR = 60, 3_600
RETRY_SECONDS: Final[tuple[float, ...]] = (
    *(5, 5 * _MINUTE, 30 * _MINUTE),
    *(2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR),
)
# Delays are longer or shorter by up to this share, so that messages do not come back all at once.
JITTER: Final = 0.2
REST_MAX: Final = timedelta(hours=24)
# A webhook that has failed for so long, and so often, is paused.
OUTAGE_MAX: Final = timedelta(days=5)
OUTAGE_FAILURES: Final = 10
_GONE: Final = 410
_THROTTLED: Final = frozenset({429, 503})


class DeliveryResult(StrEnum):
    """Result of a call."""

    ACCEPTED = "ACCEPTED"
    FAILED = "FAILED"
    THROTTLED = "THROTTLED"
    """The receiver asks for a rest until a time. No retry is used up."""
    GONE = "GONE"
    """The receiver wants no more messages. No retry is used up."""


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """The result of a call; `rests_until`: of a THROTTLED one."""

    result: DeliveryResult
    rests_until: datetime | None = None


def answer_of(status: int, retry_after: str | None, now: datetime) -> CallAnswer:
    """The result of a call that was answered with a status and a header Retry-After."""
    if 200 <= status < 300:
        return CallAnswer(DeliveryResult.ACCEPTED)
    if status == _GONE:
        return CallAnswer(DeliveryResult.GONE)
    until = rest_until(retry_after, now) if status in _THROTTLED else None
    return CallAnswer(DeliveryResult.FAILED if until is None else DeliveryResult.THROTTLED, until)


def rest_until(retry_after: str | None, now: datetime) -> datetime | None:
    """The time that a header Retry-After names, at most REST_MAX from now; None: it names none."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        seconds = min(int(text[:12]), int(REST_MAX.total_seconds()))
        return now + timedelta(seconds=seconds)
    try:
        named = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    named = named.replace(tzinfo=UTC) if named.tzinfo is None else named
    return min(max(named, now), now + REST_MAX)


def retry_delay(schedule: Sequence[float], attempts: int, roll: float) -> timedelta | None:
    """The time until the next attempt after `attempts` failed ones; None: there is no other.

    `roll`: a random number from 0 to 1.
    """
    if attempts > len(schedule):
        return None
    return timedelta(seconds=schedule[attempts - 1] * (1 - JITTER + 2 * JITTER * roll))


@dataclass(frozen=True, slots=True)
class NextStep:
    """The state of a message after a call. `attempts`: those that used up a retry."""

    status: MessageStatus
    attempts: int
    next_attempt_at: datetime | None = None

    @property
    def is_settled(self) -> bool:
        return self.next_attempt_at is None


def next_step(
    answer: CallAnswer,
    attempts: int,
    now: datetime,
    *,
    schedule: Sequence[float],
    roll: float,
    is_test: bool = False,
    is_probe: bool = False,
) -> NextStep:
    """The next step of a message whose `attempts` failed ones came before this call.

    A test has one attempt. A probe uses up no retry.
    """
    if answer.result is DeliveryResult.ACCEPTED:
        return NextStep(MessageStatus.DONE, attempts)
    if is_test:
        return NextStep(MessageStatus.PARKED, attempts + 1)
    if answer.rests_until is not None:
        return NextStep(MessageStatus.RETRYING, attempts, answer.rests_until)
    if is_probe or answer.result is DeliveryResult.GONE:
        return NextStep(MessageStatus.RETRYING, attempts, now)
    delay = retry_delay(schedule, attempts + 1, roll)
    if delay is None:
        return NextStep(MessageStatus.PARKED, attempts + 1)
    return NextStep(MessageStatus.RETRYING, attempts + 1, now + delay)


@dataclass(frozen=True, slots=True)
class Outage:
    """Failures of a webhook without a success between them."""

    since: datetime | None = None
    failures: int = 0

    def after(self, result: DeliveryResult, now: datetime) -> Outage:
        """The outage after another call. A throttled call is neither a failure nor a success."""
        if result is DeliveryResult.ACCEPTED:
            return Outage()
        if result is DeliveryResult.THROTTLED:
            return self
        return Outage(self.since or now, self.failures + 1)

    def is_hopeless(self, now: datetime) -> bool:
        """True if the webhook has failed for so long and so often that it is paused."""
        is_long = self.since is not None and now - self.since >= OUTAGE_MAX
        return is_long and self.failures >= OUTAGE_FAILURES


def stops_at_end(ordering: Ordering) -> bool:
    """True if a message that is PARKED stops the webhook, because no later one may pass it."""
    return ordering is Ordering.STRICT
