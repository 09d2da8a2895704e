"""Strict reader of policy documents; every fault gives the exact path.

A `Value` is a piece of JSON with the path that leads to it. The caller states the type that it must
have. Anything else raises Invalid, with `rules.bands.GBP[1].upTo` in the message and the path in
`field`. Objects and arrays raise the faults of all their parts at once. A rule that compares parts
is checked after the parts have been read without a fault.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import partial
from typing import Final, NoReturn, TypeVar, cast

import domain.values.durations as durations
import domain.values.money as money
from domain.errors import Invalid
from domain.problems import Problems

ENTRIES_MAX: Final = 1_000
TEXT_MAX: Final = 200

Choice = TypeVar("Choice", bound=StrEnum)
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Value:
    """A JSON value and its path, starting at `rules`."""

    json: object
    path: tuple[str, ...] = ("rules",)
    shown: str = "rules"

    def refuse(self, why: str) -> NoReturn:
        """Raise Invalid with the path of this value and the reason."""
        raise Invalid(f"{self.shown} {why}.", field=self.path, details={"path": self.shown})

    def record(
        self, make: Callable[["Members"], Read], required: str = "", optional: str = ""
    ) -> Read:
        """The result of `make` for the members of an object. Raises the faults of all members.

        The object must have the `required` keys and may have the `optional` ones.
        """
        mandatory, known = required.split(), (*required.split(), *optional.split())
        json, problems = self._object(), Problems()
        for key in json:
            if key not in known:
                with problems.under():
                    self.member(key).refuse(f"is not allowed; allowed are {', '.join(known)}")
        for key in mandatory:
            if key not in json:
                with problems.under():
                    self.member(key).refuse("is missing")
        made = problems.each([lambda: make(Members(self, json, problems))])
        problems.refuse()
        return made[0]

    def entries(self, read: Callable[[str, "Value"], Read]) -> dict[str, Read]:
        """The members of an object whose keys are data, each parsed by `read`.

        Raises the faults of all of them.
        """
        problems = Problems()
        found: dict[str, Read] = {}
        for key, json in self._object().items():
            with problems.under():
                if not key or len(key) > TEXT_MAX:
                    self.refuse(f"must have keys of 1 to {TEXT_MAX} characters; one has {len(key)}")
                found[key] = read(key, self.member(key, json))
        problems.refuse()
        return found

    def elements(self) -> list["Value"]:
        """The elements of an array, each with its path."""
        if not isinstance(self.json, list | tuple):
            self.refuse("must be an array")
        if len(self.json) > ENTRIES_MAX:
            self.refuse(f"has more than {ENTRIES_MAX} entries")
        return [
            Value(each, (*self.path, str(position)), f"{self.shown}[{position}]")
            for position, each in enumerate(self.json)
        ]

    def each(self, read: Callable[["Value"], Read]) -> list[Read]:
        """The elements of an array, each parsed by `read`. Raises the faults of all of them."""
        problems = Problems()
        found = problems.each(partial(read, element) for element in self.elements())
        problems.refuse()
        return found

    def distinct(
        self,
        read: Callable[["Value"], Read],
        is_same: Callable[[Read, Read], bool] = operator.eq,
        why: str = "must not repeat an earlier entry",
    ) -> tuple[Read, ...]:
        """The elements of an array, each parsed by `read`. Raises the faults of all of them.

        An element that is the same as an earlier one is refused for the reason `why`.
        """
        problems = Problems()
        found: list[Read] = []
        for element in self.elements():
            with problems.under():
                each = read(element)
                if any(is_same(each, old) for old in found):
                    element.refuse(why)
                found.append(each)
        problems.refuse()
        return tuple(found)

    def optional(self, read: Callable[["Value"], Read]) -> Read | None:
        """None for null, else the result of `read`."""
        return None if self.json is None else read(self)

    def text(self) -> str:
        if not isinstance(self.json, str) or not self.json or len(self.json) > TEXT_MAX:
            self.refuse(f"must be a text of 1 to {TEXT_MAX} characters")
        return self.json

    def flag(self) -> bool:
        if not isinstance(self.json, bool):
            self.refuse("must be true or false")
        return self.json

    def integer(self, least: int, most: int) -> int:
        json = self.json
        if isinstance(json, bool) or not isinstance(json, int) or not least <= json <= most:
            self.refuse(f"must be a whole number from {least} to {most}")
        return json

    def rate(self) -> Decimal:
        """A number from 0 to 1, exactly as written (0.2 is one fifth)."""
        json = self.json
        is_number = isinstance(json, int | float | Decimal) and not isinstance(json, bool)
        if not is_number or not math.isfinite(json) or not 0 <= json <= 1:  # type: ignore[arg-type,operator]
            self.refuse("must be a number between 0 and 1")
        return Decimal(str(json))

    def choice(self, kind: type[Choice]) -> Choice:
        """A value of an enumeration."""
        try:
            return kind(self.json)  # type: ignore[arg-type]
        except ValueError:
            self.refuse(f"must be one of {', '.join(kind)}")

    def duration(self) -> timedelta:
        try:
            return durations.parse(self.text())
        except ValueError as error:
            self.refuse(f"is {error}")

    def positive_duration(self) -> timedelta:
        duration = self.duration()
        if not duration:
            self.refuse("must be longer than zero")
        return duration

    def clock(self) -> time:
        """A time of day such as `15:00`, in the location's time zone."""
        text = self.text()
        hours, _, minutes = text.partition(":")
        try:
            if len(text) != 5 or not (hours + minutes).isdecimal() or not text.isascii():
                raise ValueError
            return time(int(hours), int(minutes))
        except ValueError:
            self.refuse("must be a time of day from 00:00 to 23:59")

    def day(self) -> date:
        """A calendar day such as `2026-12-25`."""
        text = self.text()
        try:
            day = date.fromisoformat(text)
        except ValueError:
            self.refuse("must be a date such as 2026-12-25")
        if text != day.isoformat():  # ISO 8601 has other forms, such as 2026-W52-5
            self.refuse("must be a date such as 2026-12-25")
        return day

    def amount(self, currency: str) -> int:
        """Minor units of an amount, written as a text in the currency's decimals; not negative."""
        if not isinstance(self.json, str):
            self.refuse('must be a text such as "12.50"')
        try:
            minor = money.parse(Decimal(self.text()), currency).minor
        except InvalidOperation:
            self.refuse("must be a decimal number")
        except Invalid as error:
            self.refuse(f"is not an amount in {currency}: {error.message.rstrip('.')}")
        if minor < 0:
            self.refuse("must not be negative")
        return minor

    def amounts(self) -> dict[str, int]:
        """Parse an object of currency → amount to currency → minor units."""
        return self.entries(lambda _, value: value.amount(value.currency()))

    def currency(self) -> str:
        """The last part of the path, which must be a currency code."""
        code = self.path[-1]
        try:
            money.decimals_of(code)
        except Invalid:
            self.refuse("must have an ISO 4217 currency code as its key")
        return code

    def _object(self) -> Mapping[str, object]:
        if not isinstance(self.json, Mapping):
            self.refuse("must be an object")
        if len(self.json) > ENTRIES_MAX:
            self.refuse(f"has more than {ENTRIES_MAX} entries")
        return self.json

    def member(self, key: str, json: object = None) -> "Value":
        """The value at `key`, with its path."""
        return Value(json, (*self.path, key), f"{self.shown}.{key}")


@dataclass(frozen=True, slots=True)
class Members:
    """The members of one object whose keys were checked. `Value.record` raises their faults."""

    of: Value
    json: Mapping[str, object]
    problems: Problems

    def read(self, key: str, read: Callable[[Value], Read]) -> Read:
        """The required member `key`, parsed by `read`.

        A missing member or one with a fault is None: the object that is made of it is not used.
        """
        return self.get(key, read, cast("Read", None))

    def get(self, key: str, read: Callable[[Value], Read], default: Read) -> Read:
        """The member parsed by `read`; `default` if it is absent or has a fault."""
        if key in self.json:
            with self.problems.under():
                return read(self.of.member(key, self.json[key]))
        return default

    def maybe(self, key: str, read: Callable[[Value], Read]) -> Read | None:
        """The member parsed by `read`; None if it is absent, null or has a fault."""
        return self.get(key, lambda value: value.optional(read), None)
