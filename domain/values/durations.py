"""ISO 8601 durations of fixed length: weeks, days, hours, minutes and seconds."""

import re
from datetime import timedelta
from typing import Final

DAYS_MAX: Final = 3_660

_WEEKS: Final = re.compile(r"P(?P<weeks>[0-9]{1,4})W")
_PARTS: Final = re.compile(
    r"P(?!$)(?:(?P<days>[0-9]{1,5})D)?"
    r"(?:T(?!$)(?:(?P<hours>[0-9]{1,6})H)?(?:(?P<minutes>[0-9]{1,7})M)?"
    r"(?:(?P<seconds>[0-9]{1,9})S)?)?"
)


def parse(text: str) -> timedelta:
    """Parse a duration such as `P30D`, `PT24H`, `P1DT12H` or `P2W`.

    Raises ValueError for anything else: months and years (they have no fixed length), fractions,
    signs, and more than DAYS_MAX days.
    """
    match = _WEEKS.fullmatch(text) or _PARTS.fullmatch(text)
    if match is None:
        raise ValueError("not an ISO 8601 duration of weeks, days, hours, minutes or seconds")
    length = timedelta(**{unit: int(digits) for unit, digits in match.groupdict("0").items()})
    if length > timedelta(days=DAYS_MAX):
        raise ValueError(f"longer than {DAYS_MAX} days")
    return length


def text_of(length: timedelta) -> str:
    """A length of whole seconds as ISO 8601: `P2D`, `PT8H`, `P1DT12H`; `PT0S` for zero."""
    seconds = int(length.total_seconds())
    days, seconds = divmod(seconds, 86_400)
    parts = {"H": seconds // 3_600, "M": seconds // 60 % 60, "S": seconds % 60}
    clock = "".join(f"{count}{unit}" for unit, count in parts.items() if count)
    day = f"{days}D" if days else ""
    return f"P{day}T{clock}" if clock else f"P{day}" if day else "PT0S"
