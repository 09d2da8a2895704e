"""ROUTING policy: criteria for choosing locations, and their working hours."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from enum import StrEnum
from typing import Final

from domain.policies.reading import Members, Value
from domain.values.codes import comparison_key

ANY: Final = "*"
UNITS_MAX: Final = 1_000_000
DAYS_MAX: Final = 365


class Criterion(StrEnum):
    """A criterion by which candidate locations are compared."""

    LEAD_TIME = "lead_time"
    CAPACITY = "capacity"
    ONE_PARCEL = "one_parcel"
    DEPTH = "depth"
    PREFERENCE = "preference"


class Weekday(StrEnum):
    """A day of the week, in the order of `date.weekday()`."""

    MON = "MON"
    TUE = "TUE"
    WED = "WED"
    THU = "THU"
    FRI = "FRI"
    SAT = "SAT"
    SUN = "SUN"

    @property
    def number(self) -> int:
        """The number of `date.weekday()`: Monday is 0."""
        return list(Weekday).index(self)


@dataclass(frozen=True, slots=True)
class Protection:
    """`units` per SKU of a category (None: of all) are reserved for a channel.

    `channel` is the comparison key of its code.
    """

    channel: str
    category: str | None
    units: int


@dataclass(frozen=True, slots=True)
class Hours:
    """Cut-off times (Monday first), working days (Monday is 0), handling time and holidays."""

    cut_offs: tuple[time, ...]
    working_days: frozenset[int]
    handling: timedelta
    holidays: frozenset[date] = frozenset()

    def cut_off_on(self, day: date) -> time:
        """The time before which an order must be ready to ship on `day`."""
        return self.cut_offs[day.weekday()]

    def is_working_day(self, day: date) -> bool:
        """True if the location ships on `day`."""
        return day.weekday() in self.working_days and day not in self.holidays


@dataclass(frozen=True, slots=True)
class LeadTime:
    """Working days from shipping at `origin` to delivery in `destination`; `*` matches any."""

    service_level: str
    origin: str
    destination: str
    days: int

    @property
    def precision(self) -> tuple[bool, bool, bool]:
        """Sort key of specificity: service level first, then origin, then destination."""
        return (self.service_level != ANY, self.origin != ANY, self.destination != ANY)

    def is_for(self, service_level: str, origin: str, destination: str) -> bool:
        """True if this lead time covers the case."""
        return (
            self.service_level in (ANY, service_level)
            and self.origin in (ANY, origin)
            and self.destination in (ANY, destination)
        )


NO_HOLIDAYS: Final[frozenset[date]] = frozenset()
DEFAULT_CUT_OFF: Final = time(15, 0)
DEFAULT_HOURS: Final = Hours((DEFAULT_CUT_OFF,) * 7, frozenset(range(5)), timedelta(0))


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """A parsed ROUTING policy."""

    order: tuple[Criterion, ...]
    preference: tuple[str, ...]
    parcels_max: int | None
    protected: tuple[Protection, ...]
    locations: Mapping[str, Hours]
    lead_times: tuple[LeadTime, ...]
    other_locations: Hours = DEFAULT_HOURS

    def hours_of(self, location: str) -> Hours:
        """Hours of a location: its own, else those of `*`, else Monday to Friday until 15:00."""
        return self.locations.get(comparison_key(location), self.other_locations)

    def lead_days(self, service_level: str, origin: str, country: str) -> int | None:
        """Working days in transit, by the most specific lead time that matches; None: unknown."""
        fitting = [each for each in self.lead_times if each.is_for(service_level, origin, country)]
        return max(fitting, key=lambda each: each.precision).days if fitting else None


def parse(rules: Value) -> RoutingRules:
    """Parse a ROUTING document; raises its faults with their paths."""
    return rules.record(
        _rules, optional="order preference maxParcels protected locations holidays leadTimes"
    )


def _rules(members: Members) -> RoutingRules:
    holidays = members.get("holidays", _holidays, NO_HOLIDAYS)
    locations: dict[str, Hours] = members.get(
        "locations", lambda value: _locations(value, holidays), {}
    )
    return RoutingRules(
        order=members.get("order", _order, tuple(Criterion)),
        preference=members.get("preference", _preference, ()),
        parcels_max=members.maybe("maxParcels", lambda value: value.integer(1, 1_000)),
        protected=members.get("protected", _protected, ()),
        locations=locations,
        lead_times=members.get("leadTimes", _lead_times, ()),
        other_locations=locations.get(ANY, replace(DEFAULT_HOURS, holidays=holidays)),
    )


def _order(value: Value) -> tuple[Criterion, ...]:
    order = value.distinct(lambda each: each.choice(Criterion))
    if not order:
        value.refuse("must name at least one criterion")
    return order


def _protected(value: Value) -> tuple[Protection, ...]:
    return value.distinct(
        _protection,
        lambda each, old: (each.channel, each.category) == (old.channel, old.category),
        "must not repeat the channel and category of an earlier entry",
    )


def _protection(value: Value) -> Protection:
    return value.record(
        lambda members: Protection(
            channel=members.read("channel", lambda each: comparison_key(each.text())),
            category=members.maybe("category", Value.text),
            units=members.read("units", lambda each: each.integer(0, UNITS_MAX)),
        ),
        "channel units",
        "category",
    )


def _locations(value: Value, holidays: frozenset[date]) -> dict[str, Hours]:
    hours = value.entries(lambda _, each: _hours(each, holidays))
    return {comparison_key(code): each for code, each in hours.items()}


def _preference(value: Value) -> tuple[str, ...]:
    return tuple(map(comparison_key, value.distinct(Value.text)))


def _hours(value: Value, holidays: frozenset[date]) -> Hours:
    """Hours of one location. `holidays` are those of all locations, to which its own are added."""
    return value.record(
        lambda members: Hours(
            cut_offs=members.get("cutOff", _cut_offs, DEFAULT_HOURS.cut_offs),
            working_days=members.get("workingDays", _working_days, DEFAULT_HOURS.working_days),
            handling=members.get("handling", Value.duration, DEFAULT_HOURS.handling),
            holidays=holidays | members.get("holidays", _holidays, NO_HOLIDAYS),
        ),
        optional="cutOff workingDays handling holidays",
    )


def _cut_offs(value: Value) -> tuple[time, ...]:
    """One time for all days, or times by weekday; a weekday without a time has the default."""
    if not isinstance(value.json, Mapping):
        return (value.clock(),) * len(Weekday)
    return value.record(
        lambda members: tuple(members.get(day, Value.clock, DEFAULT_CUT_OFF) for day in Weekday),
        optional=" ".join(Weekday),
    )


def _holidays(value: Value) -> frozenset[date]:
    return frozenset(value.distinct(Value.day))


def _working_days(value: Value) -> frozenset[int]:
    days = value.distinct(lambda each: each.choice(Weekday))
    if not days:
        value.refuse("must name at least one day")
    return frozenset(day.number for day in days)


def _lead_times(value: Value) -> tuple[LeadTime, ...]:
    return value.distinct(
        _lead_time, _is_same_case, "must not repeat the case of an earlier lead time"
    )


def _lead_time(value: Value) -> LeadTime:
    return value.record(
        lambda members: LeadTime(
            service_level=members.read("serviceLevel", Value.text),
            origin=members.read("from", Value.text),
            destination=members.read("to", Value.text),
            days=members.read("days", lambda each: each.integer(0, DAYS_MAX)),
        ),
        "serviceLevel from to days",
    )


def _is_same_case(one: LeadTime, other: LeadTime) -> bool:
    return (one.service_level, one.origin, one.destination) == (
        other.service_level,
        other.origin,
        other.destination,
    )
