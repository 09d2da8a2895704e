"""Figures of a window of time: its bounds, rates, and the ages of what waits now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.errors import BadRequest

WINDOW_MAX: Final = timedelta(days=31)

# Ends of the buckets of ages; the last bucket has none.
AGE_ENDS: Final = (
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(days=1),
    timedelta(days=3),
    timedelta(days=7),
)


class ExceptionGroup(StrEnum):
    """Property by which exceptions are grouped."""

    KIND = "KIND"
    """Kind: ORDER_LATE, …"""
    OWNER = "OWNER"
    """Actor or role that handles them."""
    OWNER_ROLE = "OWNER_ROLE"
    """Role in charge."""
    LOCATION = "LOCATION"
    """Location of the occurrence."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The time from `start` on and before `end`."""

    start: datetime
    end: datetime

    @property
    def hours(self) -> float:
        return (self.end - self.start) / timedelta(hours=1)


def window_of(start: datetime, end: datetime | None, now: datetime) -> Interval:
    """The window that a query asks for; without an end, up to `now`. Raises BadRequest."""
    window = Interval(start, now if end is None else end)
    if window.start >= window.end:
        raise BadRequest(
            f"`from` must be before `to`; {window.start.isoformat()} and {window.end.isoformat()}"
            " were sent."
        )
    if window.end - window.start > WINDOW_MAX:
        raise BadRequest(
            f"A window has at most {WINDOW_MAX.days} days; from {window.start.isoformat()} to"
            f" {window.end.isoformat()} is longer."
        )
    return window


def ratio(part: float, whole: float) -> float | None:
    """`part` of `whole`; None if `whole` is 0."""
    return part / whole if whole else None


def age_limits(now: datetime) -> list[datetime]:
    """For each end of a bucket, the instant after which what it has was created."""
    return [now - end for end in AGE_ENDS]


def by_age(younger: Sequence[int], total: int) -> list[int]:
    """The number in each bucket, from the numbers that are younger than each end."""
    ends = [*younger, total]
    return [count - before for before, count in zip([0, *ends], ends, strict=False)]
