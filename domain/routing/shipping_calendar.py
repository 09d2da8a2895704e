"""When a location ships and delivers: cut-off, working days, handling, capacity and lead time.

Days are days of the location's time zone. A promise ends with its day: `ship_by` and `deliver_by`
are the last second of it, as UTC instants.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.errors import Invalid
from domain.policies.routing import Hours

LAST_SECOND: Final = time(23, 59, 59)
# A location that is so far behind says nothing useful by being later still.
BACKLOG_DAYS_MAX: Final = 365


@dataclass(frozen=True, slots=True)
class Capacity:
    """Orders a location takes per day (None: any number), and how many it has for today."""

    daily: int | None = None
    taken: int = 0

    @property
    def left(self) -> int | None:
        """Orders it still takes today, never negative; None: any number."""
        return None if self.daily is None else max(0, self.daily - self.taken)

    @property
    def days_behind(self) -> int:
        """Working days until a new order's turn comes; capacity is a preference, not a limit."""
        if self.daily is None:
            return 0
        behind = self.taken // self.daily if self.daily else 1
        return min(behind, BACKLOG_DAYS_MAX)


UNLIMITED: Final = Capacity()


@dataclass(frozen=True, slots=True)
class Promise:
    """On which local days an order leaves and arrives, and until which instants at the latest.

    Without a known lead time there is no promise of arrival.
    """

    ship_on: date
    ship_by: datetime
    deliver_on: date | None = None
    deliver_by: datetime | None = None


def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name; Invalid (field `timeZone`) when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"{name!r} is not an IANA time zone.", field=("timeZone",)) from None


def start_of_day(instant: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) of the local day that `instant` lies in."""
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
    """The local day on which an order placed at `now` leaves.

    Today, if it is a working day and the order is handled before the cut-off (which is over at
    its very minute); whole days of handling and of backlog are working days on top.
    """
    local = now.astimezone(zone)
    whole_days, rest = divmod(hours.handling, timedelta(days=1))
    # Naive local time: a working day's hours, whatever the clocks do at night.
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
    """What a location can promise for an order placed at `now`; `lead_days` are working days."""
    leaves = ship_on(now, zone, hours, capacity)
    if lead_days is None:
        return Promise(leaves, end_of_day(leaves, zone))
    arrives = add_working_days(leaves, lead_days, hours.working_days)
    return Promise(leaves, end_of_day(leaves, zone), arrives, end_of_day(arrives, zone))


def _next_working_day(day: date, working_days: frozenset[int]) -> date:
    for ahead in range(7):
        if (day + timedelta(days=ahead)).weekday() in working_days:
            return day + timedelta(days=ahead)
    raise ValueError("a week without working days")
