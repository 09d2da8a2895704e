"""Events of stock counts. A blind count shows its numbers with `count.posted` only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.counts.states import CountCause, CountLineStatus, CountStatus
from domain.events.payloads import CountId, EventPayload


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPayload(EventPayload):
    """The payload of events of a whole count."""

    subject_type: ClassVar[str] = "StockCount"
    scoped_by: ClassVar[tuple[str, ...]] = ("location",)

    number: str
    cause: CountCause
    status: CountStatus
    lines: int
    """Levels that the count has asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCreated(CountPayload):
    """Levels of a location are to be counted."""

    type: ClassVar[str] = "count.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCancelled(CountPayload):
    """A count was given up; lines that were posted before stay posted."""

    type: ClassVar[str] = "count.cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountLinePayload(EventPayload):
    """The payload of events of one line of a count."""

    subject_type: ClassVar[str] = "StockCountLine"
    scoped_by: ClassVar[tuple[str, ...]] = ("location",)

    count: CountId
    sku: str
    location: str
    """Code of the location."""
    status: CountLineStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRecorded(CountLinePayload):
    """A level was counted, or must be counted again."""

    type: ClassVar[str] = "count.recorded"

    asked_again_because: str | None
    """Reason for which the level is counted again; null: it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPosted(CountLinePayload):
    """The difference of a level was booked."""

    type: ClassVar[str] = "count.posted"

    variance: int
    """Units more than the books had; below 0: fewer."""
