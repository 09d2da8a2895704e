"""Ages of what waits, in ranges."""

from collections.abc import Sequence

import strawberry

from domain.metrics import AGE_ENDS, by_age
from models.queries.metrics.exceptions import OpenRow
from models.queries.metrics.queues import WaitingRow


@strawberry.type
class AgeBucket:
    """A range of ages, and the number of objects in it."""

    from_seconds: int
    """Least age, in seconds."""
    to_seconds: int | None
    """Age that is too old for the range; null: none."""
    count: int
    """Number of objects of these ages."""


def ages_of(younger: Sequence[int], total: int) -> list[AgeBucket]:
    ends = [int(end.total_seconds()) for end in AGE_ENDS]
    counts = by_age(younger, total)
    return [
        AgeBucket(from_seconds=start, to_seconds=end, count=count)
        for start, end, count in zip([0, *ends], [*ends, None], counts, strict=True)
    ]


def younger_than(row: WaitingRow | OpenRow) -> list[int]:
    return [
        int(each)
        for each in (
            row["younger_0"],
            row["younger_1"],
            row["younger_2"],
            row["younger_3"],
            row["younger_4"],
        )
    ]
