"""Ranges of time, from an instant up to another one that is excluded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.errors import BadRequest


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The instants from `start` up to `end`, which is excluded; None: no limit."""

    start: datetime | None
    end: datetime | None


def time_range(start: datetime | None, end: datetime | None, argument: str) -> TimeRange | None:
    """The range; None without any limit. Raises BadRequest if it is empty."""
    if start is None and end is None:
        return None
    if start is not None and end is not None and start >= end:
        raise BadRequest(f"{argument}: `from` must be before `to`.")
    return TimeRange(start, end)
