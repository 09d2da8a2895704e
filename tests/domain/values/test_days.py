"""Days are intervals without gaps and overlaps in every zone of the installed data.

RESTOW_LONG=1 tests every zone on every day of two years, instead of the zones and days below.
"""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from domain.policies.routing import DEFAULT_HOURS, Hours
from domain.routing.shipping_calendar import promise
from domain.values.days import INSTANT, day_of, first_instant, last_instant

LONG = os.environ.get("RESTOW_LONG") == "1"
FROM, UNTIL = date(2026, 1, 1), date(2028, 1, 1)
DAY = timedelta(days=1)
# Clocks change at or near midnight in most of these zones, or by half an hour.
UNUSUAL = [
    *("Africa/Cairo", "Africa/Casablanca", "America/Asuncion", "America/Havana"),
    *("America/Nuuk", "America/Santiago", "America/Scoresbysund", "Antarctica/Troll"),
    *("Asia/Beirut", "Asia/Gaza", "Atlantic/Azores", "Australia/Lord_Howe", "Europe/London"),
    *("Pacific/Chatham", "Pacific/Easter", "Pacific/Kiritimati", "America/New_York", "UTC"),
]
ZONES = sorted(available_timezones()) if LONG else UNUSUAL


def days(first: date, after_last: date) -> Iterator[date]:
    day = first
    while day < after_last:
        yield day
        day += DAY


def chosen_days(zone: ZoneInfo) -> Iterator[date]:
    """Every day, or those around a change of the clocks and the first of each month."""
    for day in days(FROM, UNTIL):
        noons = [datetime(d.year, d.month, d.day, 12, tzinfo=zone) for d in (day - DAY, day + DAY)]
        if LONG or day.day == 1 or noons[0].utcoffset() != noons[1].utcoffset():
            yield day


# Shipping every day until midnight, the ordinary week, and a cut-off in the hours of clock changes.
CLOCK = DEFAULT_HOURS.cut_offs[0]
HOURS = [
    DEFAULT_HOURS,
    Hours((CLOCK.replace(23, 59),) * 7, frozenset(range(7)), timedelta(0)),
    Hours((CLOCK.replace(0, 30),) * 7, frozenset(range(7)), timedelta(hours=1)),
]


@pytest.mark.parametrize("name", ZONES)
def test_each_day_ends_where_the_next_begins_and_is_never_promised_late(name: str) -> None:
    zone = ZoneInfo(name)
    for day in chosen_days(zone):
        begins, ends = first_instant(day, zone), last_instant(day, zone)
        assert ends + INSTANT == first_instant(day + DAY, zone)
        assert timedelta(hours=22) <= ends + INSTANT - begins <= timedelta(hours=26)
        assert begins.astimezone(zone).date() == ends.astimezone(zone).date() == day
        assert (begins - INSTANT).astimezone(zone).date() == day - DAY
        for instant in (begins, begins + timedelta(minutes=29), ends - timedelta(minutes=1), ends):
            assert day_of(instant, zone) == day
            for hours in HOURS:
                found = promise(instant, zone, hours)
                assert instant <= found.ship_by == last_instant(found.ship_on, zone)
                assert found.ship_on >= day


@pytest.mark.parametrize(
    ("name", "day", "begins", "ends"),
    [
        # 00:00 becomes 01:00: the day begins with the jump and has 23 hours.
        ("America/Havana", date(2026, 3, 8), "2026-03-08T05:00:00", "2026-03-09T04:00:00"),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00:00", "2026-04-24T21:00:00"),
        # 24:00 becomes 23:00: the last hour is twice, and both belong to the day.
        ("America/Santiago", date(2026, 4, 4), "2026-04-04T03:00:00", "2026-04-05T04:00:00"),
        ("Africa/Cairo", date(2026, 10, 29), "2026-10-28T21:00:00", "2026-10-29T22:00:00"),
        # 01:00 becomes 00:00: midnight is twice, the day begins with the first.
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00:00", "2026-11-02T05:00:00"),
        # 00:01 became 23:01 of the day before: that day ends with the second midnight.
        ("America/St_Johns", date(2010, 11, 6), "2010-11-06T02:30:00", "2010-11-07T03:30:00"),
        # 23:30 became 00:30: the day began at half past midnight.
        ("America/Toronto", date(1919, 3, 31), "1919-03-31T04:30:00", "1919-04-01T04:00:00"),
        # The day was skipped.
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00:00", "2011-12-30T10:00:00"),
    ],
)
def test_clock_changes_at_midnight(name: str, day: date, begins: str, ends: str) -> None:
    zone = ZoneInfo(name)
    found = first_instant(day, zone), last_instant(day, zone) + INSTANT
    assert [each.replace(tzinfo=None).isoformat() for each in found] == [begins, ends]


def test_an_hour_that_came_back_belongs_to_its_day() -> None:
    zone = ZoneInfo("America/St_Johns")
    for minutes in range(24 * 60, 27 * 60):
        instant = datetime(2010, 11, 6, 2, 30, tzinfo=UTC) + timedelta(minutes=minutes)
        day = day_of(instant, zone)
        assert first_instant(day, zone) <= instant <= last_instant(day, zone)
        assert promise(instant, zone, HOURS[1]).ship_by >= instant
