"""Ranges of time as arguments of lists."""

from datetime import datetime

import strawberry

import domain.values.time_ranges as time_ranges
from schema.fields.arguments import given


@strawberry.input
class TimeRange:
    """A range of time. Each end may be absent."""

    from_: datetime | None = strawberry.field(name="from", default=strawberry.UNSET)
    """First instant of the range."""
    to: datetime | None = strawberry.UNSET
    """End of the range; this instant is not in it."""


def ranged(value: TimeRange | None, argument: str) -> time_ranges.TimeRange | None:
    """The range of an argument; None for an absent one. Raises BadRequest if it is empty."""
    found = given(value)
    if found is None:
        return None
    return time_ranges.time_range(given(found.from_), given(found.to), argument)
