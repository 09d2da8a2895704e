"""Local days of a time zone as intervals of instants, without gaps and overlaps.

A day begins with `first_instant` and ends one microsecond before the next day begins. Clock changes
at midnight are the difficult part:
- Clocks that jump over midnight (Cairo, Havana): the day begins with the jump.
- Clocks that go back after midnight (St John's until 2011): for a while it is the day before again.
  The day begins when the clocks pass midnight for the last time.
- A day that a zone skipped (Apia in 2011) is empty.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
INSTANT: Final = datetime.resolution


@lru_cache(maxsize=4_096)
def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which a local day begins; of an empty day, that of the day after."""
    midnight = datetime.combine(day, time.min, tzinfo=zone)
    first, second = (midnight.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first
    if first < second:
        # The clocks show midnight twice. The second time counts if the day before came back.
        is_day_before = (second - INSTANT).astimezone(zone).date() < day
        return second if is_day_before else first
    return _jump(second, first, day, zone)


def last_instant(day: date, zone: ZoneInfo) -> datetime:
    """The last instant (UTC) of a local day: one microsecond before the next day begins."""
    return first_instant(day + DAY, zone) - INSTANT


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The local day whose interval contains `instant`."""
    day = instant.astimezone(zone).date()
    return day if first_instant(day, zone) <= instant else day - DAY


def _jump(before: datetime, after: datetime, day: date, zone: ZoneInfo) -> datetime:
    """The first whole second from `before` to `after` that has the local date `day` or later."""
    low, high = 0, int((after - before).total_seconds())
    while low < high:
        middle = (low + high) // 2
        if (before + middle * _SECOND).astimezone(zone).date() >= day:
            high = middle
        else:
            low = middle + 1
    return before + low * _SECOND
