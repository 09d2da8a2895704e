"""Strict reader of policy documents; every error gives the exact path.

A `Value` is a piece of JSON with the path that leads to it. The caller states the type that it must
have. Anything else raises Invalid, with `rules.bands.GBP[1].upTo` in the message and the path in
`field`.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final, NoReturn, TypeVar

import domain.values.durations as durations
import domain.values.money as money
from domain.errors import Invalid

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

    def members(self, required: str = "", optional: str = "") -> "Members":
        """The members of an object that must have `required` and may have `optional` keys."""
        mandatory, known = required.split(), (*required.split(), *optional.split())
        members = self._object()
        for key in members:
            if key not in known:
                self.member(key).refuse(f"is not allowed; allowed are {', '.join(known)}")
        for key in mandatory:
            if key not in members:
                self.member(key).refuse("is missing")
        return Members(self, members)

    def entries(self) -> Iterator[tuple[str, "Value"]]:
        """The members of an object whose keys are data, each with its path."""
        for key, json in self._object().items():
            if not key or len(key) > TEXT_MAX:
                self.refuse(f"must have keys of 1 to {TEXT_MAX} characters; one has {len(key)}")
            yield key, self.member(key, json)

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

    def distinct(self, read: Callable[["Value"], Read]) -> tuple[Read, ...]:
        """The elements of an array, each parsed by `read`, without duplicates."""
        found: list[Read] = []
        for element in self.elements():
            each = read(element)
            if each in found:
                element.refuse("must not repeat an earlier entry")
            found.append(each)
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
        return {code: value.amount(value.currency()) for code, value in self.entries()}

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
    """The members of one object whose keys were checked."""

    of: Value
    json: Mapping[str, object]

    def __getitem__(self, key: str) -> Value:
        """The member; null with its path if it is absent."""
        return self.of.member(key, self.json.get(key))

    def get(self, key: str, read: Callable[[Value], Read], default: Read) -> Read:
        """The member parsed by `read`, or `default` if it is absent."""
        return read(self[key]) if key in self.json else default
