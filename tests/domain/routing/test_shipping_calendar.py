from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain.routing.shipping_calendar as shipping_calendar
from domain.errors import Invalid
from domain.policies.routing import DEFAULT_HOURS, Hours
from domain.routing.shipping_calendar import Capacity

LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
# 2026-03-02 is a Monday.
MONDAY, FRIDAY = date(2026, 3, 2), date(2026, 3, 6)
weeks = st.frozensets(st.integers(0, 6), min_size=1)


def at(day: date, hour: int, minute: int = 0, zone: ZoneInfo = LONDON) -> datetime:
    return datetime.combine(day, time(hour, minute), tzinfo=zone).astimezone(UTC)


def hours(handling: timedelta = timedelta(0)) -> Hours:
    return replace(DEFAULT_HOURS, handling=handling)


def end(year: int, month: int, day: int, hour: int = 23) -> datetime:
    """The last instant of an hour, in UTC."""
    return datetime(year, month, day, hour, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "ships"),
    [
        (at(MONDAY, 14, 59), MONDAY),
        (at(MONDAY, 15), MONDAY + timedelta(days=1)),
        (at(FRIDAY, 9), FRIDAY),
        (at(FRIDAY, 16), date(2026, 3, 9)),
        (at(date(2026, 3, 7), 9), date(2026, 3, 9)),
    ],
)
def test_what_comes_before_the_cut_off_leaves_that_day(now: datetime, ships: date) -> None:
    assert (
        shipping_calendar.ship_on(now, LONDON, DEFAULT_HOURS, shipping_calendar.UNLIMITED) == ships
    )


def test_the_cut_off_is_in_the_time_zone_of_the_location() -> None:
    now = at(MONDAY, 16)
    assert (
        shipping_calendar.ship_on(now, NEW_YORK, DEFAULT_HOURS, shipping_calendar.UNLIMITED)
        == MONDAY
    )
    sunday_evening_there = at(MONDAY, 0, 30)
    leaves = shipping_calendar.ship_on(
        sunday_evening_there, NEW_YORK, DEFAULT_HOURS, shipping_calendar.UNLIMITED
    )
    assert leaves == MONDAY


def test_a_promise_ends_with_its_day_in_summer_and_winter() -> None:
    winter = shipping_calendar.promise(at(MONDAY, 9), LONDON, DEFAULT_HOURS, lead_days=2)
    assert winter.ship_by == end(2026, 3, 2)
    assert winter.deliver_by == end(2026, 3, 4)
    summer = shipping_calendar.promise(at(date(2026, 7, 6), 9), LONDON, DEFAULT_HOURS)
    assert summer.ship_by == end(2026, 7, 6, hour=22)
    assert (summer.deliver_on, summer.deliver_by) == (None, None)


def test_lead_times_count_working_days() -> None:
    promise = shipping_calendar.promise(at(FRIDAY, 9), LONDON, DEFAULT_HOURS, lead_days=1)
    assert (promise.ship_on, promise.deliver_on) == (FRIDAY, date(2026, 3, 9))
    same_day = shipping_calendar.promise(at(FRIDAY, 9), LONDON, DEFAULT_HOURS, lead_days=0)
    assert same_day.deliver_on == FRIDAY


@pytest.mark.parametrize(
    ("handling", "ships"),
    [
        (timedelta(hours=4), MONDAY),
        (timedelta(hours=6), MONDAY + timedelta(days=1)),
        (timedelta(days=1), MONDAY + timedelta(days=1)),
        (timedelta(days=5), MONDAY + timedelta(days=7)),
    ],
)
def test_handling_takes_hours_of_the_day_and_whole_working_days(
    handling: timedelta, ships: date
) -> None:
    now = at(MONDAY, 10)
    assert (
        shipping_calendar.ship_on(now, LONDON, hours(handling), shipping_calendar.UNLIMITED)
        == ships
    )


@pytest.mark.parametrize(
    ("capacity", "left", "ships"),
    [
        (Capacity(), None, MONDAY),
        (Capacity(10, 9), 1, MONDAY),
        (Capacity(10, 10), 0, MONDAY + timedelta(days=1)),
        (Capacity(10, 25), 0, MONDAY + timedelta(days=2)),
        (Capacity(0, 0), 0, MONDAY + timedelta(days=1)),
    ],
)
def test_a_full_location_ships_later(capacity: Capacity, left: int | None, ships: date) -> None:
    assert capacity.left == left
    assert shipping_calendar.ship_on(at(MONDAY, 9), LONDON, DEFAULT_HOURS, capacity) == ships


def test_a_hopeless_backlog_is_bounded() -> None:
    assert Capacity(1, 10**9).days_behind == shipping_calendar.BACKLOG_DAYS_MAX


@given(
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.integers(0, 400),
    weeks,
    st.sets(st.integers(0, 60), max_size=30),
)
def test_working_days_are_counted_one_by_one(
    day: date, count: int, week: frozenset[int], away: set[int]
) -> None:
    holidays = frozenset(day + timedelta(days=ahead) for ahead in away)
    hours = replace(DEFAULT_HOURS, working_days=week, holidays=holidays)
    end = shipping_calendar.add_working_days(day, count, hours)
    assert end.weekday() in week
    assert end not in holidays
    between = ((day + timedelta(days=ahead)) for ahead in range((end - day).days))
    assert sum(each.weekday() in week and each not in holidays for each in between) == count


@pytest.mark.parametrize(
    ("now", "ships"),
    [
        (at(MONDAY, 14, 59), MONDAY),
        (at(FRIDAY, 11, 59), FRIDAY),
        (at(FRIDAY, 12), date(2026, 3, 10)),  # Friday ends at noon, and Monday 9th is a holiday
        (at(FRIDAY, 14, 59), date(2026, 3, 10)),
        (at(date(2026, 3, 9), 9), date(2026, 3, 10)),
    ],
)
def test_weekday_cut_offs_and_holidays_shift_the_shipping_day(now: datetime, ships: date) -> None:
    cut_offs = (*(time(15),) * 4, time(12), *(time(15),) * 2)
    holiday = date(2026, 3, 9)
    short = replace(DEFAULT_HOURS, cut_offs=cut_offs, holidays=frozenset({holiday}))
    found = shipping_calendar.promise(now, LONDON, short, lead_days=1)
    assert found.ship_on == ships
    assert found.ship_by == end(ships.year, ships.month, ships.day)
    after = ships + timedelta(days=1)
    assert found.deliver_on == (date(2026, 3, 10) if ships == FRIDAY else after)


@given(
    st.integers(946_684_800, 4_102_444_800).map(lambda second: datetime.fromtimestamp(second, UTC)),
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.sampled_from(["Europe/London", "America/New_York", "Pacific/Chatham", "America/Havana"]),
)
def test_an_order_never_ships_earlier_by_coming_later(
    now: datetime, later: timedelta, name: str
) -> None:
    zone = shipping_calendar.zone_of(name)
    first = shipping_calendar.promise(now, zone, DEFAULT_HOURS, lead_days=1)
    second = shipping_calendar.promise(now + later, zone, DEFAULT_HOURS, lead_days=1)
    assert now <= first.ship_by <= second.ship_by
    assert first.deliver_by is not None
    assert second.deliver_by is not None
    assert first.ship_by <= first.deliver_by <= second.deliver_by


@pytest.mark.parametrize(
    ("name", "first", "hours_long"),
    [
        ("America/Santiago", datetime(2026, 4, 5, 1, tzinfo=UTC), 4),
        ("America/Havana", datetime(2026, 11, 1, 2, tzinfo=UTC), 5),
        ("America/St_Johns", datetime(2010, 11, 7, 1, tzinfo=UTC), 4),
        ("Africa/Cairo", datetime(2026, 4, 23, 20, tzinfo=UTC), 4),
    ],
)
@pytest.mark.parametrize("cut_off", [time(23, 59), time(23, 30), time(0, 30), time(1, 0)])
@pytest.mark.parametrize("handling", [timedelta(0), timedelta(hours=1)])
def test_a_repeated_cut_off_counts_the_last_time(
    name: str, first: datetime, hours_long: int, cut_off: time, handling: timedelta
) -> None:
    """While the clocks go back, an order never ships earlier by coming later."""
    zone = ZoneInfo(name)
    every_day = Hours((cut_off,) * 7, frozenset(range(7)), handling)
    promised = [
        shipping_calendar.promise(first + timedelta(minutes=minutes), zone, every_day).ship_by
        for minutes in range(60 * hours_long)
    ]
    assert promised == sorted(promised)


def test_a_day_begins_where_the_location_is() -> None:
    now = datetime(2026, 7, 5, 23, 30, tzinfo=UTC)
    assert shipping_calendar.start_of_day(now, LONDON) == datetime(2026, 7, 5, 23, tzinfo=UTC)


@pytest.mark.parametrize("name", ["", "Mars/Base", "America", "../etc", "/etc/passwd", "UTC\x00"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        shipping_calendar.zone_of(name)
    assert refusal.value.field == ("timeZone",)


def test_a_week_needs_a_working_day() -> None:
    with pytest.raises(ValueError, match="at least one working day"):
        shipping_calendar.add_working_days(
            MONDAY, 0, replace(DEFAULT_HOURS, working_days=frozenset())
        )
