"""Shipping and delivery dates of a location: cut-off, working days, handling, capacity, lead time.

Days are days of the location's time zone. `ship_by` and `deliver_by` are the last instant of the
promised day, in UTC.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.errors import Invalid
from domain.policies.routing import Hours
from domain.values.days import day_of, first_instant, last_instant

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
    return first_instant(day_of(instant, zone), zone)


def add_working_days(day: date, count: int, hours: Hours) -> date:
    """The day `count` working days after `day`; with 0, the first working day from `day` on."""
    if not hours.working_days:
        raise ValueError("at least one working day is required")
    day = _next_working_day(day, hours)
    if not hours.holidays:  # whole weeks at once
        weeks, count = divmod(count, len(hours.working_days))
        day += timedelta(weeks=weeks)
    for _ in range(count):
        day = _next_working_day(day + timedelta(days=1), hours)
    return day


def ship_on(now: datetime, zone: ZoneInfo, hours: Hours, capacity: Capacity) -> date:
    """The local day on which an order placed at `now` ships.

    1. Today, if it is a working day and handling ends before the cut-off of its weekday
    (exclusive); else the next working day. Holidays are not working days.
    2. Whole days of handling and of backlog are added as working days.
    """
    today = day_of(now, zone)
    whole_days, rest = divmod(hours.handling, timedelta(days=1))
    # Local time without an offset, so that a clock change does not shift working hours.
    deadline = datetime.combine(today, hours.cut_off_on(today)) - rest
    is_in_time = now.astimezone(zone).replace(tzinfo=None) < deadline
    # The deadline may come again when the clocks go back.
    is_in_time |= now < deadline.replace(tzinfo=zone, fold=1).astimezone(UTC)
    first = today if is_in_time else today + timedelta(days=1)
    return add_working_days(first, whole_days + capacity.days_behind, hours)


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
        return Promise(leaves, last_instant(leaves, zone))
    arrives = add_working_days(leaves, lead_days, hours)
    return Promise(leaves, last_instant(leaves, zone), arrives, last_instant(arrives, zone))


def _next_working_day(day: date, hours: Hours) -> date:
    while not hours.is_working_day(day):
        day += timedelta(days=1)
    return day
