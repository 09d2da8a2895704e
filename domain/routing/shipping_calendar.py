"""Shipping and delivery dates of a location: cut-off, working days, handling, capacity, lead time.

Days are days of the location's time zone. `ship_by` and `deliver_by` are the last second of the
promised day, as UTC instants.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.errors import Invalid
from domain.policies.routing import Hours

LAST_SECOND: Final = time(23, 59, 59)
# Limit of the backlog; a later date would carry no useful information.
BACKLOG_DAYS_MAX: Final = 365


@dataclass(frozen=True, slots=True)
class Capacity:
    """Orders a location accepts per day (None: unlimited), and the number taken today."""

    daily: int | None = None
    taken: int = 0

    @property
    def left(self) -> int | None:
        """Orders it still accepts today, never negative; None: unlimited."""
        return None if self.daily is None else max(0, self.daily - self.taken)

    @property
    def days_behind(self) -> int:
        """Working days of backlog before a new order; capacity is a preference, not a limit."""
        if self.daily is None:
            return 0
        backlog = self.taken // self.daily if self.daily else 1
        return min(backlog, BACKLOG_DAYS_MAX)


UNLIMITED: Final = Capacity()


@dataclass(frozen=True, slots=True)
class Promise:
    """Local days of shipping and delivery, and the latest instants of both.

    Without a known lead time there is no promise of delivery.
    """

    ship_on: date
    ship_by: datetime
    deliver_on: date | None = None
    deliver_by: datetime | None = None


def zone_of(name: str) -> ZoneInfo:
    """The time zone with an IANA name; Invalid (field `timeZone`) if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(
            f"The time zone must be an IANA name, such as Europe/London; {name!r} was sent.",
            field=("timeZone",),
        ) from None


def start_of_day(instant: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) of the local day that contains `instant`."""
    day = instant.astimezone(zone).date()
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The last second (as a UTC instant) of a local day."""
    return datetime.combine(day, LAST_SECOND, tzinfo=zone).astimezone(UTC)


def add_working_days(day: date, count: int, working_days: frozenset[int]) -> date:
    """The day `count` working days after `day`; with 0, the first working day from `day` on.

    `working_days` holds weekday numbers (Monday is 0) and is not empty.
    """
    day = _next_working_day(day, working_days)
    weeks, rest = divmod(count, len(working_days))
    day += timedelta(weeks=weeks)
    for _ in range(rest):
        day = _next_working_day(day + timedelta(days=1), working_days)
    return day


def ship_on(now: datetime, zone: ZoneInfo, hours: Hours, capacity: Capacity) -> date:
    """The local day on which an order placed at `now` ships.

    1. Today, if it is a working day and handling ends before the cut-off (exclusive); else the next
    working day.
    2. Whole days of handling and of backlog are added as working days.
    """
    local = now.astimezone(zone)
    whole_days, rest = divmod(hours.handling, timedelta(days=1))
    # Naive local time, so that a change to or from summer time does not shift working hours.
    ready = local.replace(tzinfo=None) + rest
    is_in_time = ready < datetime.combine(local.date(), hours.cut_off)
    first = local.date() if is_in_time else local.date() + timedelta(days=1)
    return add_working_days(first, whole_days + capacity.days_behind, hours.working_days)


def promise(
    now: datetime,
    zone: ZoneInfo,
    hours: Hours,
    *,
    capacity: Capacity = UNLIMITED,
    lead_days: int | None = None,
) -> Promise:
    """The location's promise for an order placed at `now`; `lead_days` are working days."""
    leaves = ship_on(now, zone, hours, capacity)
    if lead_days is None:
        return Promise(leaves, end_of_day(leaves, zone))
    arrives = add_working_days(leaves, lead_days, hours.working_days)
    return Promise(leaves, end_of_day(leaves, zone), arrives, end_of_day(arrives, zone))


def _next_working_day(day: date, working_days: frozenset[int]) -> date:
    for ahead in range(7):
        if (day + timedelta(days=ahead)).weekday() in working_days:
            return day + timedelta(days=ahead)
    raise ValueError("at least one working day is required")
