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
    return Hours(DEFAULT_HOURS.cut_off, DEFAULT_HOURS.working_days, handling)


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
    assert winter.ship_by == datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)
    assert winter.deliver_by == datetime(2026, 3, 4, 23, 59, 59, tzinfo=UTC)
    summer = shipping_calendar.promise(at(date(2026, 7, 6), 9), LONDON, DEFAULT_HOURS)
    assert summer.ship_by == datetime(2026, 7, 6, 22, 59, 59, tzinfo=UTC)
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


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 400), weeks)
def test_working_days_are_counted_one_by_one(day: date, count: int, week: frozenset[int]) -> None:
    end = shipping_calendar.add_working_days(day, count, week)
    assert end.weekday() in week
    between = ((day + timedelta(days=ahead)) for ahead in range((end - day).days))
    assert sum(each.weekday() in week for each in between) == count


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


def test_a_day_begins_and_ends_where_the_location_is() -> None:
    now = datetime(2026, 7, 5, 23, 30, tzinfo=UTC)
    assert shipping_calendar.start_of_day(now, LONDON) == datetime(2026, 7, 5, 23, tzinfo=UTC)
    assert (
        shipping_calendar.end_of_day(date(2026, 7, 6), LONDON).isoformat()
        == "2026-07-06T22:59:59+00:00"
    )


@pytest.mark.parametrize("name", ["", "Mars/Base", "America", "../etc", "/etc/passwd", "UTC\x00"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        shipping_calendar.zone_of(name)
    assert refusal.value.field == ("timeZone",)


def test_a_week_needs_a_working_day() -> None:
    with pytest.raises(ValueError, match="at least one working day"):
        shipping_calendar.add_working_days(MONDAY, 0, frozenset())
